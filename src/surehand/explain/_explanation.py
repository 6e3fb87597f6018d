"""What an explanation is, and its file."""

import json
import lzma
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from surehand.errors import DataError, UsageError
from surehand.files import replacing

_FORMAT = "surehand explanation 1"
# What reading an archive raises where a byte is wrong; such a byte may also say that it is encrypted: RuntimeError.
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
Option = str | int | float | None


@dataclass(frozen=True)
class Explanation:
    """Why a model gave one image a class.

    Attributes:
        method: key of `EXPLAINERS`.
        options: everything the method was told, defaults included.
        seed: of all that was drawn.
        target: index of the class explained.
        against: index of the class it is compared with, or None.
        image: float32 (3, h, w), RGB in [0, 1].
        probabilities: float32 (k,), the model's for the image itself.
        attribution: float32 (h, w), signed and unscaled: how much of the probability of `target` (less that of
            `against`) a pixel, or the superpixel it lies in, accounts for.
        forward_passes: images the model evaluated.
        warnings: reasons to trust the explanation less, as sentences.
    """

    method: str
    options: dict[str, Option]
    seed: int
    target: int
    against: int | None
    image: Float32[np.ndarray, "3 h w"]
    probabilities: Float32[np.ndarray, " k"]
    attribution: Float32[np.ndarray, "h w"]
    forward_passes: int
    warnings: tuple[str, ...]

    def save(self, path: str | Path) -> None:
        """Write everything into one NumPy archive (.npz), without pickles; a file that was there is replaced whole.

        Raises:
            DataError: the file cannot be written.
        """
        path = Path(path)
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)}
        rest = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in arrays}
        header = json.dumps({"format": _FORMAT, "kind": type(self).__name__, **rest})
        with replacing(path) as temporary, temporary.open("xb") as file:
            np.savez_compressed(file, header=np.array(header), **arrays)


@dataclass(frozen=True)
class SegmentExplanation(Explanation):
    """An explanation by superpixels, with all that led to it: each step can be drawn, and the fit repeated.

    Attributes:
        segments: int64 (h, w), labels 0 to s-1.
        hidden: float32 (3, h, w), what the model saw where superpixels were hidden.
        masks: bool (n, s), true where a superpixel was shown; the perturbations.
        distances: float64 (n,), cosine distance of each mask from the one that shows everything.
        weights: float64 (n,), in (0, 1].
        predictions: float32 (n, k), probabilities of all classes for each masked image.
        coefficients: float64 (s,), probability per superpixel.
        standard_errors: float64 (s,), HC3; inf where the perturbations do not determine the coefficients.
        intercept: the linear model's prediction with everything hidden.
        r2: weighted share of the predictions' variance that the linear model explains.
        effective_samples: how many equally weighted perturbations would weigh as much.
        shown: number of superpixels that the recipe shows in the end.
        positive_only: whether it shows only those with positive coefficients.
    """

    segments: Int64[np.ndarray, "h w"]
    hidden: Float32[np.ndarray, "3 h w"]
    masks: Bool[np.ndarray, "n s"]
    distances: Float64[np.ndarray, " n"]
    weights: Float64[np.ndarray, " n"]
    predictions: Float32[np.ndarray, "n k"]
    coefficients: Float64[np.ndarray, " s"]
    standard_errors: Float64[np.ndarray, " s"]
    intercept: float
    r2: float
    effective_samples: float
    shown: int
    positive_only: bool

    def top(self, k: int | None = None) -> tuple[int, ...]:
        """The superpixels with the largest signed coefficients, the largest first.

        Args:
            k: how many; None: as many as the recipe shows. Fewer come back where there are fewer, or where the recipe
                shows only positive ones.

        Raises:
            UsageError: k below 1.
        """
        k = self.shown if k is None else k
        if k < 1:
            raise UsageError(f"top() needs at least 1 superpixel to show; got {k}.")
        order = np.argsort(-self.coefficients, kind="stable")[:k]
        return tuple(int(s) for s in order if self.coefficients[s] > 0 or not self.positive_only)

    def cover(self, k: int | None = None, colour: float = 0.0) -> Float32[np.ndarray, "3 h w"]:
        """The image with its top superpixels shown and the rest covered: the area that produced the prediction.

        Args:
            k: as in `top`.
            colour: grey of the cover, in [0, 1]; 0 is the black of the original system's picture.
        """
        kept = np.isin(self.segments, self.top(k))  # (h, w)
        return np.where(kept, self.image, np.float32(colour))

    def perturbed(self, index: int) -> Float32[np.ndarray, "3 h w"]:
        """The masked image of perturbation `index`, at the image's own size."""
        return np.where(self.masks[index][self.segments], self.image, self.hidden)


def load(path: str | Path) -> Explanation:
    """Read what `Explanation.save` wrote; nothing is unpickled.

    Raises:
        DataError: no such file, or not an explanation written by this version.
    """
    try:
        with zipfile.ZipFile(path) as whole:
            if damaged := whole.testzip():  # numpy parses what it reads before sums are compared
                raise ValueError(f"{damaged} is damaged")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        rest = json.loads(str(arrays.pop("header")))
        kind = {c.__name__: c for c in (Explanation, SegmentExplanation)}[rest.pop("kind")]
        if rest.pop("format") != _FORMAT:
            raise ValueError("another version")
        return kind(**arrays, **{**rest, "warnings": tuple(rest["warnings"])})
    except OSError as error:
        raise DataError(f"Could not read the explanation {path}: {error.strerror or error}.") from error
    except (EOFError, KeyError, RuntimeError, TypeError, ValueError, *_DAMAGED) as error:
        raise DataError(f"{path} is not an explanation in the format '{_FORMAT}'; write one with save().") from error
