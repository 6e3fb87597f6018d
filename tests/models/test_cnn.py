"""The small CNN against its description."""

import pytest
import torch
from torch.nn import functional as F

from surehand.errors import UsageError
from surehand.models import build, sample_keys


@pytest.mark.parametrize(("size", "parameters"), [(64, 551_853), (128, 2_124_717), (200, 5_147_565)])
def test_parameters_with_29_classes(size, parameters):
    assert sum(parameter.numel() for parameter in build("cnn", 29, size).parameters()) == parameters


def test_training_forward_pass_is_conv_pool_norm_relu_three_times_then_two_dense_layers():
    model = build("cnn", 4, 17)
    images = torch.rand(6, 3, 17, 17, generator=torch.Generator().manual_seed(0))
    state = model.state_dict()
    x = (images - 0.5) / 0.25
    for i in range(3):
        x = F.conv2d(x, state[f"blocks.{i}.convolution.weight"], padding=1)
        x = F.max_pool2d(x, 2)
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
        x = ((x - mean) / (variance + 1e-5).sqrt()).clamp(min=0)
    x = model.dropout.eval()(x.reshape(6, 64 * 2 * 2))
    x = (x @ state["hidden.weight"].T + state["hidden.bias"]).clamp(min=0)
    expected = x @ state["output.weight"].T + state["output.bias"]
    torch.testing.assert_close(model(images), expected, rtol=1e-4, atol=1e-4)


def test_initial_deviation_is_that_of_he():
    state = build("cnn", 29, 64).state_dict()
    for name, fan_in, gain in (
        ("blocks.2.convolution", 32 * 9, 2),
        ("hidden", 64 * 8 * 8, 2),
        ("output", 128, 1),
    ):
        weights = state[f"{name}.weight"]
        assert weights.std() == pytest.approx((gain / fan_in) ** 0.5, rel=0.05)
        assert abs(weights.mean()) < 0.05 * weights.std()


def test_dropout_follows_the_sample_wherever_it_stands_in_the_batch():
    model = build("cnn", 4, 16)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    images, keys = torch.rand(4, 3, 16, 16), torch.tensor([5, 6, 7, 8])
    with sample_keys(model, keys):
        whole = model(images)
    with sample_keys(model, keys.flip(0)):
        torch.testing.assert_close(model(images.flip(0)).flip(0), whole)


def test_images_of_another_size_are_refused():
    with pytest.raises(UsageError, match="32x32 pixels; got 32x64"):
        build("cnn", 3, 32).eval()(torch.rand(1, 3, 32, 64))
    with pytest.raises(UsageError, match="at least 8 pixels; got 7"):
        build("cnn", 3, 7)
