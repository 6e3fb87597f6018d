import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from surehand.attack import FGSM, Threat, eight_bit, quantise, run, save_png
from surehand.errors import UsageError

GRID = (torch.arange(256).float() / 255).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("level", [1, 8, 16, 40])
def test_a_step_of_whole_grey_levels_arrives_as_exactly_that_many(sign, level):
    moved = Threat(epsilon=level / 255).project(GRID + sign * level / 255, GRID)
    got = quantise(moved, GRID, level / 255)[0, ..., 0].reshape(-1).astype(int)
    assert (got == (np.arange(256) + sign * level).clip(0, 255)).all()


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-3, 1), st.integers(0, 2**32))
def test_decoded_pixels_stay_within_the_whole_grey_levels_of_the_budget(tmp_path_factory, epsilon, seed):
    random = torch.Generator().manual_seed(seed)
    clean = torch.rand(1, 3, 6, 5, generator=random)
    points = clean + epsilon * torch.randn(1, 3, 6, 5, generator=random).sign()
    adversarial = Threat(epsilon=epsilon).project(points, clean)
    path = tmp_path_factory.mktemp("png") / "a.png"
    save_png(quantise(adversarial, clean, epsilon)[0], path)
    before = np.round(clean[0].permute(1, 2, 0).numpy() * 255).astype(int)
    with Image.open(path) as image:
        after = np.asarray(image).astype(int)
    assert np.abs(after - before).max() <= np.floor(epsilon * 255 + 1e-9)


@pytest.mark.parametrize("epsilon", [6 / 255, 0.03])
def test_verdicts_on_decoded_files_are_those_of_the_model(cnn, images, labels, epsilon, tmp_path):
    result = run(cnn, images, labels, FGSM(), Threat(epsilon=epsilon))
    judged = eight_bit(cnn, images, result)
    for i, pixels in enumerate(judged.adversarial):
        save_png(pixels, tmp_path / f"{i}.png")
    decoded = np.stack([np.asarray(Image.open(tmp_path / f"{i}.png")) for i in range(64)])
    with torch.no_grad():
        predictions = cnn.eval()(torch.from_numpy(decoded).permute(0, 3, 1, 2).float() / 255).argmax(1)
    assert (judged.prediction == predictions.numpy()).all()
    assert (judged.success == (predictions != labels).numpy()).all()
    assert ((judged.lead > 0) == judged.success).all()
    assert (judged.clean_prediction == result.clean_prediction).all()
    assert np.abs(decoded.astype(int) - judged.clean.astype(int)).max() == judged.levels
    assert judged.success.any()


def test_whole_grey_levels_make_the_file_as_adversarial_as_the_float_image(cnn, images, labels):
    result = run(cnn, images, labels, FGSM(), Threat(epsilon=6 / 255))
    assert (eight_bit(cnn, images, result).success == result.success).all()


def test_only_linf_attacks_and_their_own_images_are_judged(cnn, images, labels):
    with pytest.raises(UsageError, match="linf"):
        eight_bit(cnn, images, run(cnn, images, labels, FGSM(), Threat("l2", 1.0)))
    with pytest.raises(UsageError, match="those that were attacked"):
        eight_bit(cnn, images[:3], run(cnn, images, labels, FGSM(), Threat()))
