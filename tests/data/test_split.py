"""Nothing leaks, every class trains, the parts have their shares, and additions move nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surehand.data._duplicates import has_twin
from surehand.data._groups import group
from surehand.data._split import SPLITS, split


def parts(paths, labels, dhash, ids=None, given=None, seed=0):
    labels, dhash = np.asarray(labels, np.int64), np.asarray(dhash, np.uint64)
    if ids is None:
        ids = np.arange(len(paths), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    groups = group(tuple(paths), labels, ids, dhash)
    return groups.of, np.array(split(groups, labels, ids, dhash, given or [""] * len(paths), seed))


def unlike(count, seed=0):
    return np.random.default_rng(seed).integers(0, 2**63, count, np.uint64)


def held(splits):
    return (splits == "grouped") | (splits == "validation")


@st.composite
def sets(draw):
    """Classes of 1 to 80 images, numbered or not, with few and with many duplicates."""
    paths, labels = [], []
    for label in range(draw(st.integers(2, 4))):
        count = draw(st.integers(1, 80))
        pattern = draw(st.sampled_from(["{c}/{i}.jpg", "{c}/{w}.jpg", "{c}/signer{p}_{i}.jpg"]))
        paths += [
            pattern.format(c=label, i=i, w=f"{chr(97 + i // 26)}{chr(97 + i % 26)}", p=i % 7) for i in range(count)
        ]
        labels += [label] * count
    kinds = draw(st.sampled_from([1, 2, 10, 10**6]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    dhash = unlike(kinds)[rng.integers(0, kinds, len(paths))] ^ rng.integers(0, 8, len(paths), np.uint64)
    return paths, labels, dhash


@given(sets(), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_whatever_the_set_nothing_leaks_and_every_class_trains(data, seed):
    paths, labels, dhash = data
    of, splits = parts(paths, labels, dhash, seed=seed)
    labels = np.array(labels)
    assert set(splits) <= set(SPLITS)
    assert not has_twin(held(splits), splits == "train", dhash, labels).any()
    assert not has_twin(held(splits), splits == "random", dhash, labels).any()
    for label in np.unique(labels):
        own = labels == label
        assert (splits[own] == "train").any()
        for name in ("grouped", "validation"):  # whole groups
            assert not set(of[own & (splits == name)]) & set(of[own & (splits != name)])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("signers", [3, 5, 10, 30])
@pytest.mark.parametrize("kinds", [20, 10**6])  # few: people are alike, so that margins and repairs are at work
def test_no_person_is_on_both_sides(signers, kinds, seed):
    rng = np.random.default_rng(seed)
    # Each class has its own share of each person, so that it would repair its parts in its own way.
    counts = rng.integers(1, 12, (8, signers))
    paths = [f"{c}/signer{p}_{i}.jpg" for c in range(8) for p in range(signers) for i in range(counts[c, p])]
    labels = np.repeat(np.arange(8), counts.sum(1))
    people = np.concatenate([np.repeat(np.arange(signers), counts[c]) for c in range(8)])
    dhash = unlike(10**6 if kinds > 20 else kinds)[rng.integers(0, kinds, len(paths))]
    of, splits = parts(paths, labels, dhash, seed=seed)
    np.testing.assert_array_equal(of == of[0], people == people[0])
    training = set(people[np.isin(splits, ["train", "random"])])
    assert training
    for name in ("grouped", "validation"):
        assert not set(people[splits == name]) & training
        assert not set(of[splits == name]) & set(of[splits == "train"])
    if kinds > 20:
        assert {"grouped", "validation"} <= set(splits)
        for name, share in (("grouped", 0.15), ("validation", 0.10)):
            assert (splits == name).mean() <= max(2 * share, 1.5 / signers)
    for label in range(8):
        assert (splits[labels == label] == "train").any()


def test_a_class_that_held_back_people_alone_show_trains_on_one_of_them():
    """Of ten people one shows the last class too, alone."""
    for seed in range(20):
        paths = [f"{c}/signer{p}_{i}.jpg" for c in "AB" for p in range(10) for i in range(5)] + ["C/signer4_1.jpg"]
        labels = [0] * 50 + [1] * 50 + [2]
        _, splits = parts(paths, labels, unlike(101), seed=seed)
        assert splits[-1] == "train"
        assert set(splits[20:25]) | set(splits[70:75]) <= {"train", "random"}
        assert held(splits).any()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("classes", [2, 6])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_thin_classes_leave_no_part_empty(count, classes, seed):
    paths = [f"{c}/{chr(97 + i)}.jpg" for c in range(classes) for i in range(count)]
    labels = np.repeat(np.arange(classes), count)
    _, splits = parts(paths, labels, unlike(len(paths)), seed=seed)
    assert {"train", "validation", "grouped"} <= set(splits)
    training = np.bincount(labels[np.isin(splits, ["train", "random"])], minlength=classes)
    assert training.min() > 0
    assert ("random" in splits) == (training.max() > 1)


@given(sets())
@settings(max_examples=40, deadline=None)
def test_the_split_depends_on_nothing_but_its_arguments_and_not_on_their_order(data):
    paths, labels, dhash = data
    ids = np.arange(len(paths), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    _, splits = parts(paths, labels, dhash, ids)
    order = np.concatenate(
        [np.flatnonzero(np.array(labels) == label)[:] for label in sorted(set(labels), reverse=True)]
    )
    _, again = parts([paths[i] for i in order], np.array(labels)[order], dhash[order], ids[order])
    np.testing.assert_array_equal(again, splits[order])


def test_parts_have_their_shares_in_every_class():
    labels = np.repeat(np.arange(10), 300)
    paths = [f"{c}/{c}{i}.jpg" for c in range(10) for i in range(300)]
    _, splits = parts(paths, labels, unlike(3000))
    for name, share in (("grouped", 0.15), ("validation", 0.10)):
        assert abs((splits == name).mean() - share) < 0.05
        own = np.array([(splits[labels == c] == name).mean() for c in range(10)])
        assert own.min() >= share / 2
        assert own.max() <= 2 * share
    training = np.isin(splits, ["train", "random"])
    assert abs((splits == "random").sum() / training.sum() - 0.10) < 0.03


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [3, 4, 7, 12])
def test_a_class_of_three_groups_or_more_has_one_in_each_part(count, seed):
    words = [f"A/{chr(97 + i)}.jpg" for i in range(count)]
    _, splits = parts([*words, "B/x.jpg"], [0] * count + [1], unlike(count + 1), seed=seed)
    assert {"train", "grouped", "validation"} <= set(splits[:count])


@pytest.mark.parametrize("seed", range(20))
def test_a_class_of_one_image_trains(seed):
    _, splits = parts(["A/x.jpg", "B/y.jpg", "B/z.jpg"], [0, 1, 1], unlike(3), seed=seed)
    assert splits[0] == "train"
    assert "train" in splits[1:]


@pytest.mark.parametrize("seed", range(5))
def test_a_class_of_copies_is_not_held_back(seed):
    paths = [f"A/{chr(97 + i // 26)}{chr(97 + i % 26)}.jpg" for i in range(100)]
    _, splits = parts([*paths, "B/x.jpg"], [0] * 100 + [1], [5] * 100 + [2**40 - 1], seed=seed)
    assert set(splits[:100]) <= {"train", "random"}


def test_twins_of_held_back_images_are_set_aside_as_margin():
    paths = [f"A/{i}.jpg" for i in range(400)]
    dhash = unlike(400)
    dhash[200:] = dhash[:200] ^ np.uint64(1 << 7)  # each image of the first half returns in the second
    _, splits = parts([*paths, "B/x.jpg"], [0] * 400 + [1], [*dhash, 0])
    margin = splits[:400] == "margin"
    assert margin.any()
    twin_held = np.roll(held(splits[:400]), 200)
    np.testing.assert_array_equal(margin, twin_held & ~held(splits[:400]))


@given(st.integers(0, 10), st.lists(st.integers(400, 495), unique=True, max_size=60))
@settings(max_examples=30, deadline=None)
def test_frames_added_to_a_recording_move_no_old_ones(seed, added):
    """As long as the recording stays in the same range of lengths, so that it is cut in the same places."""
    old = list(range(0, 400, 2))
    base = unlike(512)

    def of(numbers):
        ids = np.array(numbers, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        splits = parts([f"A/{n}.jpg" for n in numbers], [0] * len(numbers), [base[n] for n in numbers], ids, seed=seed)[
            1
        ]
        return dict(zip(numbers, splits, strict=True))

    before, after = of(old), of(sorted([*range(400), *added]))
    assert {n: after[n] for n in old} == before


@given(st.integers(0, 10), st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_images_added_to_a_class_move_no_old_ones(seed, added):
    """For images without numbers, and classes whose parts keep within half and double their share without repair."""
    count = 300
    names = [f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(count + added)]
    ids = unlike(count + added, seed=3)
    dhash = unlike(count + added, seed=4)
    _, before = parts([f"A/{w}.jpg" for w in names[:count]], [0] * count, dhash[:count], ids[:count], seed=seed)
    _, after = parts([f"A/{w}.jpg" for w in names], [0] * (count + added), dhash, ids, seed=seed)
    np.testing.assert_array_equal(after[:count], before)


def test_another_seed_holds_back_other_groups():
    paths, labels, dhash = [f"A/{i}.jpg" for i in range(300)], [0] * 300, unlike(300)
    assert (parts(paths, labels, dhash, seed=0)[1] != parts(paths, labels, dhash, seed=1)[1]).any()


@pytest.mark.parametrize(
    ("given_parts", "ours"),
    [(("grouped",), "validation"), (("validation",), "grouped"), (("grouped", "validation"), None)],
)
def test_given_parts_stay_and_only_missing_ones_are_made(given_parts, ours):
    paths, fixed = [], []
    for name in ("", *given_parts):
        paths += [f"{name or 'train'}/A/{i}.jpg" for i in range(100)]
        fixed += [name] * 100
    _, splits = parts(paths, [0] * len(paths), unlike(len(paths)), given=fixed)
    for name in given_parts:
        np.testing.assert_array_equal(splits == name, np.array(fixed) == name)
    assert set(splits[:100]) == {"train", "random"} | ({ours} if ours else set())
