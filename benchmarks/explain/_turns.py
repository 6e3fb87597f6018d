"""What the explain benchmarks share: images, and timing in turns on one thread."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

torch.set_num_threads(1)


def images(photos: Path | None, n: int, side: int) -> list[np.ndarray]:
    """N photographs from all over a folder, or generated scenes without one; uint8 (side, side, 3)."""
    if photos is None:
        return [_scene(side, seed) for seed in range(n)]
    paths = sorted(path for path in photos.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if len(paths) < n:
        raise SystemExit(f"{photos} holds {len(paths)} photographs; {n} are needed.")
    return [np.array(Image.open(path).convert("RGB").resize((side, side))) for path in paths[:: len(paths) // n][:n]]


def _scene(side: int, seed: int) -> np.ndarray:
    """Smooth colours, bright discs, camera noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    image = random.random(3) * x[..., None] / 2 + random.random(3) * y[..., None] / 2
    for _ in range(8):
        centre, radius = random.random(2), 0.04 + 0.12 * random.random()
        image = np.where(((x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2)[..., None], random.random(3), image)
    return np.rint((image + random.normal(scale=0.02, size=image.shape)).clip(0, 1) * 255).astype(np.uint8)


def in_turns(sides: dict[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Seconds of each side, run one after the other, `runs` times, after one run to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            if run > 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def row(what: str, ours: list[float], peer: list[float], note: str) -> str:
    """One line: both medians and spreads in milliseconds, the median of the ratios of neighbouring runs."""
    ratio = statistics.median(b / a for a, b in zip(ours, peer, strict=True))
    return f"{what:34} {_spread(ours):>24} {_spread(peer):>24} {ratio:6.1f}x  {note}"


HEADER = f"{'what':34} {'ours, ms':>24} {'peer, ms':>24}  ratio"


def _spread(seconds: list[float]) -> str:
    low, middle, high = (1e3 * s for s in (min(seconds), statistics.median(seconds), max(seconds)))
    return f"{middle:.1f} [{low:.1f} {high:.1f}]"
