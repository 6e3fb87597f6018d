from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surehand.attack import DEFAULT_EPSILONS, Threat, grey_levels, parse_epsilon
from surehand.errors import UsageError

GRID = torch.arange(256).float() / 255
UNIT = st.floats(0, 1, width=32)
EPSILONS = st.one_of(st.floats(1e-4, 1), st.integers(1, 255).map(lambda level: level / 255))


def image(values):
    """Any number of values as one image of three channels."""
    values = torch.as_tensor(values, dtype=torch.float32).flatten()
    return torch.nn.functional.pad(values, (0, -len(values) % 3)).reshape(1, 3, 1, -1)


@pytest.mark.parametrize("epsilon", [*DEFAULT_EPSILONS[1:], 0.01, 0.03, 1 / 3, 1e-7])
@pytest.mark.parametrize("sign", [-1, 1])
def test_every_grey_level_obeys_the_budget_exactly_and_in_float32(epsilon, sign):
    clean = image(GRID)
    projected = Threat(epsilon=epsilon).project(clean + sign * epsilon, clean)
    assert all(
        abs(Fraction(p) - Fraction(c)) <= Fraction(epsilon)
        for p, c in zip(projected.flatten().tolist(), clean.flatten().tolist(), strict=True)
    )
    assert (projected.numpy() - clean.numpy()).astype(np.float64).__abs__().max() <= epsilon
    assert float(projected.min()) >= 0
    assert float(projected.max()) <= 1


@settings(max_examples=150, deadline=None)
@given(st.lists(UNIT, min_size=3, max_size=3), st.lists(st.floats(-3, 3, width=32), min_size=3, max_size=3), EPSILONS)
def test_linf_projection_is_the_nearest_float32_within_the_budget(clean, points, epsilon):
    projected = Threat(epsilon=epsilon).project(image(points), image(clean)).flatten().tolist()
    for got, point, pixel in zip(projected, points, clean, strict=True):
        low, high = (
            max(Fraction(0), Fraction(pixel) - _budget(epsilon)),
            min(Fraction(1), Fraction(pixel) + _budget(epsilon)),
        )
        assert low <= Fraction(got) <= high
        if low <= Fraction(point) <= high:
            assert got == point
        else:
            onwards = Fraction(float(np.nextafter(np.float32(got), np.float32(point))))
            assert not low <= onwards <= high


def _budget(epsilon):
    """The largest float32 that is not above epsilon."""
    nearest = np.float32(epsilon)
    return Fraction(float(nearest if float(nearest) <= epsilon else np.nextafter(nearest, np.float32(0))))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.floats(1e-3, 20))
def test_l2_projection_obeys_strictly_and_leaves_what_obeys(seed, epsilon):
    random = torch.Generator().manual_seed(seed)
    clean = torch.rand(4, 3, 5, 7, generator=random)
    points = clean + torch.randn(4, 3, 5, 7, generator=random) * torch.tensor([1e-3, 0.1, 1, 10])[:, None, None, None]
    threat = Threat("l2", epsilon)
    projected = threat.project(points, clean)
    assert threat.contains(projected, clean).all()
    assert (np.linalg.norm((projected - clean).double().flatten(1), axis=1) <= epsilon).all()
    obeyed = threat.contains(points, clean)
    assert torch.equal(projected[obeyed], points[obeyed])


def test_l2_projection_scales_to_the_sphere():
    clean, points = image([0.1, 0.1, 0.0]), image([0.4, 0.5, 0.0])  # (0.3, 0.4): length 0.5
    assert torch.allclose(Threat("l2", 0.25).project(points, clean), image([0.25, 0.3, 0.0]))
    assert torch.equal(Threat("l2", 2.0).project(points, clean), points)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_contains_has_no_tolerance(norm):
    clean = image([0.5, 0.5, 0.5])
    threat = Threat(norm, 0.125)
    just = image([0.625, 0.5, 0.5])
    assert threat.contains(just, clean).all()
    assert not threat.contains(torch.nextafter(just, torch.ones(1)) - image([0, 0, 0]), clean).any()
    assert not threat.contains(image([float("nan"), 0.5, 0.5]), clean).any()
    assert not threat.contains(image([-1e-9, 0, 0]), image([0, 0, 0])).any()


def test_steepest_has_length_one_and_survives_tiny_and_zero_gradients():
    gradient = torch.stack([torch.full((3, 2, 2), 1e-30), torch.zeros(3, 2, 2), torch.randn(3, 2, 2)])
    for norm in ("linf", "l2"):
        threat = Threat(norm, 1.0)
        lengths = threat.distance(threat.steepest(gradient), torch.zeros_like(gradient))
        assert lengths.tolist() == pytest.approx([1, 0, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("linf", 8),
            r"epsilon must be in \(0, 1\] because images are in \[0, 1\]; got 8. For 8 grey levels pass 8/255.",
        ),
        (("linf", 0), "Only a sweep accepts 0"),
        (("l2", float("nan")), "positive"),
    ],
)
def test_impossible_threats_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        Threat(*arguments)


def test_an_unknown_norm_is_refused():
    threat = Threat()
    object.__setattr__(threat, "norm", "l1")  # types are enforced while testing, so it cannot be constructed
    with pytest.raises(UsageError, match="linf, l2"):
        threat.__post_init__()


def test_grey_levels_count_whole_levels():
    assert [grey_levels(level / 255) for level in range(256)] == list(range(256))
    assert [grey_levels(epsilon) for epsilon in (0.01, 0.03, 0.002, 0.999 / 255)] == [2, 7, 0, 0]


def test_default_epsilons_are_twenty_whole_grey_levels_from_zero():
    assert len(DEFAULT_EPSILONS) == 20
    assert DEFAULT_EPSILONS[0] == 0
    assert list(DEFAULT_EPSILONS) == sorted(set(DEFAULT_EPSILONS))
    assert all(grey_levels(epsilon) / 255 == epsilon for epsilon in DEFAULT_EPSILONS)


def test_parse_epsilon():
    assert parse_epsilon("8/255") == 8 / 255
    assert parse_epsilon("0.03") == 0.03
    assert parse_epsilon("0") == 0
    with pytest.raises(UsageError, match="pass 8/255"):
        parse_epsilon("8")
    for text in ("", "8/0", "a/b", "8/255/3", "nan", "inf", "-0.1", "1e400"):
        with pytest.raises(UsageError):
            parse_epsilon(text)
