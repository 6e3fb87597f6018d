"""ResNet-18 against the paper."""

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from surehand.models import blank, build


@pytest.mark.parametrize(("classes", "parameters"), [(1000, 11_689_512), (29, 11_191_389)])
def test_parameters(classes, parameters):
    assert sum(parameter.numel() for parameter in blank("resnet18", classes, 64).parameters()) == parameters


def test_operations_are_those_of_table_1():
    model = blank("resnet18", 1000, 224).eval()
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 224, 224, device="meta"))
    # The paper counts a multiplication with its addition as one.
    assert counter.get_total_flops() / 2 == pytest.approx(1.8e9, rel=0.02)


def test_forward_pass_is_that_of_table_1(unlike_new):
    model = unlike_new("resnet18", 4, 64)
    state = model.state_dict()

    def convolve(x, name, stride):
        weight = state[f"{name}.convolution.weight"]
        x = F.conv2d(x, weight, stride=stride, padding=(weight.shape[2] - 1) // 2)
        mean, variance, scale, shift = (
            state[f"{name}.norm.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    images = torch.rand(2, 3, 64, 64, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    x = (images - mean[:, None, None]) / std[:, None, None]
    x = F.max_pool2d(F.relu(convolve(x, "stem", 2)), 3, stride=2, padding=1)
    for stage, channels in enumerate((64, 128, 256, 512), 1):
        for unit in (0, 1):
            name, first = f"stage{stage}.{unit}", unit == 0 and stage > 1
            found = F.relu(convolve(x, f"{name}.first", 2 if first else 1))
            found = convolve(found, f"{name}.second", 1)
            x = F.relu(found + (convolve(x, f"{name}.shortcut", 2) if first else x))
            assert x.shape == (2, channels, 32 // 2**stage, 32 // 2**stage)
    expected = x.mean((2, 3)) @ state["output.weight"].T + state["output.bias"]
    torch.testing.assert_close(model(images), expected)


def test_units_start_as_their_shortcuts():
    model = build("resnet18", 4, 32)
    features = torch.rand(3, 64, 5, 5)
    assert torch.equal(model.stage1[0](features), features)


@pytest.mark.parametrize("size", [16, 33, 64, 100])
def test_reads_images_of_any_size(size):
    assert build("resnet18", 4, size).eval()(torch.rand(2, 3, size, size)).shape == (2, 4)
