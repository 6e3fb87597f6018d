"""The small vision transformer against its papers."""

import pytest
import torch

from surehand.errors import UsageError
from surehand.models import blank, build


@pytest.mark.parametrize(("classes", "size", "parameters"), [(1000, 224, 5_717_416), (29, 64, 5_394_077)])
def test_parameters(classes, size, parameters):
    """DeiT's table 1 says 5 M at 224 pixels; the exact number is that of the authors' published weights."""
    assert sum(parameter.numel() for parameter in blank("vit", classes, size).parameters()) == parameters


@pytest.mark.parametrize(
    ("size", "patch", "side"), [(8, 1, 8), (32, 4, 8), (64, 8, 8), (100, 12, 9), (200, 16, 13), (224, 16, 14)]
)
def test_patches_have_16_pixels_or_as_many_as_leave_8_by_8(size, patch, side):
    model = blank("vit", 5, size)
    assert model.patches.kernel_size == model.patches.stride == (patch, patch)
    assert model.positions.weight.shape == (1 + side**2, 192)


@pytest.mark.parametrize("size", [32, 36])
def test_forward_pass_is_that_of_the_papers(unlike_new, size):
    model = unlike_new("vit", 4, size)
    state = model.state_dict()

    def normalise(x, name):
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
        return (x - mean) / (variance + 1e-6).sqrt() * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    images = torch.rand(2, 3, size, size, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    side = -(-size // 4)
    pixels = torch.zeros(2, 3, 4 * side, 4 * side, dtype=torch.double)
    pixels[:, :, :size, :size] = (images - mean[:, None, None]) / std[:, None, None]
    kernel = state["patches.weight"].flatten(1)
    tokens = [state["class_token.weight"].expand(2, -1)]
    for row in range(side):
        for column in range(side):
            patch = pixels[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].flatten(1)
            tokens.append(patch @ kernel.T + state["patches.bias"])
    x = torch.stack(tokens, 1) + state["positions.weight"]
    for block in range(12):
        name = f"blocks.{block}"
        query, key, value = linear(normalise(x, f"{name}.norm1"), f"{name}.attention.qkv").split(192, 2)
        heads = []
        for start in (0, 64, 128):
            q, k, v = (part[:, :, start : start + 64] for part in (query, key, value))
            heads.append(torch.softmax(q @ k.transpose(1, 2) / 8, 2) @ v)
        x = x + linear(torch.cat(heads, 2), f"{name}.attention.project")
        y = linear(normalise(x, f"{name}.norm2"), f"{name}.widen")
        x = x + linear(y * (1 + torch.erf(y / 2**0.5)) / 2, f"{name}.narrow")
    expected = linear(normalise(x[:, 0], "norm"), "output")
    torch.testing.assert_close(model(images), expected)


def test_images_of_another_size_are_refused():
    with pytest.raises(UsageError, match="32x32 pixels; got 32x64"):
        build("vit", 3, 32).eval()(torch.rand(1, 3, 32, 64))
    with pytest.raises(UsageError, match="at least 8 pixels; got 7"):
        build("vit", 3, 7)
