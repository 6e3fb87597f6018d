"""ConvNeXt V2 Atto against its paper."""

import pytest
import torch
from torch.nn import functional as F

from surehand.errors import UsageError
from surehand.models import blank, build
from surehand.models._convnext import ResponseNorm

DEPTHS = (2, 2, 6, 2)


@pytest.mark.parametrize(("classes", "parameters"), [(1000, 3_708_400), (29, 3_396_709)])
def test_parameters(classes, parameters):
    """The paper's table says 3.7 M; the exact number is that of the authors' published weights."""
    assert sum(parameter.numel() for parameter in blank("convnext", classes, 64).parameters()) == parameters


def test_response_normalisation_is_algorithm_1():
    layer = ResponseNorm(3)
    with torch.no_grad():
        layer.scale.copy_(torch.tensor([1.0, 2.0, 0.0]))
        layer.shift.copy_(torch.tensor([0.0, 0.5, 1.0]))
    x = torch.tensor([[[[3.0, 0.0, 1.0], [4.0, 2.0, 0.0]]]])  # one image of 1 x 2 cells: channel norms 5, 2, 1
    relative = torch.tensor([5.0, 2.0, 1.0]) / ((5 + 2 + 1) / 3)
    expected = torch.tensor([1.0, 2.0, 0.0]) * (x * relative) + torch.tensor([0.0, 0.5, 1.0]) + x
    torch.testing.assert_close(layer(x), expected)


def test_forward_pass_is_that_of_the_paper(unlike_new):
    model = unlike_new("convnext", 4, 64)
    state = model.state_dict()

    def normalise(x, name):  # over the last dimension
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
        return (x - mean) / (variance + 1e-6).sqrt() * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def convolve(x, name, **options):  # channels last
        x = F.conv2d(x.permute(0, 3, 1, 2), state[f"{name}.weight"], state[f"{name}.bias"], **options)
        return x.permute(0, 2, 3, 1)

    images = torch.rand(2, 3, 64, 64, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    x = (images.permute(0, 2, 3, 1) - mean) / std
    x = normalise(convolve(x, "stem.0", stride=4), "stem.1")
    for stage, depth in enumerate(DEPTHS):
        if stage:
            x = convolve(normalise(x, f"between.{stage - 1}.0"), f"between.{stage - 1}.1", stride=2)
        for block in range(depth):
            name = f"stages.{stage}.{block}"
            y = normalise(convolve(x, f"{name}.depthwise", padding=3, groups=x.shape[3]), f"{name}.norm")
            y = linear(y, f"{name}.widen")
            y = y * (1 + torch.erf(y / 2**0.5)) / 2
            response = y.square().sum((1, 2), keepdim=True).sqrt()
            response = response / (response.mean(3, keepdim=True) + 1e-6)
            y = y + state[f"{name}.respond.scale"] * y * response + state[f"{name}.respond.shift"]
            x = x + linear(y, f"{name}.narrow")
    assert x.shape == (2, 2, 2, 320)
    expected = linear(normalise(x.mean((1, 2)), "norm"), "output")
    torch.testing.assert_close(model(images), expected)


def test_images_too_small_are_refused():
    with pytest.raises(UsageError, match="at least 32 pixels; got 31"):
        build("convnext", 3, 31)
