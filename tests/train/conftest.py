"""A small data set that a network can learn: bright squares whose place is their class."""

import numpy as np
import pytest

from surehand.data import Samples
from surehand.randomness import generator


def squares(n: int, classes: int = 4, size: int = 16, seed: int = 0) -> Samples:
    draw = generator(seed, "squares")
    labels = np.arange(n, dtype=np.int64) % classes
    pixels = draw.integers(0, 90, (n, size, size, 3), dtype=np.uint8)
    half = size // 2
    for image, label in zip(pixels, labels, strict=True):
        top, left = divmod(int(label), 2)
        image[top * half : top * half + half, left * half : left * half + half] += 120
    ids = draw.integers(0, 2**63, n, dtype=np.uint64)
    names = tuple(f"{i}.png" for i in range(n))
    return Samples(pixels, np.arange(n, dtype=np.int64), labels, ids, names, tuple("abcd")[:classes])


@pytest.fixture(scope="session")
def images() -> Samples:
    return squares(97)


@pytest.fixture(scope="session")
def validation() -> Samples:
    return squares(41, seed=1)
