"""`Conv2d` computes what torch's convolution does, whichever way it takes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from surehand.models import build, sample_keys
from surehand.models._conv2d import Conv2d


@pytest.fixture
def products(monkeypatch):
    """How often a product of matrices took a convolution's place."""
    calls = []
    plain = Conv2d._as_product
    monkeypatch.setattr(Conv2d, "_as_product", lambda self, x: calls.append(x.shape) or plain(self, x))
    return calls


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 3),
    inputs=st.integers(2, 5),
    outputs=st.integers(1, 4),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 2),
)
def test_result_and_gradients_are_those_of_torch(n, inputs, outputs, height, width, kernel, stride):
    layer = Conv2d(inputs, outputs, kernel, stride).double()
    x = torch.randn(n, inputs, height, width, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(x, layer.weight, None, stride, kernel // 2)
    found = layer._as_product(x)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad((found * weights).sum(), (x, layer.weight)),
        torch.autograd.grad((expected * weights).sum(), (x, layer.weight)),
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("side", "layout", "kernel", "taken"),
    [
        (4, torch.channels_last, 3, True),
        (4, torch.channels_last, 1, True),
        (5, torch.channels_last, 3, False),
        (4, torch.contiguous_format, 3, False),
        (4, torch.contiguous_format, 1, False),
    ],
)
def test_a_product_takes_its_place_where_maps_are_small(products, side, layout, kernel, taken, training):
    layer = Conv2d(4, 4, kernel).to(memory_format=layout).train(training)
    layer(torch.zeros(2, 4, side, side).to(memory_format=layout))
    assert bool(products) is taken


@pytest.mark.parametrize("architecture", ["darknet53", "resnet18", "reader"])
def test_networks_of_the_table_learn_by_it(products, architecture):
    model = build(architecture, 3, 64).to(memory_format=torch.channels_last).train()
    with sample_keys(model, torch.arange(8)):
        model(torch.rand(8, 3, 64, 64).to(memory_format=torch.channels_last))
    assert products


def test_half_precision_rounds_gradients_once():
    layer = Conv2d(16, 8, 3)
    x = torch.randn(4, 16, 4, 4, requires_grad=True)
    weights = torch.randn(4, 8, 4, 4)
    (exact,) = torch.autograd.grad((F.conv2d(x, layer.weight, None, 1, 1) * weights).sum(), x)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer._as_product(x)
    (rounded,) = torch.autograd.grad((found.float() * weights).sum(), x)
    torch.testing.assert_close(rounded, exact, rtol=0.02, atol=0.02 * float(exact.abs().max()))


def test_a_network_reads_by_it_and_is_exported_without_it(products):
    model = build("resnet18", 3, 32).to(memory_format=torch.channels_last).eval()
    images = torch.rand(2, 3, 32, 32).to(memory_format=torch.channels_last)
    model(images)
    assert products
    products.clear()
    program = torch.export.export(model, (images,))
    assert not products
    kinds = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    layers = sum(isinstance(layer, torch.nn.Conv2d) for layer in model.modules())
    assert sum("conv" in kind for kind in kinds) == layers
