"""Small pictures, each unlike the others, and folders of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def _picture(number: int, side: int = 24, width: int | None = None) -> Image.Image:
    """A smooth picture that depends on the number alone; different numbers differ in about half of the hash's bits."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((width or side, side), Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image.Image]:
    return _picture


@pytest.fixture(scope="session")
def fill() -> Callable[..., Path]:
    """fill(folder, {"A/1.png": 3}) writes picture 3 there; bytes are written as they are."""

    def fill(folder: Path, files: dict[str, int | bytes]) -> Path:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                _picture(content).save(path)
        return folder

    return fill


@pytest.fixture
def two_classes(tmp_path, fill) -> Path:
    """Twelve pictures in each of A and B."""
    return fill(tmp_path / "set", {f"{c}/{i}.png": 100 * (c == "B") + i for c in "AB" for i in range(12)})


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """Every test has a cache of its own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SUREHAND_CACHE", str(folder))
    return folder
