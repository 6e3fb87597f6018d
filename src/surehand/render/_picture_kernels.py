"""Compiled picture operations: painting backgrounds, blurring, tone.

This file is complete in itself: the disk cache of numba notices changes only of the file that a function stands in.
"""

# Types are inferred by the compiler, by rules that are not those of the checker.
# mypy: disallow-untyped-defs=False, disable-error-code="assignment,call-overload,operator"

import math

import numpy as np
from numba import njit

from surehand.kernels import kernel

# Columns of a painted form.
KIND, X, Y, COS, SIN, HALF_X, HALF_Y, RED = 0, 1, 2, 3, 4, 5, 6, 7
SOFT, PERIOD, RED2, OPACITY, SLOPE, ROUND, ROUGH, FINENESS, COLUMNS = 10, 11, 12, 15, 16, 17, 18, 19, 20
RECTANGLE, ELLIPSE, GLOW, RING, CAPSULE = 0, 1, 2, 3, 4
# The band of a ring over its half sides, and the bevel of a rectangle over the shorter of them.
_BAND, _BEVEL = 0.36, 0.3
# How bright a lamp alone makes a surface that faces it, over what light from everywhere alone does.
_DIRECT = 1.45

# One number of double precision would make doubles of all that it meets.
_HALF, _1, _2 = np.float32(0.5), np.float32(1.0), np.float32(2.0)

_kernel = kernel(error_model="numpy")
# Only called by kernels: no wrapper for Python has to be compiled.
_inner = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_in_place = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)


@_kernel
def noise_field(side, size, frequency, stretch, angle, octaves, warp, place):
    """A square of fractal noise, displaced by coarse noise (Quilez, "Domain warping", 2002).

    Args:
        side: of the square, pixels; one more than `size` to have a neighbour of every pixel.
        size: of the image, pixels.
        frequency: cycles over the image.
        stretch: how much longer than wide the grain is, along `angle` (radians).
        octaves: how many finer fields are added, each twice as fine and 0.55 times as strong.
        warp: how far coarse noise displaces the noise, in its own cycles.
        place: where in the endless field; another place is another picture.

    Returns:
        float32 (side, side), in [0, 1].
    """
    field = np.zeros((side, side), np.float32)
    x, y = np.empty(side, np.float32), np.empty(side, np.float32)
    away_x, away_y = np.empty(side, np.float32), np.empty(side, np.float32)
    cosine, sine = math.cos(angle), math.sin(angle)
    bend = np.float32(warp)
    for row in range(side):
        line = field[row]
        for i in range(side):
            across, down = (i + 0.5) / size - 0.5, (row + 0.5) / size - 0.5
            x[i] = (cosine * across + sine * down) * frequency / stretch + place
            y[i] = (cosine * down - sine * across) * frequency + 0.37 * place
        if warp > 0.0:
            for i in range(side):
                away_x[i], away_y[i] = -_HALF, -_HALF
            _add_noise(away_x, x, y, 0.6, 31.7, 0.0, 1.0)
            _add_noise(away_y, x, y, 0.6, 0.0, 57.3, 1.0)
            for i in range(side):
                x[i], y[i] = x[i] + bend * away_x[i], y[i] + bend * away_y[i]
        weight, weights = 1.0, 0.0
        for octave in range(octaves):
            _add_noise(line, x, y, 2.0**octave, 17.3 * octave, -9.1 * octave, weight)
            weights += weight
            weight *= 0.55
        whole = np.float32(1.0 / weights)
        for i in range(side):
            line[i] *= whole
    return field


@_kernel
def paint_field(field, palette, contrast, edge):
    """Colours mixed by noise.

    Args:
        field: noise (size, size) in [0, 1].
        palette: colours (n, 3), n at least 2; rising noise goes through them in turn.
        contrast: 1 goes through the whole palette.
        edge: 1 lets colours melt into each other, and beyond the palette's ends; more makes patches of them.

    Returns:
        float32 (size, size, 3).
    """
    size = field.shape[0]
    image = np.empty((size, size, 3), np.float32)
    last = palette.shape[0] - 1
    for row in range(size):
        for column in range(size):
            level = last * (0.5 + contrast * (field[row, column] - 0.5))
            lower = min(max(int(level), 0), last - 1)
            share = level - lower
            if edge > 1.0:
                share = min(max((share - 0.5) * edge + 0.5, 0.0), 1.0)
            for i in range(3):
                image[row, column, i] = palette[lower, i] + share * (palette[lower + 1, i] - palette[lower, i])
    return image


@_kernel
def shade_relief(image, field, depth, crease, light):
    """Light an image, in place, as if it were a surface whose height is noise, such as cloth or stone.

    Args:
        image: (size, size, 3).
        field: noise (size + 1, size + 1) in [0, 1].
        depth: of the relief, image widths.
        crease: 0 for waves, 1 for sharp folds.
        light: (4,), see `_lit`.
    """
    size = image.shape[0]
    heights = np.empty_like(field)
    for row in range(size + 1):
        for column in range(size + 1):
            height = field[row, column]
            heights[row, column] = depth * size * (height + crease * (abs(2.0 * height - 1.0) - height))
    for row in range(size):
        for column in range(size):
            slope_x = heights[row, column + 1] - heights[row, column]
            slope_y = heights[row + 1, column] - heights[row, column]
            length = math.sqrt(slope_x * slope_x + slope_y * slope_y + 1.0)
            lit = _lit(-slope_x / length, -slope_y / length, 1.0 / length, light)
            for i in range(3):
                image[row, column, i] *= lit


@_inner
def _lit(x, y, z, light):
    """What a display value is multiplied by where the surface has this normal: Lambert's law, on display values.

    `light` is the direction (x, y, z) of a lamp, z towards the camera, and the share of light from everywhere, which
    alone would leave display values as they are.
    """
    return light[3] + (1.0 - light[3]) * _DIRECT * max(x * light[0] + y * light[1] + z * light[2], 0.0)


@_kernel
def paint_forms(image, forms, light):
    """Paint forms over an image, in order, in place: plain, striped, shaded, rough, and lit as if they were solid.

    Args:
        image: (size, size, 3).
        forms: (n, COLUMNS).
        light: (4,), see `_lit`.
    """
    size = image.shape[0]
    for f in range(forms.shape[0]):
        form = forms[f]
        kind, half_x, half_y = form[KIND], form[HALF_X], form[HALF_Y]
        cosine, sine = form[COS], form[SIN]
        # A soft edge at least a pixel wide is also the antialiasing.
        soft = max(form[SOFT], 1.0 / size)
        reach_x = abs(cosine) * half_x + abs(sine) * half_y + 2.0 * soft
        reach_y = abs(sine) * half_x + abs(cosine) * half_y + 2.0 * soft
        row0, row1 = max(0, int((form[Y] - reach_y) * size)), min(size, int((form[Y] + reach_y) * size) + 2)
        column0, column1 = max(0, int((form[X] - reach_x) * size)), min(size, int((form[X] + reach_x) * size) + 2)
        for row in range(row0, row1):
            y = (row + 0.5) / size - form[Y]
            for column in range(column0, column1):
                x = (column + 0.5) / size - form[X]
                u, v = cosine * x + sine * y, cosine * y - sine * x
                edge, across, along = _surface(kind, u, v, half_x, half_y)
                if kind == GLOW:
                    strength = form[OPACITY] * max(edge / min(half_x, half_y), 0.0) ** 2
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
                    shade = 1.0 + form[SLOPE] * v / max(half_y, 1e-6)
                    if form[ROUND] > 0.0:
                        # Longer than 1 on the soft edge and in the corners of rectangles.
                        length = max(math.sqrt(across * across + along * along), 1.0)
                        across, along = across / length, along / length
                        normal_z = math.sqrt(max(1.0 - across * across - along * along, 0.0))
                        normal_x, normal_y = cosine * across - sine * along, sine * across + cosine * along
                        lit = _lit(normal_x, normal_y, normal_z, light)
                        shade *= 1.0 + form[ROUND] * (lit - 1.0)
                    if form[ROUGH] > 0.0:
                        grain = _grain(u * form[FINENESS] + 1.7 * f, v * form[FINENESS] - 0.9 * f)
                        shade *= 1.0 + form[ROUGH] * (2.0 * grain - 1.0)
                    for i in range(3):
                        colour = form[RED + i] + stripe * (form[RED2 + i] - form[RED + i])
                        image[row, column, i] += share * (colour * shade - image[row, column, i])


@_inner
def _surface(kind, u, v, half_x, half_y):
    """How far within a form's outline a place lies, and x and y of the normal: of a round solid, stretched to it."""
    if kind == RECTANGLE:
        inside_x, inside_y = half_x - abs(u), half_y - abs(v)
        bevel = _BEVEL * min(half_x, half_y)
        across = math.copysign(max(1.0 - inside_x / bevel, 0.0), u)
        along = math.copysign(max(1.0 - inside_y / bevel, 0.0), v)
        return min(inside_x, inside_y), across, along
    if kind == CAPSULE:  # a cylinder along its x axis, with round ends
        across = math.copysign(max(abs(u) - (half_x - half_y), 0.0), u) / half_y
        along = v / half_y
        return (1.0 - math.sqrt(across * across + along * along)) * half_y, across, along
    across, along = u / half_x, v / half_y
    radius = math.sqrt(across * across + along * along)
    if kind == RING:
        middle = 1.0 - _BAND / 2
        height = (radius - middle) / (_BAND / 2)
        outwards = height / max(radius, 1e-6)
        return (1.0 - abs(height)) * (_BAND / 2) * min(half_x, half_y), outwards * across, outwards * along
    return (1.0 - radius) * min(half_x, half_y), across, along


@_kernel
def cover_with(image, colour, coverage, gain):
    """Lay colour times gain, already times coverage, over an image, in place."""
    height, width = coverage.shape
    for row in range(height):
        for column in range(width):
            if coverage[row, column] > 0.0:
                behind = np.float32(1.0) - coverage[row, column]
                for i in range(3):
                    image[row, column, i] = behind * image[row, column, i] + np.float32(gain) * colour[row, column, i]


@_kernel
def blur(image, sigma):
    """Gaussian blur with mirrored borders; sigma in pixels, none below 0.2."""
    if sigma < 0.2:
        return image.copy()
    reach = min(math.ceil(3.0 * sigma), image.shape[0])
    weights = np.empty(2 * reach + 1, np.float32)
    total = 0.0
    for i in range(2 * reach + 1):
        weights[i] = math.exp(-0.5 * ((i - reach) / sigma) ** 2)
        total += weights[i]
    for i in range(2 * reach + 1):
        weights[i] /= total
    height, width = image.shape[0], image.shape[1]
    # The innermost loops run over neighbours in memory, all channels alike, so that they vectorise.
    padded = np.empty(3 * (width + 2 * reach), np.float32)
    middle = np.zeros((height, 3 * width), np.float32)
    for row in range(height):
        for column in range(width + 2 * reach):
            source = _mirror(column - reach, width)
            for channel in range(3):
                padded[3 * column + channel] = image[row, source, channel]
        for i in range(2 * reach + 1):
            weight, shift = weights[i], 3 * i
            for place in range(3 * width):
                middle[row, place] += weight * padded[shift + place]
    result = np.zeros((height, 3 * width), np.float32)
    for row in range(height):
        for i in range(2 * reach + 1):
            weight, source = weights[i], _mirror(row + i - reach, height)
            for place in range(3 * width):
                result[row, place] += weight * middle[source, place]
    return result.reshape(height, width, 3)


@_inner
def _mirror(index, length):
    """Reflect a place beyond the border into the image, by up to its own length."""
    if index < 0:
        return -1 - index
    return index if index < length else 2 * length - 1 - index


@_kernel
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


@_kernel
def to_linear(values, brightness):
    """Turn display values (n,) into linear light, nearly their power of 2.2, times a brightness; in place."""
    for i in range(values.shape[0]):
        x = min(max(values[i], np.float32(0.0)), np.float32(1.5))
        values[i] = x * x * (np.float32(0.82) + np.float32(0.18) * x) * np.float32(brightness)


@_kernel
def total_luminance(image):
    """The sum of luminance (ITU-R BT.709) over all pixels of an image in linear light."""
    total = 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            total += 0.2126 * image[row, column, 0] + 0.7152 * image[row, column, 1] + 0.0722 * image[row, column, 2]
    return total


@_kernel
def linear_to_srgb(light, gain, values):
    """Write display values in [0, 1] of linear light (n,) times a gain, with a shoulder above 0.7, not a hard white.

    The curve is made of square roots (Taylor, sRGB approximations for HLSL, 2013; within 0.004 of it), which
    are the same on every machine, as powers are not.
    """
    for i in range(light.shape[0]):
        x = max(light[i] * np.float32(gain), np.float32(0.0))
        if x > 0.7:
            # A hyperbola that leaves 0.7 with slope 1 and ends at 1.
            x = np.float32(1.0) - np.float32(0.09) / (x - np.float32(0.4))
        first = math.sqrt(x)
        second = math.sqrt(first)
        third = math.sqrt(second)
        value = 0.662002687 * first + 0.684122060 * second - 0.323583601 * third - 0.0225411470 * x
        values[i] = min(max(value, 0.0), 1.0)


@_kernel
def picture_style(image, curve, contrast, brightness, saturation, red, blue, noise, scene):
    """A camera's picture style and noise on display values; uint8.

    Args:
        image: (h, w, 3).
        curve: tone curve, values at evenly spaced places from 0 to 1.
        contrast, brightness, saturation, red, blue: see `Factors`.
        noise: its standard deviation.
        scene: which noise, a whole number.
    """
    height, width = image.shape[0], image.shape[1]
    out = np.empty((height, width, 3), np.uint8)
    grain = np.empty(3 * width, np.float32)
    start = _mixed(np.uint32((scene ^ (scene >> 32)) & 0xFFFFFFFF) ^ np.uint32(0x9E3779B9))
    for row in range(height):
        _fill_with_grain(grain, np.uint32(start + np.uint32(2 * row * 3 * width)), np.float32(noise))
        for column in range(width):
            r = _look_up(curve, image[row, column, 0] * red)
            g = _look_up(curve, image[row, column, 1])
            b = _look_up(curve, image[row, column, 2] * blue)
            grey = 0.299 * r + 0.587 * g + 0.114 * b
            for i in range(3):
                value = (r, g, b)[i]
                value = grey + saturation * (value - grey)
                value = 0.5 + contrast * (value - 0.5) + brightness + grain[3 * column + i]
                out[row, column, i] = int(min(max(value, 0.0), 1.0) * 255.0 + 0.5)
    return out


@_inner
def _fill_with_grain(grain, start, noise):
    """Nearly normal numbers: sums of four uniform ones (Irwin and Hall, 1927), at most 3.46 deviations from zero."""
    # Four numbers of 16 bits have this mean, and this standard deviation.
    mean, scale = np.int32(131070), np.float32(noise / 37837.3)
    for i in range(grain.shape[0]):
        first, second = _mixed(np.uint32(start + np.uint32(2 * i))), _mixed(np.uint32(start + np.uint32(2 * i + 1)))
        low = np.int32(first & np.uint32(0xFFFF)) + np.int32(second & np.uint32(0xFFFF))
        total = low + np.int32(first >> np.uint32(16)) + np.int32(second >> np.uint32(16))
        grain[i] = np.float32(np.int32(total - mean)) * scale


@_inner
def _mixed(h):
    """A number whose bits all depend on those of another one (Wellons, "Prospecting for hash functions", 2018)."""
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D))
    h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B))
    return h ^ (h >> np.uint32(16))


@_inner
def _look_up(curve, x):
    """Linear interpolation in a curve over [0, 1]."""
    last = curve.shape[0] - 1
    place = min(max(x, 0.0), 1.0) * last
    left = min(int(place), last - 1)
    return curve[left] + (place - left) * (curve[left + 1] - curve[left])


@_inner
def _grain(x, y):
    """Two octaves of noise, in [0, 1]."""
    coarse = _plane_noise(np.float32(x), np.float32(y))
    fine = _plane_noise(np.float32(2.0 * x + 17.3), np.float32(2.0 * y - 9.1))
    return (coarse + 0.55 * fine) / 1.55


@_in_place
def _hash(i, j):
    """A number in [0, 1) for a lattice point."""
    h = np.int32(i * np.int32(73856093)) ^ np.int32(j * np.int32(19349663))
    h = np.uint32(h)
    h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(668265263))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(374761393))
    # 24 bits, which single precision holds.
    return np.float32(np.int32((h ^ (h >> np.uint32(16))) >> np.uint32(8))) * np.float32(2.0**-24)


@_inner
def _add_noise(line, x, y, scale, right, down, strength):
    """Add noise of one scale, moved and times a strength, to each number of a line."""
    scale, strength = np.float32(scale), np.float32(strength)
    right, down = np.float32(right), np.float32(down)
    for i in range(line.shape[0]):
        line[i] += strength * _plane_noise(scale * x[i] + right, scale * y[i] + down)


@_in_place
def _plane_noise(x, y):
    """Value noise of the plane: smooth interpolation between lattice points; float32, without branches."""
    i, j = np.int32(x), np.int32(y)
    i, j = i - np.int32(x < np.float32(i)), j - np.int32(y < np.float32(j))
    x, y = x - np.float32(i), y - np.float32(j)
    x, y = x * x * (np.float32(3.0) - _2 * x), y * y * (np.float32(3.0) - _2 * y)
    upper = _hash(i, j) * (_1 - x) + _hash(i + 1, j) * x
    lower = _hash(i, j + 1) * (_1 - x) + _hash(i + 1, j + 1) * x
    return upper * (_1 - y) + lower * y
