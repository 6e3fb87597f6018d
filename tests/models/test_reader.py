"""The readers against what their descriptions say."""

import math

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from surehand.models import blank, build, sample_keys


@pytest.mark.parametrize(("name", "parameters", "limit"), [("reader", 2_955_701, 3e6), ("small_reader", 380_037, 4e5)])
def test_parameters(name, parameters, limit):
    assert sum(parameter.numel() for parameter in blank(name, 29, 96).parameters()) == parameters <= limit


@pytest.mark.parametrize(("name", "size", "operations"), [("reader", 160, 0.599e9), ("small_reader", 64, 0.3686e9)])
def test_operations(name, size, operations):
    model = blank(name, 29, size).eval()
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, size, size, device="meta"))
    assert counter.get_total_flops() == pytest.approx(operations, rel=0.01)


def convolved(state, x, name, stride=1, norm="norm", own_share=0.0):
    """What a convolution of the readers does to x, written out; `norm` is the name of its normalisation."""
    kernel = f"{name}.convolution.weight" if norm == "norm" else f"{name}.weight"
    x = F.conv2d(x, state[kernel], stride=stride, padding=1)
    name = f"{name}.norm" if norm == "norm" else norm
    mean, variance, scale, shift = (
        state[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
    )
    if own_share:  # the statistics of a mixture: of so much of the image, and of the training images
        own, other = own_share, 1 - own_share
        own_mean, own_variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
        squares = own * (own_variance + own_mean**2) + other * (variance + mean**2)
        mean = own * own_mean + other * mean
        variance = squares - mean**2
    return (x - mean) / (variance + 1e-5).sqrt() * scale + shift


def plain(state, x, trunk, stages, own_share=0.0):
    return plain_maps(state, x, trunk, stages, own_share).mean((2, 3))


def plain_maps(state, x, trunk, stages, own_share=0.0):
    for stage, convolutions in enumerate(stages):
        if stage:
            x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
        for number in range(convolutions):
            first = stage == number == 0
            x = F.relu(convolved(state, x, f"{trunk}.stages.{stage}.{number}", 2 if first else 1, own_share=own_share))
    return x


def residual(state, x, trunk, stages):
    x = F.relu(convolved(state, x, f"{trunk}.stem", stride=2))
    for stage, units in enumerate(stages):
        x = F.relu(convolved(state, x, f"{trunk}.stages.{stage}.0", stride=2))
        for unit in range(1, units + 1):
            name = f"{trunk}.stages.{stage}.{unit}"
            inner = F.relu(convolved(state, x, f"{name}.first"))
            x = F.relu(x + convolved(state, inner, f"{name}.second", norm=f"{name}.norm"))
    return x.mean((2, 3))


def five_views(images):
    """Of images of 64 pixels."""
    nearer = (F.interpolate(images[:, :, edge:-edge, edge:-edge], (64, 64), mode="bilinear") for edge in (5, 8))
    further = (F.interpolate(images, (side, side), mode="bilinear") for side in (56, 52))
    return images, *nearer, *further


def reduced(images, x, y, side, size):
    """What `look` shows of one image (3, h, w), pixel by pixel: triangles as wide as the new pixels."""

    def weights(pixels, middle):
        middle = min(max(middle, side / 2), 1 - side / 2)
        rows = []
        for new in range(size):
            centre, reach = middle + side * ((new + 0.5) / size - 0.5), max(side / size, 1 / pixels)
            row = [max(0.0, 1 - abs((old + 0.5) / pixels - centre) / reach) for old in range(pixels)]
            rows.append([weight / sum(row) for weight in row])
        return torch.tensor(rows, dtype=images.dtype)

    return torch.einsum("cij,ri,sj->crs", images, weights(images.shape[1], y), weights(images.shape[2], x))


def test_glances_at_the_image_then_looks_twice_at_the_hand(unlike_new):
    model = unlike_new("reader", 4, 64)
    with torch.no_grad():  # so that most places of the last maps are empty, as when a hand is small
        model.plain.stages[3][1].norm.bias.sub_(4.0)
    state = model.state_dict()
    noise = torch.rand(3, 64, 64, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    image = torch.full((3, 64, 64), 0.5, dtype=torch.double)
    image[:, 8:24, 30:50] = noise[:, 8:24, 30:50]
    pixels = (image - 0.5) / 0.25
    maps = plain_maps(state, reduced(pixels, 0.5, 0.5, 1.0, 84)[None], "plain", (2, 2, 2, 2))
    length = maps[0].norm(dim=0)
    weight = (length / 2).exp() / (length / 2).exp().sum()
    places = [(i + 0.5) / len(length) for i in range(len(length))]
    x = sum(float(weight[:, i].sum()) * place for i, place in enumerate(places))
    y = sum(float(weight[i].sum()) * place for i, place in enumerate(places))
    side = min(max(1.4 * math.exp(5.0 * float(length.mean() / length.max()) - 2.0), 0.3), 1.0)
    assert 0.3 < side < 0.9, "an image that shows what the window does"
    hand = reduced(pixels, x, y, side, 84)[None]
    looks = [residual(state, view, "residual", (1, 2, 2, 1)) for view in (hand, hand.flip(3))]
    features = maps.mean((2, 3)), (looks[0] + looks[1]) / 2
    weights = state["output.weight"].split((288, 152), dim=1)
    logits = sum(seen @ weight.T + state["output.bias"] for seen, weight in zip(features, weights, strict=True)) / 2
    both = model(torch.stack((image, noise)))
    assert torch.allclose(both[0], logits, atol=1e-9)


def test_in_training_each_image_teaches_one_trunk():
    model = build("reader", 4, 32)
    model.dropout.p = 0.0
    images = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    taught = []
    with sample_keys(model, torch.arange(64)):
        logits = model(images)
        for row in logits:
            (gradient,) = torch.autograd.grad(row.sum(), model.output.weight, retain_graph=True)
            taught.append(tuple(bool(part.any()) for part in gradient.split((288, 152), dim=1)))
    assert set(taught) == {(True, False), (False, True)}
    assert 16 < sum(plain for plain, _ in taught) < 48
    # Each trunk saw the images that it learns from, at 96 pixels, and no others.
    weights = model.output.weight.split((288, 152), dim=1)
    pixels = torch.stack([reduced(pixels, 0.5, 0.5, 1.0, 96) for pixels in model.normalise(images)])
    for number, (trunk, weight) in enumerate(zip((model.plain, model.residual), weights, strict=True)):
        drawn = torch.tensor([trunks[number] for trunks in taught])
        torch.testing.assert_close(
            logits[drawn], trunk(pixels[drawn]) @ weight.T + model.output.bias, atol=1e-4, rtol=1e-4
        )


def test_in_training_a_trunk_with_one_image_sees_all():
    model = build("reader", 4, 32)
    with sample_keys(model, torch.arange(2)):
        assert model(torch.rand(2, 3, 32, 32)).isfinite().all()


def test_every_residual_unit_starts_as_the_identity():
    model = build("reader", 29, 64)
    assert all(unit.norm.weight.eq(0).all() for stage in model.residual.stages for unit in stage[1:])


def test_small_reader_is_convolutions_maxima_and_means(unlike_new):
    model = unlike_new("small_reader", 4, 64)
    state = model.state_dict()
    images = torch.rand(2, 3, 64, 64, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    probabilities = torch.zeros(2, 4, dtype=torch.double)
    for view in five_views(images):
        features = plain(state, (view - 0.5) / 0.25, "trunk", (2, 2, 2), own_share=0.15)
        probabilities += (features @ state["output.weight"].T + state["output.bias"]).softmax(1) / 5
    torch.testing.assert_close(model(images).softmax(1), probabilities, rtol=0, atol=1e-9)


def test_small_reader_reads_its_smallest_image():
    assert build("small_reader", 4, 9).eval()(torch.rand(2, 3, 9, 9)).isfinite().all()


def test_small_reader_learns_from_one_look_and_the_batch():
    model = build("small_reader", 4, 32).double().train()
    images = torch.rand(8, 3, 32, 32, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    x = (images - 0.5) / 0.25
    for stage, layers in enumerate(model.trunk.stages):
        x = F.max_pool2d(x, 2) if stage else x
        for layer in layers:
            x = F.conv2d(x, layer.convolution.weight, stride=layer.convolution.stride, padding=1)
            assert layer.norm.running_mean.eq(0).all()
            mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
            x = F.relu((x - mean) / (variance + 1e-5).sqrt())  # scales are 1 and shifts 0 at first
    torch.testing.assert_close(model(images), model.output(x.mean((2, 3))), rtol=0, atol=1e-9)
    assert all(layer.norm.running_mean.ne(0).all() for stage in model.trunk.stages for layer in stage)
