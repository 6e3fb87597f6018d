"""One test a rule of the table in surehand.data._decode."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from surehand.data import _decode as rules
from surehand.data import read_image
from surehand.data._decode import UndecodableError, decode, middle_square, resize
from surehand.errors import DataError


def encoded(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def gradient(dtype, low, high) -> np.ndarray:
    return np.linspace(low, high, 64).reshape(8, 8).astype(dtype)


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(picture, orientation, form):
    upright = picture(1, 24, 16)
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}, "PNG": {}}[form]
    found = decode(encoded(stored, form, exif=exif, **options), f".{form.lower()}")
    assert found.pixels.shape == (24, 16, 3)
    np.testing.assert_allclose(found.pixels.astype(int), np.asarray(upright).astype(int), atol=12)
    assert ("rotated by EXIF" in found.flags) == (orientation > 1)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", [b"II*\0\xff\xff\xff\xff", b"II*\0\x08", b"II+\0\x08\0\0\0"])
def test_broken_exif_does_not_spoil_a_sound_image(picture, form, exif):
    data = encoded(picture(1), form, exif=b"Exif\0\0" + exif)
    assert decode(data, f".{form.lower()}").pixels.shape == (24, 24, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_composited_on_white(mode):
    alpha = Image.fromarray(np.array([[0, 255], [128, 255]], np.uint8))
    image = Image.new("RGBA", (2, 2), "black")
    image.putalpha(alpha)
    data = encoded(image.convert("RGBA" if mode == "PA" else mode), "PNG")
    if mode == "PA":
        palette = Image.new("P", (2, 2))
        palette.putpalette([0, 0, 0, 255, 0, 0])
        palette.putdata([0, 1, 0, 1])
        data = encoded(palette, "PNG", transparency=bytes([0, 255]))
        expected = [[(255, 255, 255), (255, 0, 0)], [(255, 255, 255), (255, 0, 0)]]
    else:
        expected = [[(255,) * 3, (0,) * 3], [(127,) * 3, (0,) * 3]]
    np.testing.assert_array_equal(decode(data, ".png").pixels, expected)


def test_a_transparent_colour_of_an_rgb_png_is_white():
    image = Image.new("RGB", (4, 4), (1, 2, 3))
    assert (decode(encoded(image, "PNG", transparency=(1, 2, 3)), ".png").pixels == 255).all()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(form):
    values = gradient(np.uint16, 0, 65535)
    pixels = decode(encoded(Image.fromarray(values), form), f".{form.lower()}").pixels
    np.testing.assert_array_equal(pixels[:, :, 0], np.rint(values / 257))


def test_integers_beyond_sixteen_bits_span_from_smallest_to_largest():
    values = gradient(np.int32, -1_000_000, 3_000_000)
    pixels = decode(encoded(Image.fromarray(values), "TIFF"), ".tif").pixels[:, :, 0]
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert (np.diff(pixels.reshape(-1).astype(int)) >= 0).all()


@pytest.mark.parametrize(("low", "high", "scale"), [(0, 1, 255), (0, 255, 1)])
def test_floats_in_the_usual_ranges_keep_their_meaning(low, high, scale):
    values = gradient(np.float32, low, high)
    pixels = decode(encoded(Image.fromarray(values), "TIFF"), ".tif").pixels
    np.testing.assert_array_equal(pixels[:, :, 1], np.rint(values.astype(np.float64) * scale))


def test_other_floats_span_from_smallest_to_largest_and_nan_is_zero():
    values = gradient(np.float32, -2, 6)
    values[0, 1] = np.nan
    pixels = decode(encoded(Image.fromarray(values), "TIFF"), ".tif").pixels[:, :, 0]
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert pixels[0, 1] == round(255 * 2 / 8)


def test_cmyk_jpeg_with_adobe_marker_is_inverted_first(picture):
    cmyk = picture(2).convert("CMYK")
    data = encoded(cmyk, "JPEG", quality=98, subsampling=0)
    assert b"Adobe" in data
    pixels = decode(data, ".jpg").pixels.astype(int)
    assert abs(pixels - np.asarray(cmyk.convert("RGB")).astype(int)).mean() < 3


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_one_bit_grey_and_palette_are_converted(picture, mode):
    image = picture(3).convert(mode)
    np.testing.assert_array_equal(decode(encoded(image, "PNG"), ".png").pixels, np.asarray(image.convert("RGB")))


def test_colour_profiles_are_ignored(picture):
    plain = decode(encoded(picture(4), "PNG"), ".png").pixels
    profile = decode(encoded(picture(4), "PNG", icc_profile=b"not a profile at all"), ".png").pixels
    np.testing.assert_array_equal(profile, plain)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_counts(form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    found = decode(data, f".{form.lower()}")
    assert (found.pixels == (255, 0, 0)).all()
    assert found.flags == ("first frame",)


@pytest.mark.parametrize(("form", "suffix"), [("PNG", ".jpg"), ("JPEG", ".png"), ("GIF", ".jpeg")])
def test_content_decides_where_the_name_lies(picture, form, suffix):
    image = picture(5).convert("P" if form == "GIF" else "RGB")
    found = decode(encoded(image, form), suffix)
    assert "extension" in found.flags
    assert found.pixels.shape == (24, 24, 3)


def test_too_many_pixels_are_refused_from_the_header(monkeypatch):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"never read") + chunk(b"IEND", b"")
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("the picture was decoded"))
    with rules.quiet(), pytest.raises(UndecodableError, match="12000 x 12000 is more than 67,108,864 pixels"):
        decode(bomb, ".png")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"hello", "not an image"),
        (b"<svg/>", "not an image"),
        (b"\xff\xd8\xff\xe0", "not an image"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(data, reason):
    with pytest.raises(UndecodableError, match=reason):
        decode(data, ".jpg")


def outcome(data: bytes) -> np.ndarray | str:
    """The pixels, or the reason why there are none; any other exception fails the test."""
    try:
        return decode(data, ".png").pixels
    except UndecodableError as error:
        return str(error)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_file_cut_anywhere_is_refused_or_was_complete(picture, form):
    image = picture(6, 32)
    whole = encoded(image.convert("P") if form == "GIF" else image, form)
    complete = outcome(whole)
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        found = outcome(whole[:length])
        if isinstance(found, str):
            assert found
        else:  # only padding or a trailer was missing
            np.testing.assert_array_equal(found, complete)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_a_picture_or_a_reason(data, picture):
    forms = ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "AVIF")
    form = data.draw(st.sampled_from([form for form in forms if form in rules._FORMATS]))
    content = bytearray(encoded(picture(7).convert("P" if form == "GIF" else "RGB"), form))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    found = outcome(bytes(content))
    assert found if isinstance(found, str) else (found.dtype, found.shape[2]) == (np.uint8, 3)


def test_whatever_a_decoder_says_of_broken_frames_is_a_reason(picture, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("Failed to decode frame 0")  # as the AVIF decoder does

    monkeypatch.setattr(rules.Image, "open", broken)
    assert "Failed to decode frame 0" in outcome(encoded(picture(7), "PNG"))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 20}, {"optimize": True}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_fast_jpeg_decoder_gives_pillows_pixels(picture, subsampling, options, mode):
    pytest.importorskip("simplejpeg")
    options = options if mode == "L" else {**options, "subsampling": subsampling}
    data = encoded(picture(8, 45, 51).convert(mode), "JPEG", **options)
    fast = rules._decode_plain_jpeg(data)
    np.testing.assert_array_equal(fast, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_without_the_fast_decoder_the_pixels_are_the_same(picture, monkeypatch):
    data = encoded(picture(9, 40), "JPEG")
    fast = decode(data, ".jpg").pixels
    monkeypatch.setattr(rules, "simplejpeg", None)
    np.testing.assert_array_equal(decode(data, ".jpg").pixels, fast)


def test_an_image_of_the_right_size_is_untouched(picture, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(picture(10, 64), "PNG"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 64), np.asarray(picture(10, 64)))


@pytest.mark.parametrize("content", [None, b"", b"not an image"])
def test_one_image_that_cannot_be_used_is_named(tmp_path, content):
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.jpg cannot be"):
        read_image(path, 64)


@pytest.mark.parametrize(("height", "width"), [(30, 20), (20, 31), (21, 20), (20, 20)])
def test_the_middle_square_is_kept(height, width):
    pixels = np.arange(height * width * 3, dtype=np.uint32).reshape(height, width, 3).astype(np.uint8)
    square = middle_square(pixels)
    top, left = (height - 20) // 2, (width - 20) // 2
    np.testing.assert_array_equal(square, pixels[top : top + 20, left : left + 20])


def test_reduction_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    inside = resize(stripes, 16)[:, 1:-1]
    assert abs(inside.astype(int) - 127.5).max() < 6  # sampling every fourth column would give 0 or 255
