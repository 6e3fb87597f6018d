import copy

import numpy as np
import pytest
import torch

from surehand.errors import UsageError
from surehand.explain import EXPLAINERS, explain, grid_segments
from surehand.explain._explain import _check


@pytest.fixture
def images(scene, as_images):
    return torch.cat([as_images(scene(40, 40, seed)) for seed in range(3)])


@pytest.fixture
def segments():
    return np.stack([grid_segments(40, 40, 3, 3)] * 3)


def traces(model, images):
    return {
        "state": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "modes": [layer.training for layer in model.modules()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "grad": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in model.modules()],
        "images": (images.detach().clone(), images.requires_grad, images.grad),
        "generators": (torch.get_rng_state(), np.random.get_state()[1].copy()),  # noqa: NPY002
        "threads": torch.get_num_threads(),
        "grad_enabled": torch.is_grad_enabled(),
    }


@pytest.mark.parametrize("method", EXPLAINERS)
@pytest.mark.parametrize("fails", [False, True])
def test_a_call_leaves_no_trace_even_if_the_model_raises(net, images, segments, method, fails):
    net.train()
    net[1].eval()
    net[0].weight.requires_grad_(False)
    images.requires_grad_()
    net(images.detach()).sum().backward()
    if fails:
        with torch.no_grad():
            net[-1].bias.fill_(float("nan"))
    before = copy.deepcopy(traces(net, images))
    if fails:
        with pytest.raises(UsageError, match="not finite"):
            explain(net, images, method, segments=segments)
    else:
        explain(net, images, method, segments=segments)
    torch.testing.assert_close(traces(net, images), before, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("method", EXPLAINERS)
def test_every_method_gives_one_signed_map_of_image_size_for_each_image(net, images, segments, method):
    explanations = explain(net, images, method, segments=segments)
    probabilities = net.eval()(images).softmax(1)
    assert len(explanations) == 3
    for explanation, image, expected in zip(explanations, images, probabilities, strict=True):
        assert explanation.method == method
        assert explanation.attribution.shape == (40, 40)
        assert explanation.attribution.dtype == np.float32
        assert explanation.target == expected.argmax()
        assert np.array_equal(explanation.image, image)
        np.testing.assert_allclose(explanation.probabilities, expected.detach(), atol=1e-6)


def test_targets_are_one_for_all_or_one_for_each(net, images, segments):
    assert [e.target for e in explain(net, images, target=3, segments=segments)] == [3, 3, 3]
    assert [e.target for e in explain(net, images, target=[5, 0, 1], segments=segments)] == [5, 0, 1]


def test_progress_runs_through_all_images(net, images, segments):
    told = []
    explain(net, images, segments=segments, progress=lambda done, total, text="": told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (3 * 151, 3 * 151)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "limes"}, "there are: lime"),
        ({"samples": 3}, "it has: recipe, perturbations"),
        ({"target": "A"}, "'top'"),
        ({"target": 7}, "from 0 to 6"),
        ({"target": -1}, "from 0 to 6"),
        ({"target": [1, 2]}, "each of the 3 images"),
        ({"target": 2, "against": 2}, "must differ"),
        ({"against": 9}, "against must be a class index"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"model_size": 0}, "model_size must be at least 1"),
        ({"segments": np.zeros((1, 40, 40), int)}, "label map for each of the 3"),
        ({"segments": np.ones((3, 40, 40), int)}, "0 to S-1"),
    ],
)
def test_arguments_that_cannot_be_are_named(net, images, segments, arguments, words):
    with pytest.raises(UsageError, match=words):
        explain(net, images, **{"segments": segments, **arguments})


@pytest.mark.parametrize("wrong", [torch.full((1, 3, 40, 40), 255.0), torch.full((1, 3, 40, 40), float("nan"))])
def test_pixels_outside_0_to_1_are_refused(net, segments, wrong):
    with pytest.raises(UsageError, match="Divide by 255"):
        explain(net, wrong, segments=segments[:1])


@pytest.mark.parametrize("shape", [(3, 40, 40), (1, 1, 40, 40)])
def test_images_of_another_shape_are_refused(shape):
    # Asked of the check itself: the annotations of `explain`, enforced in tests alone, are faster.
    with pytest.raises(UsageError, match=r"shape \(n, 3, h, w\)"):
        _check(torch.zeros(shape), "top", None, None, None)


def test_no_images_are_refused(net):
    with pytest.raises(UsageError, match="no image"):
        explain(net, torch.zeros(0, 3, 40, 40))
