"""What teaches the reader on an accelerator, against what the package does on a processor."""

import argparse
import copy
import itertools
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from surehand.models import build
from surehand.render import CLASSES
from surehand.render import _render as rendering
from surehand.render._background import background
from surehand.render._factors import _PICTURE_LAWS, draw_factors
from surehand.render._hand import render_hand
from surehand.render._hand_rows import vector
from surehand.render._handshapes import default_handshapes
from surehand.render._scene import scene_of
from surehand.render._skin import skin_of, tone_albedo
from surehand.train._optimizers import muon

TOOLS = Path(__file__).parents[2] / "tools/reader"


@pytest.mark.parametrize("moved", [0.0, 0.06])
def test_photographs_are_those_of_the_processor(moved):
    from photograph_on_gpu import numbers_of, photograph

    wanted, given = [], []
    for index, name in enumerate("ABLWY"):
        factors = draw_factors(name, default_handshapes(), seed=1, index=index)
        factors = replace(factors, noise=0.0, motion_blur=moved, back_light=index == 0)
        scene = scene_of(name, factors, default_handshapes(), 96)
        light = background(factors.background, 1, factors.background_light, 0.01, tone_albedo(factors.tone), 96)
        vectors = vector(scene.view), vector(scene.light), vector(skin_of(factors))
        hand = render_hand(scene.capsules, scene.sleeve, *vectors, 2, 1)
        given.append((light.copy(), hand.colour, hand.coverage, np.array(numbers_of(factors), np.float32)))
        if factors.back_light:
            light = light * np.float32(1.3) + np.float32(0.25)
        rendering.cover_with(light, hand.colour, hand.coverage, rendering._hand_gain(hand, factors))
        wanted.append(rendering.photograph(light, factors))
    lights, colours, coverages, numbers = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*given, strict=True))
    taken = photograph(lights.permute(0, 3, 1, 2), colours, coverages, numbers).numpy()
    difference = np.abs(taken.astype(int) - np.array(wanted)).mean((1, 2, 3))
    assert difference.max() < 2, "grey levels of 255"


def test_steps_made_orthogonal_at_once_are_those_made_one_by_one():
    from muon_at_once import MuonAtOnce

    model = build("reader", 4, 32, seed=0)
    start, other = copy.deepcopy(model.state_dict()), copy.deepcopy(model)
    one_by_one, at_once = muon(model, 1e-2, 0.05), MuonAtOnce(muon(other, 1e-2, 0.05).param_groups)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        for a, b in zip(model.parameters(), other.parameters(), strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        one_by_one.step()
        at_once.step()
    for (name, a), b in zip(model.named_parameters(), other.parameters(), strict=True):
        moved = (a - start[name]).norm()
        assert (a - b).norm() < 1e-3 * moved, name


def test_weights_are_the_mean_of_all():
    import teach

    states = [build("reader", 29, 96, seed=seed).state_dict() for seed in range(3)]
    mean = teach.mean_of(states)
    for name, tensor in mean.items():
        expected = sum(state[name].double() for state in states) / 3 if tensor.is_floating_point() else states[0][name]
        torch.testing.assert_close(tensor.double(), expected.double())
    assert not torch.equal(mean["output.weight"], states[0]["output.weight"])


def test_either_half_of_a_batch_teaches_one_trunk(monkeypatch):
    import teach

    monkeypatch.setattr(teach, "DEVICE", "cpu")
    pupil = teach.Pupil(build("reader", 29, 96).state_dict())
    logits, poses = pupil(torch.rand(8, 3, 96, 96))
    for half, taught, other in (
        (slice(4), ("reader.plain", "heads.0"), ("reader.residual", "heads.1")),
        (slice(4, 8), ("reader.residual", "heads.1"), ("reader.plain", "heads.0")),
    ):
        pupil.zero_grad()
        (logits[half].square().sum() + poses[half].square().sum()).backward(retain_graph=True)
        moved = {name for name, p in pupil.named_parameters() if p.grad is not None and p.grad.any()}
        assert not [name for name in moved if name.startswith(other)]
        assert all(any(name.startswith(part) for name in moved) for part in taught)


def test_logits_while_learning_are_those_of_the_trunk_that_learns(monkeypatch):
    import teach

    monkeypatch.setattr(teach, "DEVICE", "cpu")
    monkeypatch.setattr(teach, "DROPOUT", 0.0)
    pupil = teach.Pupil(build("reader", 29, 96).state_dict()).eval()
    reader, images = pupil.reader, torch.rand(4, 3, 96, 96)
    logits, _ = pupil(images)
    pixels = reader.normalise(images)
    plain, residual = reader.output.weight.split((reader.plain.width, reader.residual.width), 1)
    expected = torch.cat((reader.plain(pixels[:2]) @ plain.T, reader.residual(pixels[2:]) @ residual.T))
    assert torch.allclose(logits, expected + reader.output.bias, atol=0.05), "of bfloat16"


@pytest.fixture
def letters(monkeypatch):
    """Pools of two freedoms with room for 60 letters, and a feed of 29 at a time whose labels count what was made."""
    import batches

    torch.manual_seed(0)
    monkeypatch.setattr(batches, "DEVICE", "cpu")
    monkeypatch.setattr(batches, "HANDS", 29)
    monkeypatch.setattr(
        batches.Letters,
        "_pictures",
        lambda _, scenes: torch.from_numpy(scenes.labels % 251).byte()[:, None, None, None],
    )
    made = batches.Letters.__new__(batches.Letters)
    made.made = {1.0: 0, 2.0: 0}
    made._pools = {
        freedom: batches.Batch(
            torch.full((58, 2, 2, 3), 255, dtype=torch.uint8), torch.full((58,), -1), torch.zeros(58, batches.POSE)
        )
        for freedom in made.made
    }
    numbers = itertools.count()

    @contextmanager
    def following(wait):
        slot = next(numbers)
        labels = np.arange(29) + 29 * slot
        yield SimpleNamespace(
            freedom=[1.0 if slot % 2 == 0 else 2.0], labels=labels, poses=np.zeros((29, batches.POSE), np.float32)
        )

    made.feed = SimpleNamespace(next=following)
    return made


def test_letters_replace_the_oldest_of_their_freedom(letters):
    for _ in range(5):
        letters.grow()
    assert letters.made == {1.0: 87, 2.0: 58}
    first, second = (letters._pools[freedom].labels.tolist() for freedom in (1.0, 2.0))
    assert first == [*range(116, 145), *range(58, 87)]
    assert second == [*range(29, 58), *range(87, 116)]
    assert torch.equal(letters._pools[1.0].pixels[:, 1, 1, 2].long(), letters._pools[1.0].labels % 251)


def test_letters_of_all_freedoms_are_drawn_in_equal_parts(letters):
    letters.grow()
    letters.grow()  # half of either pool is filled
    batch = letters.some(1001, [1.0, 2.0])
    assert (batch.labels < 29).sum() == 500
    assert batch.labels.min() >= 0, "nothing of what is empty"
    assert batch.labels.tolist() != sorted(batch.labels.tolist()), "in no order"
    assert torch.equal(batch.pixels[:, 0, 0, 0].long(), batch.labels)


def test_photographs_of_all_folders_are_drawn_in_equal_parts(monkeypatch):
    import batches

    monkeypatch.setattr(batches, "DEVICE", "cpu")
    photographs = batches.Photographs([])
    photographs._sets = [(torch.full((n, 2, 2, 3), n), torch.full((n,), n)) for n in (3, 50)]
    batch = photographs.some(10)
    assert sorted(batch.labels.tolist()) == [3] * 5 + [50] * 5
    assert batch.poses.isnan().all(), "nobody measured them"


def test_parts_of_other_hands_come_behind():
    from batches import before_others

    torch.manual_seed(0)
    behind, colour, coverage = torch.ones(64, 3, 8, 8), torch.full((64, 8, 8, 3), 0.25), torch.ones(64, 8, 8)
    seen = before_others(behind, colour, coverage, 0.25)
    changed = (seen != 1).flatten(1).any(1)
    assert 5 <= changed.sum() <= 30, "a quarter of them"
    hidden = seen[changed].flatten(1).amin(1)
    assert ((hidden >= 0.25 * 0.4 - 1e-6) & (hidden <= 0.25 * 2.0)).all(), (
        "where a hand is, nothing else shines through"
    )
    assert (behind == 1).all(), "what was given is as it was"


def test_processes_fill_every_seed_once_and_every_freedom_equally_often():
    from scenes import SceneFeed

    feed = SceneFeed.__new__(SceneFeed)
    feed.size, feed.seed, feed.workers, feed.freedoms = 96, 100, 3, [1.0, 1.7, 2.0]
    tasks = [feed.task(number, round_) for number in range(3) for round_ in range(6)]
    assert sorted(seed for seed, _, _ in tasks) == list(range(100, 118))
    assert [sum(f == freedom for *_, f in tasks) for freedom in feed.freedoms] == [6, 6, 6]


def test_scenes_know_the_poses_of_all_but_nothing(monkeypatch):
    import scenes

    monkeypatch.setattr(scenes, "HANDS", 29)
    monkeypatch.setattr(scenes, "BACKGROUNDS", 1)
    slot = scenes.Scenes.shared(16)
    slot.fill(5, 16, 1.7)
    unknown = np.isnan(slot.poses).all(1)
    assert slot.freedom[0] == 1.7
    assert [CLASSES[label] for label in slot.labels[unknown]] == ["nothing"]
    assert np.isfinite(slot.poses[~unknown]).all()


def test_poses_of_left_hands_are_mirrored():
    from scenes import POSE, pose_of

    shapes = default_handshapes()
    variant, right = shapes.classes["L"][0], draw_factors("L", shapes, seed=3, index=0, fixed={"hand": "right"})
    ours, theirs = pose_of(variant, right, shapes), pose_of(variant, replace(right, hand="left"), shapes)
    assert ours.shape == (POSE,)
    across = [POSE - 6, POSE - 3]
    assert np.allclose(ours[across], -theirs[across])
    assert np.allclose(np.delete(ours, across), np.delete(theirs, across))
    assert np.abs(ours[across]).min() > 0


def test_freer_hands_stray_further_and_nearer_ones_are_larger():
    from scenes import LARGEST_PALM, SMALLEST_PALM, freer, nearer, pose_of, turned

    shapes, wide = default_handshapes(), freer(default_handshapes(), 2.0)
    variant = shapes.classes["L"][0]
    factors = [draw_factors("L", shapes, seed=3, index=i) for i in range(200)]
    angles = [[pose_of(variant, f, s)[:16] for f in factors] for s in (shapes, wide)]
    narrow_spread, wide_spread = (np.std(a, axis=0).mean() for a in angles)
    assert 1.5 * narrow_spread < wide_spread < 2.1 * narrow_spread, "limits of joints clip some"
    ends = [_PICTURE_LAWS["palm_width"].draw([u]) for u in (0.0, 1.0)]
    assert ends == pytest.approx([SMALLEST_PALM, LARGEST_PALM])
    widths = np.array([nearer(f).palm_width for f in factors])
    assert 0.24 <= widths.min() < 0.26
    assert 0.59 < widths.max() <= 0.62
    assert np.array_equal(np.argsort(widths), np.argsort([f.palm_width for f in factors]))
    assert turned(factors[0], 1.0) == factors[0]
    assert turned(factors[0], 2.0).yaw == pytest.approx(1.4 * factors[0].yaw)
    assert turned(factors[0], 2.0).roll == factors[0].roll


def test_a_branch_is_read_from_a_word():
    from teach import Branch

    assert Branch.of("1,1.7:0.3") == Branch((1.0, 1.7), 0.3)
    assert Branch.of("2") == Branch((2.0,), 0.0)
    for wrong in ("", "wide", "1,", "0", "1:much", "1:-1", "nan"):
        with pytest.raises(argparse.ArgumentTypeError, match=re.escape(f"as in 1,1.7:0.3; got {wrong!r}")):
            Branch.of(wrong)


IN_THE_SIMULATOR = """
import numpy as np
from surehand.render._factors import draw_factors
from surehand.render._handshapes import default_handshapes
from surehand.render._hand import render_hand
from surehand.render._hand_rows import vector
from surehand.render._scene import scene_of
from surehand.render._skin import skin_of
from hands_on_gpu import TILE, render_hands

shapes, size = default_handshapes(), 16
factors = draw_factors("L", shapes, seed=1, index=0, fixed={"palm_width": 0.3})
scene = scene_of("L", factors, shapes, size)
vectors = vector(scene.view), vector(scene.light), vector(skin_of(factors))
wanted, covered, _, _ = render_hand(scene.capsules, scene.sleeve, *vectors, 2, 1)
colour, coverage = np.zeros((1, size, size, 3), np.float32), np.zeros((1, size, size), np.float32)
given = [np.asarray(values, np.float32)[None] for values in (scene.capsules, scene.sleeve, *vectors)]
render_hands[(size // TILE, size // TILE, 1), (TILE, TILE)](*given, colour, coverage)
assert covered.mean() > 0.05
assert np.abs(coverage[0] - covered).max() <= 0.25, "one of four rays"
assert np.abs(colour[0] - wanted).mean() < 2e-3, "rays that come from elsewhere end within a tolerance"
"""


def test_hands_are_those_of_the_processor():
    """In the simulator, whose precision is not an accelerator's."""
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(TOOLS)}
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_SIMULATOR], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
