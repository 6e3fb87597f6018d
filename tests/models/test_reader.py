"""The readers against what their descriptions say."""

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from surehand.models import blank, build


@pytest.mark.parametrize(("name", "parameters", "limit"), [("reader", 2_659_341, 3e6), ("small_reader", 380_037, 4e5)])
def test_parameters(name, parameters, limit):
    assert sum(parameter.numel() for parameter in blank(name, 29, 96).parameters()) == parameters <= limit


@pytest.mark.parametrize(("name", "size", "operations"), [("reader", 96, 0.262e9), ("small_reader", 64, 0.0836e9)])
def test_operations(name, size, operations):
    model = blank(name, 29, size).eval()
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, size, size, device="meta"))
    assert counter.get_total_flops() == pytest.approx(operations, rel=0.01)


def test_forward_pass_is_stem_stages_mean_and_output(unlike_new):
    model = unlike_new("reader", 4, 64)
    state = model.state_dict()

    def convolve(x, convolution, norm, stride=1):
        x = F.conv2d(x, state[f"{convolution}.weight"], stride=stride, padding=1)
        mean, variance, scale, shift = (
            state[f"{norm}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    images = torch.rand(2, 3, 64, 64, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    x = F.relu(convolve((images - 0.5) / 0.25, "stem.convolution", "stem.norm", stride=2))
    for stage, units in enumerate((1, 2, 2, 1)):
        name = f"stages.{stage}"
        x = F.relu(convolve(x, f"{name}.0.convolution", f"{name}.0.norm", stride=2))
        for unit in range(1, units + 1):
            inner = F.relu(convolve(x, f"{name}.{unit}.first.convolution", f"{name}.{unit}.first.norm"))
            x = F.relu(x + convolve(inner, f"{name}.{unit}.second", f"{name}.{unit}.norm"))
    logits = x.mean((2, 3)) @ state["output.weight"].T + state["output.bias"]
    assert torch.allclose(model(images), logits, atol=1e-9)


def test_every_residual_unit_starts_as_the_identity():
    model = build("reader", 29, 64)
    assert all(unit.norm.weight.eq(0).all() for stage in model.stages for unit in stage[1:])


def test_small_forward_pass_is_convolutions_maxima_mean_and_output(unlike_new):
    model = unlike_new("small_reader", 4, 64)
    state = model.state_dict()

    def convolve(x, name, stride=1):
        x = F.conv2d(x, state[f"{name}.convolution.weight"], stride=stride, padding=1)
        mean, variance, scale, shift = (
            state[f"{name}.norm.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.relu((x - mean) / (variance + 1e-5).sqrt() * scale + shift)

    images = torch.rand(2, 3, 64, 64, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    x = (images - 0.5) / 0.25
    for stage in range(3):
        x = convolve(x, f"stages.{stage}.0", stride=1 if stage else 2)
        x = convolve(x, f"stages.{stage}.1")
        if stage < 2:
            x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
    logits = x.mean((2, 3)) @ state["output.weight"].T + state["output.bias"]
    assert torch.allclose(model(images), logits, atol=1e-9)
