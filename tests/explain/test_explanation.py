from contextlib import suppress
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from surehand.errors import DataError, UsageError
from surehand.explain import explain, grid_segments, load


@pytest.fixture
def explanation(scene, as_images, net):
    segments = grid_segments(40, 40, 3, 3)[None]
    return explain(net, as_images(scene(40, 40)), segments=segments, perturbations=30, against=6, target=2)[0]


@pytest.fixture
def ranked(explanation):
    """Coefficients written by hand: 3 and 1 lead, four are negative."""
    return replace(explanation, coefficients=np.array([-0.1, 0.4, 0.0, 0.9, -0.5, 0.1, 0.2, -0.3, -0.2]))


def test_top_ranks_by_signed_coefficient(ranked):
    assert ranked.top() == (3, 1, 6, 5)
    assert ranked.top(2) == (3, 1)
    assert ranked.top(100) == (3, 1, 6, 5, 2, 0, 8, 7, 4)


def test_top_of_a_recipe_that_shows_positive_superpixels_stops_at_zero(ranked):
    assert replace(ranked, positive_only=True, shown=5).top() == (3, 1, 6, 5)


def test_top_of_nothing_is_refused(ranked):
    with pytest.raises(UsageError, match="at least 1"):
        ranked.top(0)


def test_cover_shows_the_top_superpixels_and_covers_the_rest(ranked):
    picture = ranked.cover(2, colour=0.25)
    kept = (ranked.segments == 3) | (ranked.segments == 1)
    assert np.array_equal(picture[:, kept], ranked.image[:, kept])
    assert (picture[:, ~kept] == 0.25).all()
    assert (ranked.cover(2)[:, ~kept] == 0).all()


def test_a_perturbation_can_be_drawn(explanation):
    picture, mask = explanation.perturbed(0), explanation.masks[0]
    for s in range(9):
        source = explanation.image if mask[s] else explanation.hidden
        inside = explanation.segments == s
        assert np.array_equal(picture[:, inside], source[:, inside])


def test_a_saved_explanation_comes_back_whole(explanation, tmp_path):
    explanation = replace(explanation, warnings=("the first ü", "the second"))
    explanation.save(tmp_path / "e.npz")
    loaded = load(tmp_path / "e.npz")
    assert type(loaded) is type(explanation)
    for field in fields(explanation):
        before, after = getattr(explanation, field.name), getattr(loaded, field.name)
        if isinstance(before, np.ndarray):
            assert after.dtype == before.dtype
            assert np.array_equal(after, before)
        else:
            assert after == before
    assert [path.name for path in tmp_path.iterdir()] == ["e.npz"]


def test_a_saved_explanation_needs_no_pickle(explanation, tmp_path):
    explanation.save(tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz", allow_pickle=False) as archive:
        assert {"header", "attribution", "masks"} <= {name for name in archive.files if archive[name] is not None}


def test_an_explanation_that_cannot_be_written_names_its_file(explanation, tmp_path):
    (tmp_path / "occupied").write_text("a file where a folder is needed")
    with pytest.raises(DataError, match="occupied"):
        explanation.save(tmp_path / "occupied" / "e.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"\x93NUMPY nothing"])
def test_files_that_are_no_explanation_are_refused(tmp_path, content):
    (tmp_path / "e.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"e\.npz"):
        load(tmp_path / "e.npz")


def test_a_damaged_explanation_is_refused(explanation, tmp_path):
    explanation.save(tmp_path / "e.npz")
    whole = (tmp_path / "e.npz").read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 200)):
        (tmp_path / "e.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with suppress(DataError):  # what is not read may be anything
            load(tmp_path / "e.npz")


def test_archives_and_versions_of_others_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "newer.npz", header=np.array('{"format": "surehand explanation 9", "kind": "Explanation"}'))
    for name in ("other.npz", "newer.npz"):
        with pytest.raises(DataError, match="not an explanation"):
            load(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"e\.npz"):
        load(tmp_path / "e.npz")


def test_an_explanation_cannot_be_changed(explanation):
    with pytest.raises(FrozenInstanceError):
        explanation.target = 1
