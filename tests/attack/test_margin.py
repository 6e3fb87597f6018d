import pytest
import torch
from torch.nn import functional as F

from surehand.attack import FGSM, Goal, Threat, margin, run


def _logits(n=40, k=6):
    return torch.randn(n, k, generator=torch.Generator().manual_seed(1)) * 5, torch.arange(n) % k


def test_margin_is_logsumexp_of_the_others_minus_the_true_logit():
    logits, labels = _logits()
    for row, label, got in zip(logits.double(), labels, margin(logits.double(), labels), strict=True):
        others = [value for i, value in enumerate(row) if i != label]
        assert got == pytest.approx(torch.stack(others).exp().sum().log() - row[label])


def test_cross_entropy_is_softplus_of_the_margin():
    logits, labels = _logits()
    expected = F.cross_entropy(logits.double(), labels, reduction="none")
    assert torch.allclose(F.softplus(margin(logits.double(), labels)), expected)


@pytest.mark.parametrize("lead", [10, 18, 40, 150])
def test_margin_keeps_the_exact_direction_however_sure_the_model_is(linear, lead):
    random = torch.Generator().manual_seed(2)
    model = linear(torch.randn(29, 3, 8, 8, generator=random), torch.zeros(29))
    images = torch.rand(16, 3, 8, 8, generator=random)
    labels = torch.zeros(16, dtype=torch.int64)
    with torch.no_grad():
        rest = model(images)[:, 1:].logsumexp(1).max()
        model.bias[0] += lead + rest - model(images)[:, 0].min()
    exact = _gradient_in_float64(model, images)
    agreement = {}
    for loss in ("margin", "cross_entropy"):
        moved = run(model, images, labels, FGSM(loss=loss), Threat(epsilon=1e-3)).adversarial - images
        inside = (images > 0.01) & (images < 0.99)
        agreement[loss] = (moved.sign() == exact.sign())[inside].double().mean()
    assert agreement["margin"] == 1
    if lead >= 18:
        assert agreement["cross_entropy"] < 0.95


def _gradient_in_float64(model, images):
    points = images.double().requires_grad_()
    logits = torch.einsum("nchw,kchw->nk", points, model.weights.detach().double()) + model.bias.detach().double()
    # All labels are 0. Cross-entropy would saturate in float64 as well, only later.
    return torch.autograd.grad((logits[:, 1:].exp().sum(1).log() - logits[:, 0]).sum(), points)[0]


def test_goal_owns_sign_and_success():
    logits, labels = _logits()
    targets = (labels + 1) % 6
    away, to = Goal(labels), Goal(labels, targets)
    assert torch.equal(away.objective(logits, "margin"), margin(logits, labels))
    assert torch.equal(to.objective(logits, "margin"), -margin(logits, targets))
    predictions = logits.argmax(1)
    assert torch.equal(away.reached(predictions), predictions != labels)
    assert torch.equal(to.reached(predictions), predictions == targets)
    for goal in (away, to):
        assert torch.equal(goal.lead(logits) > 0, goal.reached(predictions))
