"""What the reader is taught from on an accelerator: pools of rendered letters that grow and change, and photographs."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from photograph_on_gpu import photograph
from scenes import HANDS, POSE, SceneFeed, Scenes
from torch import Tensor
from torch.nn import functional as F

from surehand.alphabet import CLASSES
from surehand.data import load_external
from surehand.models._reader import TRAINING_SIZE as SIZE

DEVICE = "cuda"
# Letters kept of each freedom, the oldest of which are replaced.
POOL = 150_000
# Share of pictures with a part of another hand in their background.
OTHERS = 0.2


class Batch(NamedTuple):
    """Images in no order: uint8 (n, h, w, 3), labels (n,), and poses (n, POSE), nan where they are unknown."""

    pixels: Tensor
    labels: Tensor
    poses: Tensor


# The next batch of so many images.
Batches = Callable[[int], Batch]


def shuffled(parts: Sequence[Batch]) -> Batch:
    """Several batches as one."""
    pixels, labels, poses = (torch.cat(column) for column in zip(*parts, strict=True))
    order = torch.randperm(len(labels), device=labels.device)
    return Batch(pixels[order], labels[order], poses[order])


class Letters:
    """Rendered letters in the accelerator's memory, by their freedom; more of them whenever the feed has some."""

    def __init__(self, feed: SceneFeed) -> None:
        from hands_on_gpu import TILE, render_hands  # touches the accelerator, so not before the fork

        self.feed = feed
        self.made = dict.fromkeys(feed.freedoms, 0)
        self._render = render_hands[(SIZE // TILE, SIZE // TILE, HANDS), (TILE, TILE)]
        room = POOL - POOL % HANDS
        self._pools = {
            freedom: Batch(
                torch.empty((room, SIZE, SIZE, 3), dtype=torch.uint8, device=DEVICE),
                torch.empty(room, dtype=torch.int64, device=DEVICE),
                torch.empty((room, POSE), device=DEVICE),
            )
            for freedom in feed.freedoms
        }

    def grow(self, wait: bool = False) -> None:
        """Render a slot of scenes, if there is one or one is waited for."""
        with self.feed.next(wait) as scenes:
            if scenes is not None:
                freedom = float(scenes.freedom[0])
                pool = self._pools[freedom]
                place = self.made[freedom] % len(pool.labels)
                rows = slice(place, place + HANDS)
                pool.pixels[rows] = self._pictures(scenes)
                pool.labels[rows] = torch.from_numpy(scenes.labels).to(DEVICE)
                pool.poses[rows] = torch.from_numpy(scenes.poses).to(DEVICE)
                self.made[freedom] += HANDS

    def some(self, count: int, freedoms: Sequence[float]) -> Batch:
        """Any of them, as many of each freedom."""
        shares = np.diff(np.linspace(0, count, len(freedoms) + 1).astype(int))
        parts = []
        for freedom, share in zip(freedoms, shares, strict=True):
            pool = self._pools[freedom]
            chosen = torch.randint(min(self.made[freedom], len(pool.labels)), (int(share),), device=DEVICE)
            parts.append(Batch(pool.pixels[chosen], pool.labels[chosen], pool.poses[chosen]))
        return shuffled(parts)

    def _pictures(self, scenes: Scenes) -> Tensor:
        hands = [torch.from_numpy(array).to(DEVICE) for array in scenes.hands()]
        colour = torch.zeros((HANDS, SIZE, SIZE, 3), device=DEVICE)
        coverage = torch.zeros((HANDS, SIZE, SIZE), device=DEVICE)
        self._render(*hands, colour, coverage)
        backgrounds = torch.from_numpy(scenes.backgrounds).to(DEVICE).float().permute(0, 3, 1, 2)
        # Any background for any hand, half of them mirrored.
        behind = backgrounds[torch.randint(len(backgrounds), (HANDS,), device=DEVICE)]
        behind = torch.where(torch.rand(HANDS, 1, 1, 1, device=DEVICE) < 0.5, behind.flip(3), behind)
        behind = before_others(behind, colour, coverage, OTHERS)
        return photograph(behind, colour, coverage, torch.from_numpy(scenes.numbers).to(DEVICE))


def before_others(behind: Tensor, colour: Tensor, coverage: Tensor, share: float) -> Tensor:
    """Backgrounds, a share of which get a part of one of the hands, nearly always too large to be read.

    Skin that is no letter stands behind the hand then, as a face or an arm may.

    Args:
        behind: linear light (n, 3, s, s).
        colour: linear light of hands times coverage (n, s, s, 3).
        coverage: (n, s, s).
        share: of the backgrounds that change, in [0, 1].
    """
    n, device = len(behind), behind.device
    changed = (torch.rand(n, device=device) < share).nonzero()[:, 0]
    other = torch.randint(n, (len(changed),), device=device)
    layers = torch.cat((colour[other].permute(0, 3, 1, 2), coverage[other][:, None]), 1)
    turn, size, side, x, y, light = torch.rand(6, len(changed), device=device)
    # Places of the hand's picture over places of the background: a fifth to three fifths of it fill the whole.
    scale, mirror = 0.2 + 0.4 * size, torch.where(side < 0.5, -1.0, 1.0)
    cosine, sine = scale * (2 * math.pi * turn).cos(), scale * (2 * math.pi * turn).sin()
    theta = torch.stack([mirror * cosine, -sine, 1.6 * (x - 0.5), mirror * sine, cosine, 1.6 * (y - 0.5)], 1)
    grid = F.affine_grid(theta.reshape(-1, 2, 3), list(layers.shape), align_corners=False)
    layers = F.grid_sample(layers, grid, align_corners=False)
    result = behind.clone()
    result[changed] = (1 - layers[:, 3:]) * behind[changed] + (0.4 + 1.6 * light)[:, None, None, None] * layers[:, :3]
    return result


class Photographs:
    """Labelled photographs of several folders in the accelerator's memory."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._sets = []
        for folder in folders:
            samples = load_external(folder, SIZE, CLASSES).all()
            pixels = torch.from_numpy(np.array(samples.pixels)).to(DEVICE)
            self._sets.append((pixels, torch.from_numpy(samples.labels).to(DEVICE)))

    def some(self, count: int) -> Batch:
        """Any of them, as many of each folder."""
        parts = []
        for pixels, labels in self._sets:
            chosen = torch.randint(len(labels), (count // len(self._sets),), device=DEVICE)
            unknown = torch.full((len(chosen), POSE), math.nan, device=DEVICE)
            parts.append(Batch(pixels[chosen], labels[chosen], unknown))
        return shuffled(parts)
