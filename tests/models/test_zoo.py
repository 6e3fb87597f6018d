"""The networks of transformers, as ours: published sizes, no network connection, no global generator, one file."""

import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

from surehand.errors import MissingPartError, UsageError
from surehand.models import MODELS, ZOO, Classifier, Normalise, blank, build, export_onnx, load, save
from surehand.models._initialise import initialise

CLASSES, SIZE = 3, 32
NAMES = ("A", "B", "nothing")

# Of the published weights for ImageNet's 1000 classes.
PARAMETERS = {
    "zoo-resnet50": 25_557_032,
    "zoo-mobilenet_v2": 3_504_872,
    "zoo-efficientnet_b0": 5_288_548,
    "zoo-regnet_y_400mf": 4_344_144,
    "zoo-mobilevit_s": 5_578_632,
    "zoo-pvt_v2_b0": 3_666_760,
}


@pytest.fixture
def installed():
    pytest.importorskip("transformers", reason="needs transformers: pip install 'surehand[zoo]'")


@pytest.fixture
def offline(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)


def images(n: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(n).random((n, 3, SIZE, SIZE), dtype=np.float32))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ZOO)
def test_parameters_are_as_published(name):
    assert sum(parameter.numel() for parameter in blank(name, 1000, 224).parameters()) == PARAMETERS[name]


@pytest.mark.usefixtures("installed", "offline")
@pytest.mark.parametrize("name", ZOO)
def test_logits_and_training_without_network_or_global_generator(name):
    state = torch.random.get_rng_state()
    model = build(name, CLASSES, SIZE).train()
    assert isinstance(next(model.children()), Normalise)
    pixels = images(4).requires_grad_()
    logits = model(pixels)
    assert (logits.shape, logits.dtype) == ((4, CLASSES), torch.float32)
    gradients = torch.autograd.grad(logits.logsumexp(1).sum(), [pixels, *model.parameters()])
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert gradients[0].abs().sum() > 0
    assert torch.equal(model(pixels), logits)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ZOO)
def test_every_parameter_and_buffer_gets_an_initial_value(name):
    model = blank(name, CLASSES, SIZE).to_empty(device="cpu")
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    for tensor in tensors.values():
        tensor.data.fill_(float("nan") if tensor.is_floating_point() else -1)
    initialise(model, seed=0)
    untouched = {key for key, tensor in tensors.items() if not tensor.isfinite().all() or (tensor == -1).all()}
    assert not untouched


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ZOO)
def test_running_statistics_average_over_batches(name):
    norms = [module for module in blank(name, CLASSES, SIZE).modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} <= {0.1}


@pytest.mark.usefixtures("installed", "offline")
def test_saved_loaded_and_exported_as_any_other(tmp_path):
    name = "zoo-pvt_v2_b0"
    classifier = Classifier(build(name, CLASSES, SIZE).eval(), name, NAMES, SIZE)
    save(classifier, tmp_path / f"{name}.safetensors")
    again = load(tmp_path / f"{name}.safetensors")
    assert again.architecture == name
    assert torch.equal(again.probabilities(images(4)), classifier.probabilities(images(4)))
    assert export_onnx(again, tmp_path / f"{name}.onnx") <= 1e-4


@pytest.mark.usefixtures("installed")
def test_a_missing_part_is_named_when_the_file_is_loaded(tmp_path, monkeypatch):
    name = "zoo-regnet_y_400mf"
    save(Classifier(build(name, CLASSES, SIZE), name, NAMES, SIZE), tmp_path / "model.safetensors")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPartError, match=r"^zoo-regnet_y_400mf needs .*: pip install 'surehand\[zoo\]'$"):
        load(tmp_path / "model.safetensors")


def test_without_transformers_one_sentence_says_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPartError, match=r"^zoo-resnet50 needs .*: pip install 'surehand\[zoo\]'$"):
        build("zoo-resnet50", CLASSES, SIZE)


def test_unknown_names_and_small_images_are_refused():
    with pytest.raises(UsageError, match=r"'zoo-vgg'; choose one of cnn, .*zoo-mobilenet_v2"):
        build("zoo-vgg", CLASSES, SIZE)
    with pytest.raises(UsageError, match="at least 32 pixels; got 31"):
        build("zoo-resnet50", CLASSES, 31)


def test_names_can_stand_in_file_names_and_are_nobody_elses():
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for name in ZOO)
    assert not ZOO.keys() & MODELS.keys()


def test_models_are_imported_without_transformers():
    code = "import surehand.models, sys; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
