"""Rendered letters without end: every epoch brings pictures that no epoch before has seen."""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from surehand.alphabet import CLASSES, manual_alphabet
from surehand.errors import DataError, UsageError
from surehand.files import replacing
from surehand.progress import Progress, silent
from surehand.randomness import key_of
from surehand.render import RENDERER, render_many

from ._dataset import Samples, joined
from ._names import matched

# Seconds without a new batch of letters: no epoch takes a week.
_FORGOTTEN_AFTER = 7 * 24 * 3600.0


@dataclass(frozen=True)
class LetterStream:
    """Batches of letters, numbered from 0; an epoch trains on the newest few of them.

    Rendering a picture costs more than training on it, so each stays for some epochs, differently augmented in each.
    A batch of letters is a function of its number and the seed: resuming finds it in the cache or renders it again. Who
    signs here is a stranger to the persons of the data set `letters` of the same seed.

    Attributes:
        classes: the model's, all 29 in any order; labels count in their order.
        size: side of the pictures in pixels.
        fresh: pictures rendered for each epoch.
        stay: epochs that a picture is trained in, at least 1.
        seed: of the run.
        scenes: see `surehand.render.Factors`.
        cache: the cache folder; it holds `stay` batches of fresh x size^2 x 3 bytes, and one more while that is made.
        run: names the run, which keeps its letters apart from those of others.

    Raises:
        UsageError: the classes are not those of the alphabet.
        DataError: the cache cannot be written, or has too little space for all that an epoch needs.
    """

    classes: tuple[str, ...]
    size: int
    fresh: int
    stay: int
    seed: int
    scenes: str
    cache: Path
    run: str

    def __post_init__(self) -> None:
        if not manual_alphabet(self.classes):
            raise UsageError(
                f"Rendered letters show {', '.join(CLASSES)}; they cannot be mixed with the classes "
                f"{', '.join(self.classes)}. Train by a recipe without letters, or on images of the alphabet."
            )

    def epoch(self, number: int, progress: Progress = silent) -> Samples:
        """What epoch `number`, from 0, trains on: the pictures rendered for it and for the `stay` - 1 epochs before.

        Raises:
            DataError: the cache cannot be written.
        """
        oldest = max(0, number - self.stay + 1)
        samples = joined([self._samples(batch, progress) for batch in range(oldest, number + 1)])
        for path in self._folder().glob("*.npy"):
            if path.stem.isdigit() and not oldest <= int(path.stem) <= number:
                with suppress(OSError):  # Windows keeps what is still mapped
                    path.unlink(missing_ok=True)
        return samples

    def discard(self) -> None:
        """Remove what the cache holds of this stream; another epoch would render it again."""
        shutil.rmtree(self._folder(), ignore_errors=True)

    def _samples(self, batch: int, progress: Progress) -> Samples:
        path = self._folder() / f"{batch:06d}.npy"
        pixels = _stored(path, (self.fresh, self.size, self.size, 3))
        numbers = np.arange(batch * self.fresh, (batch + 1) * self.fresh)
        if pixels is None:
            self._check_space()
            fixed = {"scenes": self.scenes}
            rendered, _ = render_many(
                numbers.tolist(), seed=self._render_seed, size=self.size, fixed=fixed, progress=progress
            )
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, rendered)
            pixels = np.load(path, mmap_mode="r")
        known = np.array(matched(CLASSES, self.classes, "rendered letters"), np.int64)
        paths = tuple(f"letters/{number}" for number in numbers)
        return Samples(
            pixels, np.arange(self.fresh), known[numbers % len(CLASSES)], numbers.astype(np.uint64), paths, self.classes
        )

    def _check_space(self) -> None:
        """Told before the hours that training takes, not in the middle of them."""
        try:
            self._folder().mkdir(parents=True, exist_ok=True)
            self._remove_forgotten()
            held = sum(path.stat().st_size for path in self._folder().glob("*.npy"))
            free = shutil.disk_usage(self._folder()).free
        except OSError as error:
            raise DataError(
                f"The cache {self.cache} could not be written: {error.strerror}. Name another place with --cache."
            ) from error
        needed = (self.stay + 1) * self.fresh * self.size**2 * 3 - held
        if free < needed:
            raise DataError(
                f"{self.cache} has {free / 1e6:,.0f} MB left, and rendered letters need {needed / 1e6:,.0f} MB more "
                "while training. Free some space, or name another place with --cache."
            )

    def _remove_forgotten(self) -> None:
        """Runs that were never gone on with leave their letters; whoever does so after all renders them again."""
        own = self._folder()
        for folder in own.parent.iterdir():
            with suppress(OSError):  # another process removes it
                if folder != own and time.time() - folder.stat().st_mtime > _FORGOTTEN_AFTER:
                    shutil.rmtree(folder, ignore_errors=True)

    @property
    def _render_seed(self) -> int:
        return key_of(self.seed, "letter stream") % 2**31

    def _folder(self) -> Path:
        name = f"renderer{RENDERER}-{self.scenes}-{self.fresh}x{self.size}px-seed{self.seed}-{self.run}"
        return self.cache / "stream" / name


def _stored(path: Path, shape: tuple[int, ...]) -> UInt8[ndarray, "n h w 3"] | None:
    """The pictures in a file, memory-mapped, or None where there is none or it is not whole."""
    try:
        pixels = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return pixels if pixels.shape == shape and pixels.dtype == np.uint8 else None
