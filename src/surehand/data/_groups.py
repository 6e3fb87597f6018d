"""Groups of images that belong together: runs of video frames joined with clusters of near-duplicates.

A random split of video frames puts each frame's neighbours on both sides, and a memory passes for a skill. So whole
groups are held back.

Where names tell who is in the picture (p0012_A1.jpg, signer-3/A/7.jpg, user2_...), a person's images of a class are one
piece, and the person draws one lot for all classes: held-back images are of held-back people.

Elsewhere frames are told by numbers in file names (A1.jpg ... A3000.jpg, gaps allowed). Each numbered run is cut at
fixed multiples of a step, chosen so that a class has 16 to 31 pieces. The pieces do not move when images are added. A
cut where the picture changes would be tempting, but in real recordings a moving hand changes more bits of the hash than
a new background, so consecutive numbers stay together. What has neither name nor number is a piece by its content.

Near-duplicates join pieces, not single images. Joining all that is alike would chain a whole class together. So pairs
are joined in order of likeness, and a group stops growing at 15 % of its class; twins that remain apart are dealt with
by the split's margin. A person's images are joined with no others: else the person could be held back in one class and
train in another.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from surehand.randomness import key_of, uniforms

from ._duplicates import NEAR_BITS
from ._duplicates_kernels import join_near

LARGEST_SHARE = 0.15

_MOST_PIECES = 32  # a class; the step is the smallest power of two with fewer
_SHORTEST_RUN = 8  # fewer files of one naming pattern are no recording

_NUMBERED = re.compile(r"(\D*)(\d{1,15})(.*)", re.DOTALL)  # of a name read backwards: its last number
# A lone p counts only before another number: P0001_test.jpg is the letter P.
_PERSON = re.compile(
    r"(?:^|[/_\-. ])(?:p(?=\d{3,}[_\-][^/]*\d)|(?:person|subject|signer|participant|user|speaker)[_\- ]?)(\d+)[/_\-. ]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Groups:
    """Which images belong together.

    Attributes:
        of: group of each image, 0 to g - 1, in order of first appearance. Only a person's group spans classes.
        run, position: where each group is anchored: an identifier of the recording, the person or the single image, and
            the place along it. They come from names and bytes alone, so they outlive additions to the set.
    """

    of: Int64[np.ndarray, " n"]
    run: UInt64[np.ndarray, " g"]
    position: Int64[np.ndarray, " g"]


def group(
    paths: Sequence[str],
    labels: Int64[np.ndarray, " n"],
    ids: UInt64[np.ndarray, " n"],
    dhash: UInt64[np.ndarray, " n"],
) -> Groups:
    """Group the images of a set, class by class.

    Args:
        paths: relative, '/'-separated.
        labels: classes.
        ids: sample ids: equal where the bytes are.
        dhash: 64-bit difference hashes.
    """
    piece_of = np.zeros(len(paths), np.int64)
    people = np.array(sorted({run for path in paths if (run := _person(path)) is not None}), np.uint64)
    anchored: list[tuple[int, int]] = []  # (run, position) of each piece
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        pieces = _pieces([paths[int(row)] for row in rows], ids[rows])
        names, inverse = np.unique(np.array(pieces, np.uint64), axis=0, return_inverse=True)
        joined = _join(dhash[rows], inverse.reshape(-1), np.isin(names[:, 0], people))
        piece_of[rows] = len(anchored) + inverse.reshape(-1)
        anchored += [(int(names[anchor, 0]), int(names[anchor, 1])) for anchor in _anchors(names, joined)]
    anchors = np.array(anchored, np.uint64)[piece_of]  # (n, 2)
    _, first, inverse = np.unique(anchors, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    kept = anchors[first[order]]
    return Groups(rank[inverse.reshape(-1)], kept[:, 0], kept[:, 1].astype(np.int64))


def _pieces(paths: Sequence[str], ids: UInt64[np.ndarray, " n"]) -> list[tuple[int, int]]:
    """The piece of each file of one class: (run, position)."""
    pieces = [(int(i), 0) for i in ids]
    runs: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for row, path in enumerate(paths):
        if (person := _person(path)) is not None:
            pieces[row] = (person, 0)
            continue
        folder, _, name = path.rpartition("/")
        match = _NUMBERED.fullmatch(name.rpartition(".")[0][::-1])
        if match:
            # The number counts the frames; what stands around it names the recording.
            runs[folder, match[3][::-1], match[1][::-1]].append((row, int(match[2][::-1])))
    recordings = {names: frames for names, frames in runs.items() if len(frames) >= _SHORTEST_RUN}
    most = max(_MOST_PIECES, 2 * len(recordings))
    step = 1
    while sum(len({number // step for _, number in frames}) for frames in recordings.values()) >= most:
        step *= 2
    for names, frames in recordings.items():
        for row, number in frames:
            pieces[row] = (_run("recording", *names), number // step)
    return pieces


def _person(path: str) -> int | None:
    """The run of the person whom a path names."""
    match = _PERSON.search(path)
    return _run("person", match[1]) if match else None


def _run(*names: str) -> int:
    return key_of(*names) & 0xFFFFFFFFFFFFFFFF


def _join(
    dhash: UInt64[np.ndarray, " n"], piece: Int64[np.ndarray, " n"], alone: Bool[np.ndarray, " p"]
) -> Int64[np.ndarray, " p"]:
    """The representative of each piece's group after near-duplicates have joined pieces, but for those left alone."""
    # In a small class a third may be one group: that still leaves one each to train, validate and test.
    cap = max(int(LARGEST_SHARE * len(dhash)), min(8, len(dhash) // 3))
    parent, size = np.arange(len(alone)), np.bincount(piece, minlength=len(alone))
    size[alone] = cap + 1  # full
    join_near(dhash, piece, NEAR_BITS, cap, parent, size)
    while (parent[parent] != parent).any():
        parent = parent[parent]
    return parent


def _anchors(names: UInt64[np.ndarray, "p 2"], joined: Int64[np.ndarray, " p"]) -> Int64[np.ndarray, " p"]:
    """For each piece the piece that speaks for its group: the one with the smallest hash.

    A joined group thus is as likely to be held back as a lone piece, and only a new smallest one changes its fate.
    """
    draws = uniforms("anchor", ids=names[:, 0] + np.uint64(0x9E3779B97F4A7C15) * names[:, 1], columns=1)[:, 0]
    smallest: dict[int, int] = {}
    for piece in np.argsort(draws, kind="stable"):
        smallest.setdefault(int(joined[piece]), int(piece))
    return np.array([smallest[int(root)] for root in joined], np.int64)
