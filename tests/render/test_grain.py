"""The grain that a camera adds."""

import numpy as np
import pytest

from surehand.render._picture_kernels import picture_style

SIZE = 256


def grain(noise: float, scene: int) -> np.ndarray:
    """What is added to a grey picture, display values (SIZE, SIZE, 3)."""
    grey = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    pixels = picture_style(grey, np.linspace(0, 1, 257), 1.0, 0.0, 1.0, 1.0, 1.0, noise, scene)
    return pixels / 255 - 0.5


@pytest.mark.parametrize("scene", [0, 1, 2**31 - 1, 2**53])
@pytest.mark.parametrize("noise", [0.01, 0.06])
def test_grain_is_normal_around_zero_with_the_deviation_asked_for(noise, scene):
    added = grain(noise, scene)
    assert added.mean() == pytest.approx(0, abs=0.01 * noise)
    assert added.std() == pytest.approx(noise, rel=0.02)
    # Of a normal distribution 68.3 % lie within one deviation, and 95.4 % within two; steps of 1/255 are coarse.
    within = [(np.abs(added) <= deviations * noise).mean() for deviations in (1, 2)]
    assert within == pytest.approx([0.683, 0.954], abs=0.03 if noise > 0.05 else 0.2)


def test_no_noise_leaves_no_grain():
    assert np.ptp(grain(0.0, 5)) == 0


def test_grain_is_that_of_its_scene_and_no_pixel_tells_of_another():
    one, other = grain(0.06, 1), grain(0.06, 2)
    np.testing.assert_array_equal(one, grain(0.06, 1))
    pairs = {
        "scenes": (one, other),
        "columns": (one[:, 1:], one[:, :-1]),
        "rows": (one[1:], one[:-1]),
        "channels": (one[:, :, 1:], one[:, :, :-1]),
    }
    for name, (a, b) in pairs.items():
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.01, name
