"""What belongs together stays together, and a class never becomes one group."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surehand.data._duplicates import has_twin, near_counts
from surehand.data._groups import LARGEST_SHARE, group


def far_apart(count: int, seed: int = 0) -> np.ndarray:
    """Hashes of which no two are within 4 bits, almost surely."""
    return np.random.default_rng(seed).integers(0, 2**63, count, np.uint64)


def grouped(paths, dhash=None, labels=None, ids=None):
    n = len(paths)
    labels = np.zeros(n, np.int64) if labels is None else np.asarray(labels, np.int64)
    ids = np.arange(n, dtype=np.uint64) if ids is None else np.asarray(ids, np.uint64)
    return group(tuple(paths), labels, ids, far_apart(n) if dhash is None else np.asarray(dhash, np.uint64))


@given(
    queries=st.lists(st.integers(0, 2**64 - 1), max_size=20),
    keys=st.lists(st.integers(0, 2**64 - 1), max_size=20),
    bits=st.integers(0, 64),
)
@settings(deadline=None)
def test_near_counts_are_those_of_the_definition(queries, keys, bits):
    found = near_counts(np.array(queries, np.uint64), np.array(keys, np.uint64), bits)
    assert found.tolist() == [sum((q ^ k).bit_count() <= bits for k in keys) for q in queries]


def test_twins_count_within_their_class_only():
    dhash = np.array([0, 1, 0xFF, 3], np.uint64)
    labels = np.array([0, 0, 0, 1])
    keys = np.array([False, True, True, True])
    assert has_twin(~keys, keys, dhash, labels).tolist() == [True, False, False, False]
    assert (
        has_twin(np.array([False, False, False, True]), ~np.array([False, False, False, True]), dhash, labels).sum()
        == 0
    )


def test_a_recording_is_cut_into_16_to_31_runs_of_consecutive_frames():
    for last in (40, 63, 64, 1000, 3000):
        numbers = np.arange(1, last + 1)
        of = grouped([f"A/A{n}.jpg" for n in numbers]).of
        assert 16 <= of.max() + 1 <= 32
        assert (np.diff(of) >= 0).all()  # runs: a group never comes back
        assert np.bincount(of).max() <= 2 * np.median(np.bincount(of))


def test_frames_with_gaps_are_cut_at_the_same_numbers():
    everything = grouped([f"A/A{n}.jpg" for n in range(3000)]).of
    some = sorted(np.random.default_rng(0).choice(3000, 600, replace=False).tolist())
    of = grouped([f"A/A{n}.jpg" for n in some]).of
    together = of[:, None] == of[None]
    expected = np.array([[everything[a] == everything[b] for b in some] for a in some])
    np.testing.assert_array_equal(together, expected)


def test_every_recording_of_a_class_counts_by_itself():
    groups = grouped([f"A/{name}-{n}.jpg" for name in ("red", "blue") for n in range(100)])
    assert not set(groups.of[:100]) & set(groups.of[100:])


@pytest.mark.parametrize(
    "name",
    ["p0012_{}0001.jpg", "signer12/{}/7.jpg", "{}/subject-12_0007.jpg", "user12_{}3.png", "Participant 12/{}.jpg"],
)
def test_a_persons_images_share_one_lot_in_all_classes(name):
    paths = [name.format(c) for c in "AB"] + [name.replace("12", "13").format(c) for c in "AB"]
    of = grouped(paths, labels=[0, 1, 0, 1]).of
    assert of[0] == of[1] != of[2] == of[3]


@pytest.mark.parametrize("name", ["P/P{:04d}_test.jpg", "P/P{}.jpg", "P/p{}.jpg", "superuser/{}.jpg"])
def test_the_letter_p_is_no_person(name):
    assert grouped([name.format(n) for n in range(100, 164)]).of.max() > 10


def test_images_without_numbers_are_grouped_by_content():
    paths = [f"A/{word}.jpg" for word in ("one", "two", "three", "four")]
    assert grouped(paths, ids=[7, 8, 7, 9]).of.tolist() == [0, 1, 0, 2]


def test_near_duplicates_join_the_runs_they_lie_in():
    dhash = far_apart(160)
    dhash[3] = dhash[153] ^ np.uint64(0b11)
    of = grouped([f"A/{n}.jpg" for n in range(160)], dhash).of
    assert of[3] == of[153] == of[0]
    assert of[0] != of[80]


def test_nearer_pairs_join_first_when_the_group_is_full():
    # 24 singles: groups hold 8 at most. Nine alike: eight at distance 0, the ninth at 1 stays out.
    dhash = far_apart(24)
    dhash[:9] = 0
    dhash[4] = 1
    of = grouped([f"A/{chr(97 + n)}.jpg" for n in range(24)], dhash).of
    assert len({of[n] for n in range(9) if n != 4}) == 1
    assert of[4] != of[0]


@given(st.lists(st.integers(0, 7), min_size=30, max_size=120), st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_group_takes_more_than_its_share_of_the_class(values, numbered):
    n = len(values)
    paths = [f"A/{i}.jpg" if numbered else f"A/{chr(97 + i // 26)}{chr(97 + i % 26)}x.jpg" for i in range(n)]
    of = grouped(paths, values).of
    assert np.bincount(of).max() <= max(LARGEST_SHARE * n, 8)


def test_groups_are_the_same_whatever_other_classes_hold():
    alone = grouped([f"A/{n}.jpg" for n in range(50)])
    both = grouped([f"A/{n}.jpg" for n in range(50)] + [f"B/{n}.jpg" for n in range(50)], labels=[0] * 50 + [1] * 50)
    np.testing.assert_array_equal(alone.run, both.run[: len(alone.run)])
    np.testing.assert_array_equal(alone.of, both.of[:50])
