"""What every architecture in MODELS keeps."""

import copy
import logging

import numpy as np
import onnxruntime
import pytest
import torch

from surehand.errors import ConfigurationError, UsageError
from surehand.models import (
    MODELS,
    Classifier,
    Normalise,
    _export,
    blank,
    build,
    evaluating,
    export_onnx,
    load,
    sample_keys,
    save,
)
from surehand.models._initialise import initialise

CLASSES, SIZE = 5, 32
NAMES = ("A", "B", "del", "nothing", "space")


@pytest.fixture(scope="module", params=MODELS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    """Evaluated, with normalisation that is no longer the neutral one it was built with."""
    model = build(name, CLASSES, SIZE, seed=3)
    random = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
            torch.nn.init.uniform_(module.weight, 0.2, 0.5, generator=random)
    with torch.no_grad(), sample_keys(model, torch.arange(8)):
        model(images(8))
    return model.eval()


def images(n: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(n).random((n, 3, SIZE, SIZE), dtype=np.float32))


def test_maps_images_to_one_logit_a_class(model):
    logits = model(images(2))
    assert logits.shape == (2, CLASSES)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


def test_first_layer_normalises(model):
    assert isinstance(next(model.children()), Normalise)


def test_evaluation_is_deterministic(model):
    assert torch.equal(model(images(4)), model(images(4)))


def test_logits_do_not_depend_on_the_rest_of_the_batch(model):
    whole = model(images(7))
    parts = torch.cat([model(images(7)[:3]), model(images(7)[3:])])
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-4)


def test_bfloat16_reads_nearly_the_same(model):
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images(4)).float()
    precise = model(images(4))
    assert (logits - precise).abs().max() < 0.1 * precise.abs().max()


def test_memory_format_changes_nothing(model):
    other = copy.deepcopy(model).to(memory_format=torch.channels_last)
    logits = other(images(4).contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(logits, model(images(4)), rtol=1e-4, atol=1e-4)


def test_gradients_reach_every_parameter_and_every_pixel(model):
    pixels = images(4).requires_grad_()
    gradients = torch.autograd.grad(model(pixels).logsumexp(1).sum(), [pixels, *model.parameters()])
    assert all(gradient.isfinite().all() and gradient.abs().sum() > 0 for gradient in gradients)
    assert (gradients[0].abs().sum((0, 1)) > 0).all()


def test_saving_and_loading_keep_every_bit(model, name, tmp_path):
    classifier = Classifier(model, name, NAMES, SIZE, temperature=1.5, metadata={"licence": "none stated"})
    save(classifier, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert (again.architecture, again.classes, again.size) == (name, NAMES, SIZE)
    assert (again.temperature, again.metadata) == (1.5, {"licence": "none stated"})
    assert not any(module.training for module in again.model.modules())
    expected, found = model.state_dict(), again.model.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in again.model.parameters())
    assert torch.equal(again.probabilities(images(4)), classifier.probabilities(images(4)))


def test_onnx_file_gives_the_same_logits_for_any_batch(model, name, tmp_path, capfd, recwarn):
    classifier = Classifier(model, name, NAMES, SIZE, temperature=2.0)
    model.train()
    before = torch.random.get_rng_state(), logging.getLogger("torch").level, torch.get_num_threads()
    assert export_onnx(classifier, tmp_path / "model.onnx") <= 1e-4
    after = torch.random.get_rng_state(), logging.getLogger("torch").level, torch.get_num_threads()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert model.training
    model.eval()
    assert (capfd.readouterr(), list(recwarn)) == (("", ""), [])
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    session = onnxruntime.InferenceSession((tmp_path / "model.onnx").read_bytes())
    for n in (1, 5):
        logits = session.run(["logits"], {"images": images(n).numpy()})[0]
        np.testing.assert_allclose(logits, model(images(n)).detach().numpy(), rtol=1e-4, atol=1e-4)
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["classes"] == '["A", "B", "del", "nothing", "space"]'
    assert (metadata["size"], metadata["temperature"], metadata["architecture"]) == ("32", "2.0", name)
    assert '"mean"' in metadata["normalisation"]


def test_initial_weights_are_a_function_of_the_seed(name):
    one, same, other = (build(name, CLASSES, SIZE, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], same[key]) for key in one)
    weights = [key for key in one if one[key].ndim >= 2 and not key.startswith("normalise")]
    assert weights
    assert not any(torch.equal(one[key], other[key]) for key in weights)
    assert all(tensor.isfinite().all() for tensor in one.values())


def test_every_parameter_and_buffer_gets_an_initial_value(name):
    model = blank(name, CLASSES, SIZE).to_empty(device="cpu")
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    for tensor in tensors.values():
        tensor.data.fill_(float("nan") if tensor.is_floating_point() else -1)
    initialise(model, seed=0)
    untouched = {key for key, tensor in tensors.items() if not tensor.isfinite().all() or (tensor == -1).all()}
    assert not untouched


def test_building_leaves_the_global_generator_alone(name):
    state = torch.random.get_rng_state()
    build(name, CLASSES, SIZE)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_training_neither_reads_nor_writes_the_global_generator(model):
    other, keys, state = copy.deepcopy(model).train(), torch.arange(4), torch.random.get_rng_state()
    with sample_keys(other, keys):
        one, two = other(images(4)), other(images(4))
    assert torch.equal(one, two)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_unusable_arguments_are_refused(name):
    with pytest.raises(UsageError, match="two classes"):
        build(name, 1, SIZE)
    with pytest.raises(UsageError, match="cnn, darknet53"):
        build("vgg", CLASSES, SIZE)


def test_evaluating_restores_each_layers_mode_also_on_failure(model):
    model.train()
    model.output.eval()
    before = [module.training for module in model.modules()]
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == before
    with pytest.raises(KeyError), evaluating(model):
        raise KeyError
    assert [module.training for module in model.modules()] == before
    model.eval()


def test_export_that_differs_is_refused_and_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(_export, "_difference", lambda classifier, content: float("nan"))
    classifier = Classifier(build("cnn", 3, 8), "cnn", ("a", "b", "c"), 8)
    with pytest.raises(ConfigurationError, match="differs"):
        export_onnx(classifier, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
