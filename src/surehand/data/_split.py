"""Which images train, validate and test: by group, stratified, and stable when images are added.

Every group draws a number in [0, 1) from the seed and its own name. Below 0.15 it is held back for the test, below 0.25
for validation, else it trains. Nothing else decides, so adding images moves no old ones, unless their group itself
changes. Pieces of one recording draw evenly spread numbers (multiples of the golden ratio: Weyl, 1916), so each class
gets its share. Repairs, each only where it is needed:

- the test and the validation part of a class are kept between half and double their share, where its groups allow it;
  a class with three groups or more gets at least one in each part, and every class trains on something;
- training images that have a twin (4 of 64 bits) among the held-back ones are set aside as "margin", so nothing leaks;
- where that would cost a class more than a quarter of its training images, its costliest held-back groups train
  instead; the last one of a part only where it would cost more than half;
- where a part is still empty, it gets one group of any class that can spare one, or of the other held-back part.

A group that spans classes, a person, is decided once, over all of them; the repairs of a class leave it where it is. If
a class is known from held-back people alone, the one with most images of it trains. Where a held-back person's images
would cost a class too much, it is they that are set aside as "margin": the person stays out of training.

Of the training images 10 % are set aside as "random": what a random split would have tested on.
Parts that the source itself gives are left as they are.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from surehand.randomness import uniforms

from ._duplicates import near_counts
from ._groups import Groups

GROUPED, VALIDATION, RANDOM = 0.15, 0.10, 0.10

SPLITS = ("train", "validation", "grouped", "random", "margin", "external")

_GOLDEN = (5**0.5 - 1) / 2
_LARGE_COST, _LARGEST_COST = 1 / 4, 1 / 2  # training images lost to the margin, as a share of the class's


def split(
    groups: Groups,
    labels: Int64[np.ndarray, " n"],
    ids: UInt64[np.ndarray, " n"],
    dhash: UInt64[np.ndarray, " n"],
    given: Sequence[str],
    seed: int,
) -> tuple[str, ...]:
    """The split of each image, one of `SPLITS`.

    Args:
        groups: from `group`.
        labels, ids, dhash: of each image.
        given: the split the source gives, or "" where the choice is ours.
        seed: another seed holds back other groups.
    """
    chosen = np.array(given, dtype="U10")
    parts = {"grouped": GROUPED, "validation": VALIDATION}
    wanted = {part: share for part, share in parts.items() if part not in chosen}
    draws = (uniforms(seed, "split", ids=groups.run, columns=1)[:, 0] + groups.position * _GOLDEN) % 1
    free = np.flatnonzero(chosen == "")
    if len(free):
        lots = uniforms(seed, "random", ids=ids[free], columns=1)[:, 0]
        chosen[free] = _split(groups.of[free], labels[free], dhash[free], draws, lots, wanted)
    return tuple(str(name) for name in chosen)


def _split(
    of: Int64[np.ndarray, " m"],
    labels: Int64[np.ndarray, " m"],
    dhash: UInt64[np.ndarray, " m"],
    draws: Float64[np.ndarray, " g"],
    lots: Float64[np.ndarray, " m"],
    wanted: dict[str, float],
) -> np.ndarray:
    """The split of each image whose split is ours to choose.

    Args:
        of, labels, dhash: of each image.
        draws: of each group.
        lots: in [0, 1), of each image: the smallest of the training ones are its random frames.
        wanted: the parts to make, and their shares.
    """
    part, spans = _decide(of, labels, draws, wanted)
    chosen = np.empty(len(of), "U10")
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen[rows] = _with_margin(of[rows], dhash[rows], draws, part, spans)
    for name in wanted:
        if name not in chosen:
            chosen[_spare_group(chosen, of, labels, dhash, draws)] = name
    for label in np.unique(labels):
        training = (labels == label) & (chosen == "train")
        random = training & (lots < RANDOM)
        if random.sum() < training.sum():
            chosen[random] = "random"
    if "random" not in chosen:
        training = chosen == "train"
        spare = np.flatnonzero(training & (np.bincount(labels[training], minlength=labels.max() + 1)[labels] > 1))
        chosen[spare[np.argsort(lots[spare])[:1]]] = "random"
    return chosen


def _decide(
    of: Int64[np.ndarray, " m"],
    labels: Int64[np.ndarray, " m"],
    draws: Float64[np.ndarray, " g"],
    wanted: dict[str, float],
) -> tuple[np.ndarray, Bool[np.ndarray, " g"]]:
    """The part of each group, and whether it spans classes: those first, over the whole set, then class by class."""
    part = np.full(len(draws), "", "U10")
    classes = [np.unique(of[labels == label], return_counts=True) for label in np.unique(labels)]
    spans = np.bincount(np.concatenate([names for names, _ in classes]), minlength=len(draws)) > 1
    if spans.any():
        people = np.flatnonzero(spans)
        part[people] = _parts(draws[people], np.bincount(of, minlength=len(draws))[people], wanted, part[people])
    for names, sizes in classes:
        if spans[names].all() and "train" not in part[names]:
            part[names[_largest(sizes, draws[names])]] = "train"
    for names, sizes in classes:
        part[names] = _parts(draws[names], sizes, wanted, part[names])
    return part, spans


def _parts(
    draws: Float64[np.ndarray, " c"],
    sizes: Int64[np.ndarray, " c"],
    wanted: dict[str, float],
    decided: np.ndarray,
) -> np.ndarray:
    """The part of each group of one class: by its draw, then repaired where the class is too small for its luck.

    Args:
        draws, sizes: of each group.
        wanted: the parts to make, and their shares.
        decided: the part of each group, or "" where it is to be chosen.
    """
    free = decided == ""
    part = np.where(free, "train", decided).astype("U10")
    low = 0.0
    for name, share in wanted.items():
        part[free & (low <= draws) & (draws < low + share)] = name
        low += share
    by_draw = [g for g in np.argsort(draws, kind="stable") if free[g]]
    total = sizes.sum()
    for name, share in wanted.items():  # give back
        for g in by_draw[::-1]:
            if part[g] == name and (part == name).sum() > 1 and sizes[part == name].sum() > 2 * share * total:
                part[g] = "train"
    for name, share in wanted.items():  # take
        for g in by_draw:
            inside = sizes[part == name].sum()
            fits = inside < share / 2 * total and inside + sizes[g] <= 2 * share * total
            if part[g] == "train" and fits and (part == "train").sum() > 1:
                part[g] = name
    for name in wanted:  # a small class: one group each, the smallest
        training = np.flatnonzero(free & (part == "train"))
        if name not in part and len(part) > len(wanted) and len(training) and (part == "train").sum() > 1:
            part[training[np.lexsort((draws[training], sizes[training]))[0]]] = name
    if "train" not in part:
        own = np.flatnonzero(free)
        part[own[_largest(sizes[own], draws[own])]] = "train"
    return part


def _largest(sizes: Int64[np.ndarray, " c"], draws: Float64[np.ndarray, " c"]) -> int:
    """Where the largest group is; of equals the one with the smallest draw."""
    return int(np.lexsort((draws, -sizes))[0])


def _with_margin(
    of: Int64[np.ndarray, " m"],
    dhash: UInt64[np.ndarray, " m"],
    draws: Float64[np.ndarray, " g"],
    part: np.ndarray,
    spans: Bool[np.ndarray, " g"],
) -> np.ndarray:
    """The split of each image of one class once its margin is set aside, and groups that cost too much given up."""
    names, members = np.unique(of, return_inverse=True)
    part, spans, by_draw = part[names], spans[names], np.argsort(draws[names], kind="stable")
    while True:
        training = (part == "train")[members]
        held = ~np.isin(part, ["train", "margin"])
        margin = np.zeros(len(of), bool)
        margin[training] = near_counts(dhash[training], dhash[held[members]]) > 0
        cost = margin.sum() / training.sum()
        spare = [int(g) for g in by_draw if held[g] and (cost > _LARGEST_COST or (part == part[g]).sum() > 1)]
        if cost <= _LARGE_COST or not spare:
            break
        costliest = _costliest(spare, members, dhash, training)
        part[costliest] = "margin" if spans[costliest] else "train"
    return np.where(margin, "margin", part[members])


def _costliest(
    candidates: list[int],
    members: Int64[np.ndarray, " m"],
    dhash: UInt64[np.ndarray, " m"],
    training: Bool[np.ndarray, " m"],
) -> int:
    """The held-back group with the most training twins."""
    costs = [int((near_counts(dhash[training], dhash[members == g]) > 0).sum()) for g in candidates]
    return candidates[int(np.argmax(costs))]


def _spare_group(
    chosen: np.ndarray,
    of: Int64[np.ndarray, " m"],
    labels: Int64[np.ndarray, " m"],
    dhash: UInt64[np.ndarray, " m"],
    draws: Float64[np.ndarray, " g"],
) -> Int64[np.ndarray, " r"]:
    """The rows of the first training group by draw whose classes go on training without a twin of it.

    Where there is none, those of a group from a held-back part that has several; where there is none either, none.
    """
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(len(draws) + 1))
    training = {int(label): np.flatnonzero((labels == label) & (chosen == "train")) for label in np.unique(labels)}

    def can_go(rows: Int64[np.ndarray, " r"]) -> bool:
        for label in np.unique(labels[rows]):
            rest = training[int(label)][of[training[int(label)]] != of[rows[0]]]
            if not len(rest) or near_counts(dhash[rows[labels[rows] == label]], dhash[rest]).any():
                return False
        return True

    for g in np.argsort(draws, kind="stable"):
        rows = order[starts[g] : starts[g + 1]]
        if "train" in chosen[rows] and can_go(rows):
            return rows
    for name in ("grouped", "validation"):
        several = np.unique(of[chosen == name])
        if len(several) > 1:
            return np.flatnonzero((chosen == name) & (of == several[np.argmin(draws[several])]))
    return order[:0]
