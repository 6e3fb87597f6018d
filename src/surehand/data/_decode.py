"""One stated rule for every kind of image file, from bytes to the square RGB picture the model sees.

| file                                         | rule                                                              |
|----------------------------------------------|-------------------------------------------------------------------|
| EXIF orientation                             | applied                                                           |
| transparency (RGBA, LA, palette, PNG tRNS)   | composited on white                                               |
| 16-bit and 32-bit integers                   | divided by 257 if they fit 16 bits, else smallest to largest      |
| floating point                               | [0, 1] or [0, 255] as is, else smallest to largest; NaN is 0      |
| CMYK                                         | converted; inverted first where the Adobe marker says so          |
| 1-bit, grey, YCbCr, HSV                      | converted                                                         |
| colour profile (ICC)                         | ignored: numbers are taken as sRGB                                |
| animation, several pages                     | first frame                                                       |
| name says another format than the content    | content decides; flagged "extension"                              |
| not square                                   | middle square kept, flagged "cropped": stretching would bend hands|
| another size                                 | antialiased bilinear; an image of the right size stays untouched  |
| more than 67 million pixels                  | refused from the header, before decoding                          |
| truncated, empty, corrupt, not an image      | refused                                                           |
"""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from surehand.errors import DataError

try:
    import simplejpeg
except ImportError:  # the extra `fast`; the pixels are the same without it
    simplejpeg = None

# Part of every cache key: raise it when a rule above changes.
RULES_VERSION = 1

MAX_PIXELS = 8192 * 8192

Image.init()
# What Pillow may try. Others can run programs (EPS) or hold no photographs; old versions know no AVIF.
_FORMATS = tuple(n for n in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF") if n in Image.OPEN)

_SUFFIXES = {
    "JPEG": {".jpg", ".jpeg", ".jfif", ".jpe"},
    "MPO": {".jpg", ".jpeg", ".mpo"},  # several JPEG pictures in one file, as some cameras write
    "PNG": {".png"},
    "WEBP": {".webp"},
    "BMP": {".bmp"},
    "GIF": {".gif"},
    "TIFF": {".tif", ".tiff"},
    "PPM": {".ppm", ".pgm", ".pbm", ".pnm"},
    "AVIF": {".avif"},
}

# HEIC is listed so that such files are reported as unreadable and not overlooked.
IMAGE_SUFFIXES = frozenset().union(*_SUFFIXES.values(), {".heic", ".heif"})

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION = 0x0112


class UndecodableError(Exception):
    """Why a file cannot be used, in words fit for a list: "truncated", "not an image"."""


@dataclass(frozen=True)
class Decoded:
    """A decoded file: upright, RGB, at its full size."""

    pixels: UInt8[np.ndarray, "h w 3"]
    flags: tuple[str, ...]


def decode(data: bytes, suffix: str) -> Decoded:
    """Decode a file's content by the rules of this module.

    Args:
        data: the file's bytes.
        suffix: of its name, lower case, with the dot; only to notice that it lies.

    Raises:
        UndecodableError: the file cannot be used.
    """
    if not data:
        raise UndecodableError("empty file")
    pixels = _decode_plain_jpeg(data)
    if pixels is not None:
        return Decoded(pixels, () if suffix in _SUFFIXES["JPEG"] else ("extension",))
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(*image.size)
            flags: tuple[str, ...] = () if suffix in _SUFFIXES[str(image.format)] else ("extension",)
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                flags += ("first frame",)
            image.load()
            turn = _TURNS.get(_orientation(image))
            upright = _to_rgb(image)
    except UnidentifiedImageError:
        raise UndecodableError("not an image, or of a format that is not supported") from None
    except Image.DecompressionBombError:
        raise UndecodableError(f"more than {MAX_PIXELS:,} pixels") from None
    except OSError as error:
        raise UndecodableError("truncated" if "truncated" in str(error) else f"corrupt ({error})") from None
    # Pillow's parsers meet arbitrary bytes here and let any of these through.
    except (
        struct.error,
        RuntimeError,
        ValueError,
        SyntaxError,
        TypeError,
        KeyError,
        IndexError,
        EOFError,
        OverflowError,
        ArithmeticError,
    ) as error:
        raise UndecodableError(f"corrupt ({error})") from None
    except MemoryError:
        raise UndecodableError("needs more memory than there is") from None
    if turn is not None:
        upright, flags = upright.transpose(turn), (*flags, "rotated by EXIF")
    return Decoded(np.asarray(upright), flags)


def middle_square(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "side side 3"]:
    """The largest square about the middle, without copying."""
    height, width, _ = pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


def resize(square: UInt8[np.ndarray, "side side 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """Antialiased bilinear (a triangle filter as wide as the reduction); the same size comes back untouched."""
    if len(square) == size:
        return square
    return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR))


def read_image(path: Path, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """One image file by the same rules as a whole set, for prediction.

    Raises:
        DataError: no such file, or it cannot be used.
    """
    try:
        return resize(middle_square(decode(path.read_bytes(), path.suffix.lower()).pixels), size)
    except UndecodableError as error:
        raise DataError(f"{path} cannot be used: {error}. Give another image.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow's warnings about odd but readable files; what matters becomes a flag or a reason."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _decode_plain_jpeg(data: bytes) -> UInt8[np.ndarray, "h w 3"] | None:
    """The fast way for JPEG files without orientation: libjpeg-turbo directly, same pixels as Pillow's, or None."""
    if simplejpeg is None or data[:3] != b"\xff\xd8\xff" or b"Exif\0" in data or b"Orientation" in data:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in ("YCbCr", "Gray"):
            return None
        _check_size(width, height)
        return simplejpeg.decode_jpeg(data)
    except ValueError:  # damaged, or strange: Pillow decides
        return None


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UndecodableError(f"{width} x {height} is more than {MAX_PIXELS:,} pixels")
    if width < 2 or height < 2:
        raise UndecodableError(f"{width} x {height} pixels hold no picture")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except (struct.error, ValueError, TypeError, SyntaxError, KeyError, OSError):  # broken EXIF in a sound image
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_bytes(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, colours).convert("RGB")
    return image.convert("RGB")


def _to_bytes(values: np.ndarray) -> UInt8[np.ndarray, "h w"]:
    """Scale integers of more than 8 bits, or floats, to bytes."""
    integers = values.dtype.kind != "f"
    values = np.nan_to_num(values.astype(np.float64))
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > (65535 if integers else 255):
        values = (values - low) * (255 / max(high - low, 1e-12))
    elif integers:
        values = values / 257
    elif high <= 1:
        values = values * 255
    return np.rint(values).astype(np.uint8)
