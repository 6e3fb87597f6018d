"""Augmenting a batch: the compiled kernel, the same in torch operations, and Pillow image by image.

python -m benchmarks.data.bench_augment

One thread each, in images per second of processor time. Pillow does rotation, shift and zoom as one affine transform
and brightness, contrast and colour with its enhancers, as an ordinary data loader would.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageEnhance

from benchmarks._conditions import conditions, spread
from surehand.data import Augmentation, augment, draw_augmentation, to_images

BATCH, RUNS = 128, 15


def pillow(pixels: np.ndarray, ids: np.ndarray, epoch: int) -> torch.Tensor:
    drawn = draw_augmentation(Augmentation(), ids, seed=0, epoch=epoch, height=pixels.shape[1], width=pixels.shape[2])
    images = []
    for picture, affine, colour in zip(pixels, drawn.affine, drawn.colour, strict=True):
        image = Image.fromarray(picture)
        image = image.transform(image.size, Image.Transform.AFFINE, affine.ravel().tolist(), Image.Resampling.BILINEAR)
        image = ImageEnhance.Brightness(image).enhance(float(colour[0, 0]))
        image = ImageEnhance.Contrast(image).enhance(float(colour[1, 1]))
        image = ImageEnhance.Color(image).enhance(float(colour[2, 2]))
        images.append(torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255)
    return torch.stack(images)


def main() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        print(conditions("numba", "pillow"))
        print(f"images per core-second, batches of {BATCH}, {RUNS} interleaved runs, median [lowest highest]\n")
        print(f"| {'side':>4} | {'what':<34} | {'images per core-second':<32} | of ours |")
        print(f"|{'-' * 6}|{'-' * 36}|{'-' * 34}|{'-' * 9}|")
        for side in (64, 200):
            table(side)
    finally:
        torch.set_num_threads(threads)


def table(side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, side, side, 3), np.uint8)
    ids = np.arange(BATCH, dtype=np.uint64)
    tensor, out, copy = torch.from_numpy(pixels), to_images(pixels), to_images(pixels)
    ours = "kernel (ours)"
    rivals: dict[str, Callable[[int], object]] = {
        ours: lambda e: augment(pixels, ids, seed=0, epoch=e, augmentation=Augmentation()),
        "torch grid_sample (ours, for GPUs)": lambda e: augment(
            tensor, ids, seed=0, epoch=e, augmentation=Augmentation()
        ),
        "Pillow, image by image": lambda e: pillow(pixels, ids, e),
        "bytes to float only": lambda _: to_images(pixels),
        "limit: copying the result": lambda _: copy.copy_(out),
    }
    rates: dict[str, list[float]] = {name: [] for name in rivals}
    for run in range(RUNS + 1):
        for name, call in rivals.items():
            start = time.thread_time()
            call(run)
            if run:  # the first compiles
                rates[name].append(BATCH / (time.thread_time() - start))
    best = statistics.median(rates[ours])
    for name, values in rates.items():
        print(f"| {side:>4} | {name:<34} | {spread(values, 0):<32} | {statistics.median(values) / best:6.2f}x |")


if __name__ == "__main__":
    main()
