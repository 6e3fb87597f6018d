"""What can be said about a data set before anything is trained on it, and what an accuracy on it would be worth."""

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool

from surehand.intervals import Proportion, proportion

from ._dataset import Dataset
from ._duplicates import has_twin, near_counts
from ._names import listed
from ._neighbour import nearest
from ._scan import CONFLICT, Quarantined
from ._split import SPLITS

# The nearest-neighbour baseline asks this many images of a split at most; its interval says what that is worth.
_MOST_QUERIES = 3000

_MOST_LISTED = 10  # files left out, in text; `quarantined` has them all

_FEW = 30  # test images a class, below which a class's accuracy says little


@dataclass(frozen=True)
class Check:
    """A data set in numbers.

    Attributes:
        source: what was checked.
        images: usable ones.
        classes, counts: names, and images of each.
        groups: how many groups of images belong together.
        splits: images in each split.
        quarantined: files left out, with reasons.
        conflicts: how many of these because the same bytes lie in two classes.
        exact_duplicates: images whose bytes occur earlier in the set.
        near_duplicates: images with another of their class within 4 of 64 bits of the difference hash.
        imbalance: largest class over smallest.
        leak_random: share of the random frames with a twin (4 bits, same class) in training.
        leak_grouped: the same of the held-back test groups.
        nearest_random: accuracy of one nearest neighbour on thumbnails on the random frames: what a memory reaches.
        nearest_grouped: the same on the held-back test groups.
        flags: how many files carry each remark.
        warnings: sentences that belong beside any accuracy on this set.
    """

    source: str
    images: int
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    groups: int
    splits: dict[str, int]
    quarantined: tuple[Quarantined, ...]
    conflicts: int
    exact_duplicates: int
    near_duplicates: int
    imbalance: float
    leak_random: Proportion
    leak_grouped: Proportion
    nearest_random: Proportion
    nearest_grouped: Proportion
    flags: dict[str, int]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        """The numbers as lines of text."""
        used = ", ".join(f"{name} {count:,}" for name, count in self.splits.items() if count)
        lines = [
            f"Source    {self.source}",
            f"Images    {self.images:,} in {len(self.classes)} classes of {min(self.counts):,} to {max(self.counts):,}",
            f"Left out  {len(self.quarantined):,} files, {self.conflicts:,} of them because they lie in two classes",
            f"Alike     {self.near_duplicates:,} images have a near twin in their class; "
            f"{self.exact_duplicates:,} are byte-for-byte copies",
            f"Split     {used}; {self.groups:,} groups",
            f"Leak      random split {_share(self.leak_random)}; held-back groups {_share(self.leak_grouped)} "
            "have a near twin in training",
            f"Memory    one nearest neighbour on thumbnails: random split {_share(self.nearest_random)}; "
            f"held-back groups {_share(self.nearest_grouped)}",
        ]
        lines += [f"Warning   {warning}" for warning in self.warnings]
        lines += [f"Left out  {item.path}: {item.reason}" for item in self.quarantined[:_MOST_LISTED]]
        if len(self.quarantined) > _MOST_LISTED:
            lines.append(f"Left out  and {len(self.quarantined) - _MOST_LISTED:,} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, as `data` of run.json; shares of no images are None."""

        def share(proportion: Proportion) -> float | None:
            return proportion.value if proportion.n else None

        return {
            "source": self.source,
            "images": self.images,
            "classes": len(self.classes),
            "class_names": list(self.classes),
            "counts": dict(zip(self.classes, self.counts, strict=True)),
            "groups": self.groups,
            "splits": self.splits,
            "quarantined": len(self.quarantined),
            "quarantine": [asdict(item) for item in self.quarantined],
            "duplicates": {"exact": self.exact_duplicates, "near": self.near_duplicates, "conflicts": self.conflicts},
            "imbalance": self.imbalance,
            "leak_rate": share(self.leak_random),
            "leak_rate_grouped": share(self.leak_grouped),
            "nearest_neighbour": {"random": share(self.nearest_random), "grouped": share(self.nearest_grouped)},
            "flags": self.flags,
            "warnings": list(self.warnings),
        }


def check(dataset: Dataset) -> Check:
    """Count what a data set holds, find its duplicates, and measure how much its splits leak."""
    manifest = dataset.manifest
    labels, splits = manifest.labels, np.array(manifest.splits, "U10")
    counts = np.bincount(labels, minlength=len(manifest.classes))
    in_split = {name: splits == name for name in SPLITS}
    numbers = Check(
        source=manifest.source,
        images=len(manifest),
        classes=manifest.classes,
        counts=tuple(int(n) for n in counts),
        groups=len(np.unique(manifest.groups)),
        splits={name: int(rows.sum()) for name, rows in in_split.items()},
        quarantined=manifest.quarantined,
        conflicts=sum(item.reason.startswith(CONFLICT) for item in manifest.quarantined),
        exact_duplicates=len(manifest) - len(set(manifest.sha256)),
        near_duplicates=_near_duplicates(dataset),
        imbalance=float(counts.max() / counts[counts > 0].min()),
        leak_random=_leak(dataset, in_split["random"]),
        leak_grouped=_leak(dataset, in_split["grouped"]),
        nearest_random=_memory(dataset, in_split["random"]),
        nearest_grouped=_memory(dataset, in_split["grouped"]),
        flags=dict(Counter(flag for flags in manifest.flags if flags for flag in flags.split(";"))),
        warnings=(),
    )
    tested = np.bincount(labels[in_split["grouped"]], minlength=len(manifest.classes))
    return replace(numbers, warnings=tuple(_warnings(numbers, tested)))


@dataclass(frozen=True)
class Known:
    """How many images of an external set are known from a training source.

    Attributes:
        copies: byte for byte.
        twins: not byte for byte, but within 4 of 64 bits of the difference hash of an image of their class there.
    """

    copies: int
    twins: int


def known_from(external: Dataset, training: Dataset) -> Known:
    """Compare an external set, from `load_external` with the classes of `training`, with all images of `training`."""
    ours, theirs = training.manifest, external.manifest
    digests = set(ours.sha256)
    copies = np.array([digest in digests for digest in theirs.sha256], bool)
    near = np.zeros(len(theirs), bool)
    for label in np.unique(theirs.labels):
        rows = np.flatnonzero(theirs.labels == label)
        near[rows] = near_counts(theirs.dhash[rows], ours.dhash[ours.labels == label]) > 0
    return Known(int(copies.sum()), int((near & ~copies).sum()))


def external_warnings(external: Dataset, known: Known | None = None) -> tuple[str, ...]:
    """What belongs beside an accuracy on an external set: missing classes, images known from training, files left out.

    Args:
        external: from `load_external`.
        known: from `known_from`, where it is known what the model was trained on.
    """
    name = external.manifest.source
    counts = np.bincount(external.manifest.labels, minlength=len(external.manifest.classes))
    warnings = []
    if missing := [c for c, n in zip(external.manifest.classes, counts, strict=True) if n == 0]:
        warnings.append(f"{name} has no images of {listed(missing)}: its accuracy says nothing about them.")
    if known is not None and known.copies:
        warnings.append(
            f"{known.copies:,} of the images of {name} occur in the training source too, byte for byte: "
            "it is not external."
        )
    if known is not None and known.twins:
        warnings.append(
            f"{known.twins:,} of the images of {name} have a near twin of their class in the training source: "
            "both may come from one recording."
        )
    if external.manifest.quarantined:
        warnings.append(
            f"{_files(len(external.manifest.quarantined))} left out of {name}: unreadable, or in two classes."
        )
    return tuple(warnings)


def _near_duplicates(dataset: Dataset) -> int:
    labels, dhash = dataset.manifest.labels, dataset.manifest.dhash
    alike = 0
    for label in np.unique(labels):
        own = dhash[labels == label]
        alike += int((near_counts(own, own) > 1).sum())  # every image is its own neighbour once
    return alike


def _leak(dataset: Dataset, queries: Bool[np.ndarray, " n"]) -> Proportion:
    training = np.array(dataset.manifest.splits, "U10") == "train"
    twins = has_twin(queries, training, dataset.manifest.dhash, dataset.manifest.labels)
    return proportion(int(twins.sum()), int(queries.sum()))


def _memory(dataset: Dataset, queries: Bool[np.ndarray, " n"]) -> Proportion:
    labels = dataset.manifest.labels
    training, rows = dataset.manifest.rows("train"), np.flatnonzero(queries)
    if len(training) == 0 or len(rows) == 0:
        return proportion(0, 0)
    if len(rows) > _MOST_QUERIES:
        rows = rows[np.argsort(dataset.manifest.ids[rows], kind="stable")[:_MOST_QUERIES]]  # as good as random
    found = nearest(dataset.thumbnails[rows], dataset.thumbnails[training])
    return proportion(int((labels[training][found] == labels[rows]).sum()), len(rows))


def _warnings(numbers: Check, tested: np.ndarray) -> list[str]:
    classes, counts = numbers.classes, numbers.counts
    warnings = []
    if numbers.quarantined:
        warnings.append(f"{_files(len(numbers.quarantined))} left out; the list gives the reasons.")
    if numbers.conflicts:
        warnings.append(f"{_files(numbers.conflicts)} left out because the same bytes lie in two classes.")
    if empty := [c for c, n in zip(classes, counts, strict=True) if n == 0]:
        warnings.append(f"No usable image of {listed(empty)}: nothing can be learned of them.")
    if single := [c for c, n in zip(classes, counts, strict=True) if n == 1]:
        warnings.append(f"Classes with one image: {listed(single)}. It trains; nothing can be said about them.")
    if untested := [c for c, n, t in zip(classes, counts, tested, strict=True) if n > 1 and t == 0]:
        warnings.append(
            f"Nothing could be held back to test {listed(untested)}: too few images, or all of them too alike."
        )
    if few := [c for c, t in zip(classes, tested, strict=True) if 0 < t < _FEW]:
        n = int(min(tested[tested > 0]))
        worth = proportion(round(0.9 * n), n)
        warnings.append(
            f"Fewer than {_FEW} test images in {listed(few, 5)}: {round(0.9 * n)} of {n} right could mean anything "
            f"from {worth.low:.0%} to {worth.high:.0%}."
        )
    if numbers.imbalance > 3:
        smallest = min((n, c) for c, n in zip(classes, counts, strict=True) if n)[1]
        largest = classes[int(np.argmax(counts))]
        warnings.append(f"Unbalanced: {largest} has {numbers.imbalance:.0f} times the images of {smallest}.")
    if numbers.leak_grouped.n and numbers.leak_grouped.value > 0.001:
        warnings.append(
            f"{numbers.leak_grouped.value:.1%} of the held-back images have a near twin in training, as the source "
            "splits them: an accuracy on them is too high."
        )
    random, grouped = numbers.nearest_random, numbers.nearest_grouped
    if random.n and grouped.n and random.low > grouped.high:
        warnings.append(
            f"A memory that compares thumbnails reaches {random.value:.1%} on a random split and {grouped.value:.1%} "
            "on held-back groups: a random split of this set measures memory."
        )
    if cropped := numbers.flags.get("cropped", 0):
        warnings.append(f"{_files(cropped)} not square: only the middle square is used.")
    return warnings


def _share(share: Proportion) -> str:
    return f"{share.value:.1%}" if share.n else "not measured"


def _files(count: int) -> str:
    return "One file is" if count == 1 else f"{count:,} files are"
