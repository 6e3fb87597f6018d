"""Optimizers against torch's own, closed forms and the singular value decomposition."""

import pytest
import torch
from torch import nn

from surehand.models import MODELS, build
from surehand.train import OPTIMIZERS
from surehand.train import _checkpoint as checkpoints
from surehand.train._optimizers import Muon, muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (6, 40), (40, 6), (1, 5)])
def test_orthogonal_keeps_singular_vectors_and_makes_singular_values_alike(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    core = left.T @ orthogonal(matrix) @ right.T
    assert core.diagonal().min() > 0.6
    assert core.diagonal().max() < 1.3
    assert (core - core.diagonal().diag()).abs().max() < 1e-12


@pytest.mark.parametrize("rank", [1, 5, 24])
def test_orthogonal_is_the_iteration_of_newton_and_schulz(rank):
    """As Jordan writes it, round by round; few images have gradients of low rank."""
    random = torch.Generator().manual_seed(0)
    matrix = torch.randn(24, rank, generator=random) @ torch.randn(rank, 90, generator=random)
    x = matrix.double() / (matrix.double().norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    torch.testing.assert_close(orthogonal(matrix).double(), x, rtol=0, atol=1e-4)
    batch = torch.stack([matrix, -2 * matrix])
    torch.testing.assert_close(orthogonal(batch)[1].double(), -x, rtol=0, atol=1e-4)


def test_the_first_step_is_the_orthogonal_gradient_scaled_by_the_longer_side():
    before, gradient = torch.randn(2, 4, 2, 3, 3, generator=torch.Generator().manual_seed(0)).unbind()
    kernel = nn.Parameter(before.clone())
    kernel.grad = gradient.clone()
    Muon([{"params": [kernel], "lr": 0.1, "weight_decay": 0.5, "orthogonal": True}]).step()
    ahead = 0.05 * gradient + 0.95 * (0.05 * gradient)
    step = 0.1 * 0.2 * 18**0.5 * orthogonal(ahead.flatten(1)).view(4, 2, 3, 3)
    torch.testing.assert_close(kernel.detach(), (1 - 0.1 * 0.5) * before - step, rtol=0, atol=1e-6)


def test_momentum_looks_ahead():
    kernel = nn.Parameter(torch.zeros(2, 2, 1, 1))
    optimizer = Muon([{"params": [kernel], "lr": 1.0, "weight_decay": 0.0, "orthogonal": True}])
    first, second = torch.randn(2, 2, 2, 1, 1, generator=torch.Generator().manual_seed(0)).unbind()
    kernel.grad = first.clone()
    optimizer.step()
    before = kernel.detach().clone()
    kernel.grad = second.clone()
    optimizer.step()
    momentum = 0.95 * (0.05 * first) + 0.05 * second
    step = orthogonal((0.05 * second + 0.95 * momentum).flatten(1)) * 0.2 * 2**0.5
    torch.testing.assert_close(before - kernel.detach(), step.view(2, 2, 1, 1), rtol=0, atol=1e-6)


def test_what_is_not_orthogonal_takes_the_steps_of_adamw():
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    settings = {"lr": 0.01, "weight_decay": 0.1}
    optimizers = (Muon([{"params": ours.parameters(), **settings}]), torch.optim.AdamW(theirs.parameters(), **settings))
    for _ in range(5):
        inputs = torch.randn(7, 5)
        for layer, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            layer(inputs).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("architecture", MODELS)
def test_every_parameter_is_in_one_group(name, architecture):
    model = build(architecture, 3, 32)
    optimizer = OPTIMIZERS[name](model, 0.1, 0.0)
    grouped = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())
    assert all(group["initial_lr"] == group["lr"] for group in optimizer.param_groups)


@pytest.mark.parametrize(("name", "others"), [("reader", 2), ("small_reader", 1), ("convnext", 13)])
def test_muon_turns_all_kernels_but_those_of_pixels_and_of_groups(name, others):
    model = build(name, 29, 32)
    groups = muon(model, 0.1, 0.0).param_groups
    turned = {id(p) for group in groups if group["orthogonal"] for p in group["params"]}
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert turned == {id(m.weight) for m in convolutions if m.in_channels > 3 and m.groups == 1}
    assert len(convolutions) - len(turned) == others
    assert {group["lr"] for group in groups} == {0.1, 0.025}


def test_its_state_survives_a_round_trip():
    def stepped(optimizer: torch.optim.Optimizer, model: nn.Module, seed: int) -> None:
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed))
        optimizer.step()

    model, copy = build("small_reader", 3, 32), build("small_reader", 3, 32)
    optimizer = muon(model, 0.1, 0.1)
    stepped(optimizer, model, 1)
    copy.load_state_dict(model.state_dict())
    resumed = muon(copy, 0.1, 0.1)
    saved = {name: tensor.clone() for name, tensor in checkpoints.flatten(optimizer).items()}
    checkpoints.unflatten(resumed, saved)
    stepped(optimizer, model, 2)
    stepped(resumed, copy, 2)
    torch.testing.assert_close(model.state_dict(), copy.state_dict(), rtol=0, atol=0)
