"""Darknet-53 against its published configuration, and its weight files."""

import struct

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from surehand.errors import ConfigurationError
from surehand.models import Darknet53, DarknetHeader, blank, build, read_darknet_weights, write_darknet_weights

# cfg/darknet53.cfg, written out: (filters, kernel, stride) of a convolution, or "shortcut" three layers back.
STAGES = [(64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)]
LAYERS: list = [(32, 3, 1)]
for filters, units in STAGES:
    LAYERS.append((filters, 3, 2))
    LAYERS += [(filters // 2, 1, 1), (filters, 3, 1), "shortcut"] * units

HEADER = DarknetHeader(major=0, minor=2, revision=0, seen=32_013_312_000)


@pytest.fixture(scope="module")
def model():
    """With 29 classes and batch statistics that are not neutral."""
    model = build("darknet53", 29, 64, seed=1)
    random = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            with torch.no_grad():
                module.weight.uniform_(0.3, 0.6, generator=random)
                module.bias.uniform_(-0.2, 0.2, generator=random)
                module.running_mean.uniform_(-0.2, 0.2, generator=random)
                module.running_var.uniform_(0.7, 1.5, generator=random)
    return model.eval()


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "darknet53.weights"
    write_darknet_weights(model, path, HEADER)
    return path


def mirror(content: bytes, images: np.ndarray, classes: int) -> dict[int, torch.Tensor]:
    """The output of every layer, from the bytes of a weights file and the list of layers above."""
    numbers, position = np.frombuffer(content, "<f4", offset=20), 0

    def take(*shape: int) -> torch.Tensor:
        nonlocal position
        position += (count := int(np.prod(shape)))
        return torch.tensor(numbers[position - count : position].astype(np.float64)).reshape(shape)

    x, outputs = torch.from_numpy(images).double(), {}
    for index, layer in enumerate(LAYERS):
        if layer == "shortcut":
            x = x + outputs[index - 3]
        else:
            filters, kernel, stride = layer
            bias, scale, mean, variance = (take(filters)[:, None, None] for _ in range(4))
            x = torch.conv2d(x, take(filters, x.shape[1], kernel, kernel), stride=stride, padding=(kernel - 1) // 2)
            x = (x - mean) / (variance + 1e-5).sqrt() * scale + bias
            x = torch.where(x > 0, x, 0.1 * x)
        outputs[index] = x
    bias = take(classes)
    outputs[76] = x.mean((2, 3)) @ take(classes, 1024).T + bias
    assert position == len(numbers)
    return outputs


def test_forward_pass_is_that_of_the_configuration(model, file):
    images = np.random.default_rng(0).random((2, 3, 64, 64), dtype=np.float32)
    expected = mirror(file.read_bytes(), images, classes=29)
    with torch.no_grad():
        found = (*model.features(torch.from_numpy(images)), model(torch.from_numpy(images)))
    for layer, output in zip((36, 61, 74, 76), found, strict=True):
        scale = expected[layer].abs().max()
        torch.testing.assert_close(output.double() / scale, expected[layer] / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("classes", "parameters"), [(1000, 41_609_928), (29, 40_614_653)])
def test_parameters(classes, parameters):
    model = blank("darknet53", classes, 256)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    statistics = [buffer for name, buffer in model.named_buffers() if "running" in name]
    assert sum(buffer.numel() for buffer in statistics) == 35_712


@pytest.mark.parametrize(("size", "gflop"), [(256, 18.57), (224, 14.22), (200, 12.14), (128, 4.64), (64, 1.16)])
def test_operations(size, gflop):
    model = blank("darknet53", 1000, size).eval()
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, size, size, device="meta"))
    assert counter.get_total_flops() / 1e9 == pytest.approx(gflop, abs=0.005)


def test_every_3x3_convolution_after_the_stem_costs_the_same_and_so_does_every_1x1():
    model = blank("darknet53", 1000, 256).eval()
    flops: dict[tuple[int, ...], set[int]] = {(3, 3): set(), (1, 1): set()}

    def count(module, inputs, output):
        flops[module.kernel_size].add(2 * module.weight.numel() * output.shape[2] * output.shape[3])

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d) and not name.startswith("stem"):
            module.register_forward_hook(count)
    model(torch.empty(1, 3, 256, 256, device="meta"))
    assert flops == {(3, 3): {603_979_776}, (1, 1): {67_108_864}}


def test_batch_normalisation_is_darknets():
    norms = [module for module in blank("darknet53", 2, 64).modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert len(norms) == 52
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.01)}


def test_pixels_enter_as_they_are(model):
    images = torch.rand(1, 3, 8, 8)
    assert torch.equal(model.normalise(images), images)


def test_residual_units_start_as_the_identity():
    unit = build("darknet53", 2, 32).stage4[3]
    features = torch.randn(2, 512, 4, 4)
    assert torch.equal(unit(features), features)


# --- .weights files


@pytest.mark.parametrize(
    ("classes", "backbone", "size"),
    [(1000, False, 166_582_580), (29, True, 162_482_580)],
)
def test_file_sizes_are_the_published_ones_and_round_trips_keep_every_byte(classes, backbone, size, tmp_path):
    path, again = tmp_path / "a.weights", tmp_path / "b.weights"
    start = struct.pack("<3iQ", 0, 2, 5, 2**40 + 3)
    path.write_bytes(start + np.arange((size - 20) // 4, dtype="<f4").tobytes())
    model = blank("darknet53", classes, 64).to_empty(device="cpu")
    model.output.bias.data.fill_(7)
    header = read_darknet_weights(model, path)
    assert header == DarknetHeader(major=0, minor=2, revision=5, seen=2**40 + 3, backbone=backbone)
    assert bool((model.output.bias == 7).all()) == backbone
    write_darknet_weights(model, again, header)
    assert again.read_bytes() == path.read_bytes()


def test_file_with_29_classes_has_the_size_that_follows(file):
    assert file.stat().st_size == 162_601_480


def test_old_files_have_four_bytes_of_seen(model, file, tmp_path):
    header = DarknetHeader(major=0, minor=1, revision=0, seen=77)
    write_darknet_weights(model, tmp_path / "old.weights", header)
    content = (tmp_path / "old.weights").read_bytes()
    assert content[:16] == struct.pack("<3iI", 0, 1, 0, 77)
    assert content[16:] == file.read_bytes()[20:]
    assert read_darknet_weights(model, tmp_path / "old.weights") == header


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-4], r"layer 76 \(output\) needs 118,900 bytes and the file has 118,896 left"),
        (lambda content: content + b"\0\0\0\0", r"4 bytes are left after layer 76"),
        (lambda content: content[:1000], r"layer 0 \(stem\) needs 3,968 bytes and the file has 980 left"),
        (lambda content: content[: 20 + 4 * (928 + 64)], r"layer 1 \(stage1\.0\) needs 74,752 bytes"),
        (lambda content: content[:150_000_000], r"layer 73 \(stage5\.4\.widen\)"),
        (lambda content: content[:13], "too short"),
    ],
)
def test_files_of_another_length_are_refused_by_layer_and_change_nothing(change, message, file, tmp_path):
    path = tmp_path / "other.weights"
    path.write_bytes(change(file.read_bytes()))
    model = blank("darknet53", 29, 64).to_empty(device="cpu")
    model.stem.convolution.weight.data.fill_(3)
    with pytest.raises(ConfigurationError, match=message):
        read_darknet_weights(model, path)
    assert bool((model.stem.convolution.weight == 3).all())


def test_weights_for_another_number_of_classes_are_refused(file):
    with pytest.raises(ConfigurationError, match="layer 76"):
        read_darknet_weights(Darknet53(30), file)
    with pytest.raises(ConfigurationError, match="no weights file"):
        read_darknet_weights(Darknet53(30), file.with_name("nowhere"))
