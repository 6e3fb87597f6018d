"""Compiled picture operations: painting backgrounds, blurring, tone."""

# Types are inferred by the compiler.
# mypy: disallow-untyped-defs=False

import math

import numpy as np
from numba import njit

from surehand.render._noise_kernels import fractal_noise

# Columns of a painted form.
KIND, X, Y, COS, SIN, HALF_X, HALF_Y, RED = 0, 1, 2, 3, 4, 5, 6, 7
SOFT, PERIOD, RED2, OPACITY, SLOPE, COLUMNS = 10, 11, 12, 15, 16, 17
RECTANGLE, ELLIPSE, GLOW = 0, 1, 2

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def paint_field(size, first, second, frequency, stretch, angle, octaves, contrast, place):
    """Two colours mixed by noise.

    Args:
        size: pixels.
        first, second: colours (3,).
        frequency: cycles over the image.
        stretch: how much longer than wide the grain is, along `angle` (radians).
        octaves: how many finer fields are added.
        contrast: 1 mixes fully.
        place: where in the noise field; another place is another picture.

    Returns:
        (size, size, 3).
    """
    image = np.empty((size, size, 3))
    cosine, sine = math.cos(angle), math.sin(angle)
    for row in range(size):
        y = (row + 0.5) / size - 0.5
        for column in range(size):
            x = (column + 0.5) / size - 0.5
            u = (cosine * x + sine * y) * frequency / stretch + place
            v = (cosine * y - sine * x) * frequency + 0.37 * place
            share = 0.5 + contrast * (fractal_noise(u, v, 0.5, octaves) - 0.5)
            for i in range(3):
                image[row, column, i] = first[i] + share * (second[i] - first[i])
    return image


@_compiled
def paint_forms(image, forms):
    """Paint forms over an image, in order, in place: rectangles, ellipses and glows, plain, striped or shaded."""
    size = image.shape[0]
    for f in range(forms.shape[0]):
        form = forms[f]
        cosine, sine = form[COS], form[SIN]
        # A soft edge at least a pixel wide is also the antialiasing.
        soft = max(form[SOFT], 1.0 / size)
        reach_x = abs(cosine) * form[HALF_X] + abs(sine) * form[HALF_Y] + 2.0 * soft
        reach_y = abs(sine) * form[HALF_X] + abs(cosine) * form[HALF_Y] + 2.0 * soft
        row0, row1 = max(0, int((form[Y] - reach_y) * size)), min(size, int((form[Y] + reach_y) * size) + 2)
        column0, column1 = max(0, int((form[X] - reach_x) * size)), min(size, int((form[X] + reach_x) * size) + 2)
        for row in range(row0, row1):
            y = (row + 0.5) / size - form[Y]
            for column in range(column0, column1):
                x = (column + 0.5) / size - form[X]
                u, v = cosine * x + sine * y, cosine * y - sine * x
                if form[KIND] == RECTANGLE:
                    edge = min(form[HALF_X] - abs(u), form[HALF_Y] - abs(v))
                else:
                    radius = math.sqrt((u / form[HALF_X]) ** 2 + (v / form[HALF_Y]) ** 2)
                    edge = (1.0 - radius) * min(form[HALF_X], form[HALF_Y])
                    if form[KIND] == GLOW:
                        strength = form[OPACITY] * max(1.0 - radius, 0.0) ** 2
                        for i in range(3):
                            image[row, column, i] += strength * form[RED + i]
                        continue
                share = form[OPACITY] * min(max(0.5 + edge / soft, 0.0), 1.0)
                if share > 0.0:
                    stripe = 0.0
                    if form[PERIOD] > 0.0:
                        # A square wave, softened to what a pixel can show.
                        width = min(1.0, 1.5 / (size * form[PERIOD]))
                        wave = abs(2.0 * ((v / form[PERIOD]) % 1.0) - 1.0)
                        stripe = min(max((wave - 0.5) / (width + 0.02) + 0.5, 0.0), 1.0)
                    shade = 1.0 + form[SLOPE] * v / max(form[HALF_Y], 1e-6)
                    for i in range(3):
                        colour = form[RED + i] + stripe * (form[RED2 + i] - form[RED + i])
                        image[row, column, i] += share * (colour * shade - image[row, column, i])


@_compiled
def blur(image, sigma):
    """Gaussian blur with mirrored borders; sigma in pixels, none below 0.2."""
    if sigma < 0.2:
        return image.copy()
    reach = math.ceil(3.0 * sigma)
    weights = np.empty(2 * reach + 1)
    for i in range(2 * reach + 1):
        weights[i] = math.exp(-0.5 * ((i - reach) / sigma) ** 2)
    weights /= weights.sum()
    height, width = image.shape[0], image.shape[1]
    middle = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            for i in range(2 * reach + 1):
                source = _mirror(column + i - reach, width)
                for channel in range(3):
                    middle[row, column, channel] += weights[i] * image[row, source, channel]
    result = np.zeros_like(image)
    for row in range(height):
        for i in range(2 * reach + 1):
            source = _mirror(row + i - reach, height)
            for column in range(width):
                for channel in range(3):
                    result[row, column, channel] += weights[i] * middle[source, column, channel]
    return result


@_compiled
def _mirror(index, length):
    period = 2 * length
    index %= period
    return index if index < length else period - 1 - index


@_compiled
def smear(image, length, angle):
    """Motion blur: the mean over a line of `length` pixels at `angle` (radians), borders held."""
    size = image.shape[0]
    count = math.ceil(length) + 1
    result = np.zeros_like(image)
    for step in range(count):
        shift = length * (step / (count - 1) - 0.5) if count > 1 else 0.0
        dx, dy = shift * math.cos(angle), shift * math.sin(angle)
        x0, y0 = math.floor(dx), math.floor(dy)
        fx, fy = dx - x0, dy - y0
        for row in range(size):
            top, bottom = min(max(row + y0, 0), size - 1), min(max(row + y0 + 1, 0), size - 1)
            for column in range(size):
                left, right = min(max(column + x0, 0), size - 1), min(max(column + x0 + 1, 0), size - 1)
                for i in range(3):
                    upper = image[top, left, i] * (1 - fx) + image[top, right, i] * fx
                    lower = image[bottom, left, i] * (1 - fx) + image[bottom, right, i] * fx
                    result[row, column, i] += (upper * (1 - fy) + lower * fy) / count
    return result


@_compiled
def to_linear(image, brightness):
    """Linear light of display values (power 2.2), times a brightness."""
    out = np.empty_like(image)
    source, target = image.ravel(), out.ravel()
    for i in range(source.size):
        target[i] = min(max(source[i], 0.0), 1.5) ** 2.2 * brightness
    return out


@_compiled
def linear_to_srgb(image):
    """Display values in [0, 1] of linear light, with a shoulder above 0.7 instead of a hard white."""
    out = np.empty_like(image)
    source, target = image.ravel(), out.ravel()
    for i in range(source.size):
        x = max(source[i], 0.0)
        if x > 0.7:
            x = 0.7 + 0.3 * (1.0 - math.exp(-(x - 0.7) / 0.3))
        target[i] = 12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055
    return out


@_compiled
def picture_style(image, gamma, contrast, brightness, saturation, red, blue, grain, noise):
    """A camera's picture style and noise on display values; uint8.

    Args:
        image: (h, w, 3).
        gamma, contrast, brightness, saturation, red, blue: see `Factors`.
        grain: standard normal numbers (h, w, 3).
        noise: their standard deviation.
    """
    height, width = image.shape[0], image.shape[1]
    out = np.empty((height, width, 3), np.uint8)
    for row in range(height):
        for column in range(width):
            r = min(image[row, column, 0] * red, 1.0) ** gamma
            g = min(image[row, column, 1], 1.0) ** gamma
            b = min(image[row, column, 2] * blue, 1.0) ** gamma
            grey = 0.299 * r + 0.587 * g + 0.114 * b
            for i in range(3):
                value = (r, g, b)[i]
                value = grey + saturation * (value - grey)
                value = 0.5 + contrast * (value - 0.5) + brightness + noise * grain[row, column, i]
                out[row, column, i] = int(min(max(value, 0.0), 1.0) * 255.0 + 0.5)
    return out
