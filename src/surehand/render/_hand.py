"""One hand as a picture: rays march to its surface, light is gathered there, and skin and cloth are painted."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy.typing import NDArray

from ._compile_beside import compile_beside
from ._hand_rows import MET_COLUMNS, OCCLUSION, OWNER_COLUMNS, SIZE
from ._march_kernels import TILE, cover, find_normals, march, see_lamp, see_sky, soften
from ._paint_kernels import edges, paint

# Rays that are on their way together, at most, but for one row of tiles: what is known of them is held in memory, 64
# bytes each.
_MOST_RAYS = 400_000


class Hand(NamedTuple):
    """A hand without its background.

    Attributes:
        colour: linear light times coverage.
        coverage: 0 to 1.
        parts: 0 background, 1 thumb to 5 little finger, 6 palm, 7 forearm; the most frequent one in the pixel.
        depth: of the nearest sample; infinite on background.
    """

    colour: Float32[np.ndarray, "size size 3"]
    coverage: Float32[np.ndarray, "size size"]
    parts: UInt8[np.ndarray, "size size"]
    depth: Float32[np.ndarray, "size size"]


def render_hand(
    rows: NDArray[np.float64],
    sleeve_at: float,
    view: NDArray[np.float64],
    light: NDArray[np.float64],
    skin: NDArray[np.float64],
    samples: int,
    block: int,
) -> Hand:
    """March and shade one hand.

    Args:
        rows: its n <= 32 capsules (n, COLUMNS).
        sleeve_at: distance along the forearm at which a sleeve begins; 100 when there is none.
        view, light, skin: vectors of `View`, `Light` and `Skin`.
        samples: rays a pixel and side; 1 sends 2 x 2 rays only where the picture changes.
        block: pixels a side of the squares, never beyond a tile, within which equal parts share their light.
    """
    size = int(view[SIZE])
    hand = Hand(
        np.zeros((size, size, 3), np.float32),
        np.zeros((size, size), np.float32),
        np.zeros((size, size), np.uint8),
        np.full((size, size), np.float32(np.inf)),
    )
    assert len(rows) <= 32, "a tile keeps a bit for each capsule"
    singles = rows.astype(np.float32)
    compile_beside()
    covered = covered_tiles(singles, sleeve_at, view)
    _send_rays(hand, np.ones((size, size), np.bool_), singles, sleeve_at, view, light, skin, samples, block, covered)
    if samples == 1:
        again = edges(hand.parts, hand.depth)
        hand.colour[again], hand.coverage[again], hand.parts[again], hand.depth[again] = 0, 0, 0, np.inf
        _send_rays(hand, again, singles, sleeve_at, view, light, skin, 2, block, covered)
    return hand


Covered = tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.float32]]


def covered_tiles(rows: NDArray[np.float32], sleeve_at: float, view: NDArray[np.float64]) -> Covered:
    """For every tile, the bits of the capsules that its rays may touch, and between which depths; all (n, n)."""
    tiles = 2 * (-(-int(view[SIZE]) // TILE),)
    covered = np.zeros(tiles, np.uint32), np.full(tiles, np.float32(np.inf)), np.zeros(tiles, np.float32)
    cover(rows, sleeve_at, view, *covered)
    return covered


def _send_rays(
    hand: Hand,
    wanted: Bool[np.ndarray, "size size"],
    rows: NDArray[np.float32],
    sleeve_at: float,
    view: NDArray[np.float64],
    light: NDArray[np.float64],
    skin: NDArray[np.float64],
    samples: int,
    block: int,
    covered: Covered,
) -> None:
    """Render the wanted pixels, some rows of tiles at a time; what shares light is evened out within these."""
    side = len(covered[0])
    rays = samples * samples
    band = max(1, _MOST_RAYS // (side * TILE * TILE * rays))
    for first in range(0, side, band):
        last = min(first + band, side)
        most = rays * int(np.count_nonzero(wanted[first * TILE : last * TILE]))
        met, owners = np.empty((most, MET_COLUMNS), np.float32), np.empty((most, OWNER_COLUMNS), np.int32)
        ends = np.zeros((last - first) * side, np.int64)
        march(
            *(rows, sleeve_at, view, covered, wanted, samples, block),
            *(first * side, last * side, met, owners, ends),
        )
        find_normals(rows, sleeve_at, covered[0], first * side, met, owners, ends)
        see_sky(rows, sleeve_at, light[OCCLUSION], met, owners, ends)
        see_lamp(rows, sleeve_at, light, met, owners, ends)
        if block > 1:
            soften(rows, len(wanted), block, met, owners, ends[-1])
        paint(rows, sleeve_at, light, skin, rays, met, owners, ends[-1], *hand)
