"""Which images train, validate and test: by group, stratified, and stable when images are added.

Every group draws a number in [0, 1) from the seed and its own name. Below 0.15 it is held back for the test, below 0.25
for validation, else it trains. Nothing else decides, so adding images moves no old ones, unless their group itself
changes. Pieces of one recording draw evenly spread numbers (multiples of the golden ratio: Weyl, 1916), so each class
gets its share. Three repairs, each only where a class needs it:

- the test and the validation part of a class are kept between half and double their share, where its groups allow it;
  a class with three groups or more gets at least one in each part, and every class trains on something;
- training images that have a twin (4 of 64 bits) among the held-back ones are set aside as "margin", so nothing leaks;
- where that would cost a class more than a quarter of its training images, its costliest held-back groups train
  instead; the last one of a part only where it would cost more than half.

Of the training images 10 % are set aside as "random": what a random split would have tested on.
Parts that the source itself gives are left as they are.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64, UInt64

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
    fixed = np.array(given, dtype="U10")
    parts = {"grouped": GROUPED, "validation": VALIDATION}
    wanted = {part: share for part, share in parts.items() if part not in fixed}
    draws = (uniforms(seed, "split", ids=groups.run, columns=1)[:, 0] + groups.position * _GOLDEN) % 1
    chosen = fixed.copy()
    for label in np.unique(labels):
        rows = np.flatnonzero((labels == label) & (fixed == ""))
        if len(rows):
            chosen[rows] = _split_class(groups.of[rows], draws, dhash[rows], ids[rows], wanted, seed)
    return tuple(str(name) for name in chosen)


def _split_class(
    group: Int64[np.ndarray, " m"],
    draws: np.ndarray,
    dhash: UInt64[np.ndarray, " m"],
    ids: UInt64[np.ndarray, " m"],
    wanted: dict[str, float],
    seed: int,
) -> np.ndarray:
    names, members, sizes = np.unique(group, return_inverse=True, return_counts=True)
    part = _parts(draws[names], sizes, wanted)  # (groups of the class,)
    while True:
        held = (part != "train")[members]
        margin = np.zeros(len(group), bool)
        margin[~held] = near_counts(dhash[~held], dhash[held]) > 0
        cost = margin.sum() / max((~held).sum(), 1)
        spare = [int(g) for g in np.flatnonzero(part != "train") if cost > _LARGEST_COST or (part == part[g]).sum() > 1]
        if cost <= _LARGE_COST or not spare:
            break
        part[_costliest(spare, members, dhash, held)] = "train"
    chosen = part[members]
    chosen[margin] = "margin"
    training = chosen == "train"
    random = training & (uniforms(seed, "random", ids=ids, columns=1)[:, 0] < RANDOM)
    if random.sum() < training.sum():
        chosen[random] = "random"
    return chosen


def _parts(draws: np.ndarray, sizes: Int64[np.ndarray, " g"], wanted: dict[str, float]) -> np.ndarray:
    """The part of each group of one class: by its draw, then repaired where the class is too small for its luck."""
    part = np.full(len(draws), "train", "U10")
    low = 0.0
    for name, share in wanted.items():
        part[(low <= draws) & (draws < low + share)] = name
        low += share
    by_draw = np.argsort(draws, kind="stable")
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
        training = np.flatnonzero(part == "train")
        if name not in part and len(part) > len(wanted) and len(training) > 1:
            part[training[np.lexsort((draws[training], sizes[training]))[0]]] = name
    if "train" not in part:
        part[np.argmax(sizes)] = "train"
    return part


def _costliest(
    candidates: list[int],
    members: Int64[np.ndarray, " m"],
    dhash: UInt64[np.ndarray, " m"],
    held: Bool[np.ndarray, " m"],
) -> int:
    """The held-back group with the most training twins."""
    costs = [int((near_counts(dhash[~held], dhash[members == g]) > 0).sum()) for g in candidates]
    return candidates[int(np.argmax(costs))]
