import copy
import textwrap
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from surehand.attack import FGSM, Goal, Loss, Query, Threat, _method, run, sweep
from surehand.attack._ask import ask
from surehand.attack._samples import checked
from surehand.errors import UsageError
from surehand.randomness import uniforms

THREAT = Threat(epsilon=6 / 255)


@pytest.fixture(scope="module")
def pgd():
    """Projected gradient descent exactly as the documentation of methods shows it."""
    source = textwrap.dedent(_method.__doc__.split("::\n", 1)[1])
    scope = {"dataclass": dataclass, "ClassVar": ClassVar, "torch": torch, "Query": Query, "Loss": Loss}
    exec(source, scope)
    return scope["PGD"]


@dataclass(frozen=True)
class RandomSearch:
    """A score-free search: random corners of the budget, drawn from seed and id."""

    queries: int = 6
    loss: Loss = "margin"
    gradient_first: ClassVar[bool] = False
    until_reached: ClassVar[bool] = True
    shared_direction: ClassVar[bool] = False

    def start(self, rows, clean):
        return {"turn": torch.zeros(len(rows), dtype=torch.int64)}

    def query(self, rows, state):
        size = rows.clean[0].numel()
        signs = np.empty((len(rows), size))
        for turn in state["turn"].unique().tolist():
            here = (state["turn"] == turn).numpy()
            signs[here] = np.sign(uniforms(rows.seed, "search", turn, ids=rows.ids[here], columns=size) - 0.5)
        step = torch.from_numpy(signs).float().reshape(rows.clean.shape) * rows.threat.epsilon
        return Query(rows.threat.project(rows.clean + step, rows.clean), torch.zeros(len(rows), dtype=torch.bool))

    def update(self, rows, state, answer):
        turn = state["turn"] + 1
        return {"turn": turn}, turn == self.queries


@dataclass(frozen=True)
class Nearest:
    """A search for the nearest success: bisection along the sign of the gradient, first far outside the budget."""

    turns: int = 12
    loss: Loss = "margin"
    gradient_first: ClassVar[bool] = True
    until_reached: ClassVar[bool] = False
    shared_direction: ClassVar[bool] = False

    def start(self, rows, clean):
        n = len(rows)
        return {
            "direction": clean.gradient.sign(),
            "low": torch.zeros(n),
            "high": torch.ones(n),
            "turn": torch.zeros(n, dtype=torch.int64),
        }

    def query(self, rows, state):
        middle = ((state["low"] + state["high"]) / 2)[:, None, None, None]
        points = (rows.clean + middle * state["direction"]).clamp(0, 1)
        return Query(points, torch.zeros(len(rows), dtype=torch.bool))

    def update(self, rows, state, answer):
        middle = (state["low"] + state["high"]) / 2
        turn = state["turn"] + 1
        low = torch.where(answer.reached, state["low"], middle)
        high = torch.where(answer.reached, middle, state["high"])
        return {"direction": state["direction"], "low": low, "high": high, "turn": turn}, turn == self.turns


# --- what a result means


def test_verdicts_are_those_of_the_model_on_the_returned_images(cnn, images, labels):
    labels = torch.where(torch.arange(64) % 5 == 0, (labels + 1) % 5, labels)
    result = run(cnn, images, labels, FGSM(), THREAT)
    cnn.eval()
    with torch.no_grad():
        logits = cnn(result.adversarial)
    predictions = logits.argmax(1)
    assert torch.equal(torch.from_numpy(result.adversarial_prediction), predictions)
    assert torch.equal(torch.from_numpy(result.success), predictions != labels)
    assert ((result.lead > 0) == result.success).all()
    difference = (result.adversarial.double() - images.double()).flatten(1)
    assert torch.equal(torch.from_numpy(result.linf), difference.abs().amax(1))
    assert np.allclose(result.l2, difference.norm(dim=1))
    assert result.linf_levels.max() <= 6 + 1e-9
    fooled = int((result.success & (result.clean_prediction == labels.numpy())).sum())
    assert fooled > 0
    assert result.success_rate.value == fooled / result.success_rate.n
    assert result.adversarial_accuracy.value == 1 - result.success.mean()


def test_images_that_are_already_wrong_come_back_unchanged_and_cost_one_pass(cnn, images, labels):
    wrong = (labels + 1) % 5
    result = run(cnn, images, wrong, FGSM(), THREAT)
    assert result.success.all()
    assert torch.equal(result.adversarial, images)
    assert result.success_rate.n == 0
    assert result.forward_passes[8:].tolist() == [1] * 56


def test_a_point_outside_the_budget_never_counts(cnn, images, labels):
    @dataclass(frozen=True)
    class Cheat(FGSM):
        def query(self, rows, state):
            return Query(rows.clean + 2 * rows.threat.epsilon * state["direction"], torch.zeros(len(rows)) > 0)

    result = run(cnn, images, labels, Cheat(), Threat(epsilon=64 / 255))
    assert not result.success.any()
    assert torch.equal(result.adversarial, images)


# --- the seam: methods to come


def test_the_documented_pgd_beats_fgsm_and_leaves_at_its_first_success(cnn, images, labels, pgd, counting):
    method = pgd(steps=8, step_size=1.5 / 255)
    with counting(cnn) as seen:
        result = run(cnn, images, labels, method, THREAT, batch_size=16)
    once = run(cnn, images, labels, FGSM(), THREAT)
    assert result.success.sum() >= once.success.sum()
    assert seen.forward == result.forward_passes.sum()
    assert seen.backward == result.backward_passes.sum()
    assert result.forward_passes[8:][result.success[8:]].min() < 9
    assert set(result.forward_passes[8:][~result.success[8:]]) <= {9}


def test_rows_of_one_batch_may_ask_for_gradients_or_not(cnn, images, labels):
    cnn.eval()
    asking = torch.arange(64) % 3 == 0
    mixed = ask(cnn, images, Goal(labels), "margin", asking)
    with_all = ask(cnn, images, Goal(labels), "margin", torch.ones(64, dtype=torch.bool))
    assert torch.allclose(mixed.logits, with_all.logits, atol=1e-4)
    assert torch.allclose(mixed.objective, with_all.objective, atol=1e-4)
    assert torch.equal(mixed.reached, with_all.reached)
    assert torch.allclose(mixed.gradient[asking], with_all.gradient[asking], atol=1e-4)
    assert not mixed.gradient[~asking].any()


def test_the_batch_is_refilled_when_samples_leave(cnn, images, labels, pgd):
    sizes = []
    cnn.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    run(cnn, images, labels, pgd(steps=8, step_size=1.5 / 255), THREAT, batch_size=16)
    assert max(sizes) <= 16
    with_refill, without = len(sizes), 4 * 10
    assert with_refill < without


def test_black_box_search_draws_from_seed_and_id_alone(cnn, images, labels, counting):
    ids = torch.randperm(64, generator=torch.Generator().manual_seed(5)).numpy().astype(np.uint64) * np.uint64(2**57)
    whole = run(cnn, images, labels, RandomSearch(), Threat(epsilon=20 / 255), seed=4, ids=ids)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(6))
    with counting(cnn) as seen:
        shuffled = run(
            cnn,
            images[order],
            labels[order],
            RandomSearch(),
            Threat(epsilon=20 / 255),
            seed=4,
            ids=ids[order.numpy()],
            batch_size=7,
        )
    assert 0 < whole.success.mean() < 1
    assert torch.equal(whole.adversarial[order], shuffled.adversarial)
    assert (whole.success[order.numpy()] == shuffled.success).all()
    assert seen.backward == 0
    other = run(cnn, images, labels, RandomSearch(), Threat(epsilon=20 / 255), seed=5, ids=ids)
    assert not torch.equal(whole.adversarial, other.adversarial)


def test_a_minimal_norm_method_goes_on_after_success_and_the_nearest_is_kept(cnn, images, labels):
    result = run(cnn, images, labels, Nearest(), Threat(epsilon=1.0))
    fine = sweep(cnn, images, labels, epsilons=np.linspace(0, 0.5, 100).tolist())
    assert result.success.any()
    assert (result.linf[result.success] <= fine.critical_epsilon[result.success] + 2e-2).mean() > 0.9
    assert set(result.forward_passes[8:]) == {13}


# --- independence


@pytest.mark.parametrize("targeted", [False, True])
def test_verdicts_do_not_depend_on_batch_size_or_order(cnn, images, labels, targeted):
    targets = (labels + 3) % 5 if targeted else None
    whole = run(cnn, images, labels, FGSM(), THREAT, targets, batch_size=64)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    for size in (1, 5, 33):
        part = run(
            cnn,
            images[order],
            labels[order],
            FGSM(),
            THREAT,
            None if targets is None else targets[order],
            batch_size=size,
        )
        for name in ("success", "adversarial_prediction", "clean_prediction", "backward_passes"):
            assert (getattr(part, name) == getattr(whole, name)[order.numpy()]).all()


def test_verdicts_do_not_depend_on_what_the_caller_has_switched_on(cnn, images, labels):
    plain = run(cnn, images, labels, FGSM(), THREAT)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(run(cnn, images, labels, FGSM(), THREAT).adversarial, plain.adversarial)
        assert torch.is_autocast_enabled("cpu")
    with torch.no_grad():
        assert torch.equal(run(cnn, images, labels, FGSM(), THREAT).adversarial, plain.adversarial)
    with torch.inference_mode():
        inside = images.clone()
        sweep(cnn, inside, labels.clone(), epsilons=(0, 0.1))
        assert torch.equal(run(cnn, inside, labels.clone(), FGSM(), THREAT).adversarial, plain.adversarial)
    before = torch.backends.mkldnn.matmul.fp32_precision
    try:
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        assert (run(cnn, images, labels, FGSM(), THREAT).lead == plain.lead).all()
        assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = before


def test_non_square_images_and_images_that_require_gradients(cnn, images, labels):
    wide = torch.rand(6, 3, 16, 24, generator=torch.Generator().manual_seed(2)).requires_grad_()
    result = run(cnn, wide, labels[:6], FGSM(), THREAT)
    assert result.adversarial.shape == wide.shape
    assert wide.grad is None
    assert not result.adversarial.requires_grad


# --- no trace


def _snapshot(model, images, labels):
    return {
        "weights": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "modes": [module.training for module in model.modules()],
        "flags": [parameter.requires_grad for parameter in model.parameters()],
        "gradients": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "hooks": [(len(m._forward_hooks), len(m._backward_hooks), len(m._forward_pre_hooks)) for m in model.modules()],
        # Not Python's own generator: the type checker of the tests draws from it.
        "generators": (torch.get_rng_state(), np.random.get_state()),  # noqa: NPY002
        "torch": (
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.conv.fp32_precision,
            torch.backends.mkldnn.matmul.fp32_precision,
        ),
        "inputs": (images.clone(), labels.clone(), images.requires_grad),
    }


def _same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


@pytest.mark.parametrize("verb", [lambda *a: run(*a, FGSM(), THREAT), lambda *a: sweep(*a)], ids=["run", "sweep"])
@pytest.mark.parametrize("fails_at", [None, 1, 2, 3])
def test_a_call_leaves_no_trace(cnn, images, labels, verb, fails_at):
    next(cnn.parameters()).requires_grad_(False)
    for parameter in list(cnn.parameters())[1:3]:
        parameter.grad = torch.ones_like(parameter)
    calls = []

    class Moody(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            torch.rand(1)  # a model that draws random numbers
            calls.append(len(x))
            if len(calls) == fails_at:
                raise RuntimeError("midway")
            return self.inner(x)

    model = Moody(cnn)
    before = _snapshot(model, images, labels)
    if fails_at is None:
        verb(model, images, labels)
    else:
        with pytest.raises(RuntimeError, match="midway"):
            verb(model, images, labels)
    after = _snapshot(model, images, labels)
    assert [name for name in before if not _same(before[name], after[name])] == []


# --- signs that a number misleads


def test_a_sound_model_gives_no_warnings(cnn, images, labels):
    assert run(cnn, images, labels, FGSM(), THREAT).warnings == ()
    assert sweep(cnn, images, labels, epsilons=(0, 0.1)).warnings == ()


class Dropping(nn.Module):
    def forward(self, logits):
        return nn.functional.dropout(logits, 0.5, training=True)


class Counting(nn.Module):
    """Logits that depend on what else is in the batch."""

    def forward(self, logits):
        return logits - logits.mean(0)


class Steps(nn.Module):
    def forward(self, logits):
        return logits.round().detach() + 0 * logits


class Sure(nn.Module):
    def forward(self, logits):
        return 100 * logits


class Broken(nn.Module):
    def forward(self, logits):
        return torch.where(logits == logits.max(), torch.nan, logits)


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (nn.Softmax(1), "probabilities"),
        (Dropping(), "not repeatable"),
        (Counting(), "not repeatable"),
        (Steps(), "exactly zero"),
        (Sure(), "saturated"),
        (Broken(), "not finite"),
    ],
)
def test_signs_that_mislead_travel_in_the_result(cnn, images, labels, end, message):
    model = nn.Sequential(copy.deepcopy(cnn), end)
    for result in (run(model, images, labels, FGSM(), THREAT), sweep(model, images, labels, epsilons=(0, 0.1))):
        assert any(message in warning for warning in result.warnings)


def test_images_that_see_each_other_are_noticed_in_the_smallest_batches(cnn, images, labels):
    model = nn.Sequential(copy.deepcopy(cnn), Counting())
    for n in (2, 8):
        result = run(model, images[:n], labels[:n], FGSM(), THREAT)
        assert any("not repeatable" in warning for warning in result.warnings)


def test_verdicts_by_a_hair_are_counted(cnn, images, labels):
    class Even(nn.Module):
        def forward(self, logits):
            return 1e-5 * logits

    result = run(nn.Sequential(copy.deepcopy(cnn), Even()), images, labels, FGSM(), THREAT)
    assert any("decided by less than" in warning for warning in result.warnings)


def test_saturated_images_are_marked_and_still_attacked(cnn, images, labels):
    model = nn.Sequential(cnn, Sure())
    margin = run(model, images, labels, FGSM(), THREAT)
    assert margin.saturated.mean() > 0.5
    assert (
        margin.success_rate.value > run(model, images, labels, FGSM("cross_entropy"), THREAT).success_rate.value + 0.1
    )


# --- errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.rand(4, 3, 8, 8, dtype=torch.float64)}, "float32"),
        ({"images": torch.rand(4, 1, 8, 8)}, r"\(n, 3, h, w\)"),
        ({"images": torch.rand(0, 3, 8, 8)}, "none of them 0"),
        ({"images": torch.rand(4, 3, 8, 8) * 255}, "Divide grey levels by 255"),
        ({"images": torch.rand(4, 3, 8, 8) - 0.1}, r"\[0, 1\]"),
        ({"images": torch.full((4, 3, 8, 8), torch.nan)}, r"\[0, 1\]"),
        ({"labels": torch.zeros(4)}, "int64"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, r"shape \(4,\)"),
        ({"labels": torch.tensor([0, 1, -1, 0])}, "from 0 on"),
        ({"targets": torch.tensor([0, 2, 2, 2])}, "differ from the true label; 1 do not"),
        ({"ids": np.zeros(4, np.int64)}, "uint64"),
    ],
)
def test_what_cannot_be_attacked_is_refused(change, message):
    arguments = {"images": torch.rand(4, 3, 8, 8), "labels": torch.tensor([0, 1, 0, 1]), "targets": None, "ids": None}
    with pytest.raises(UsageError, match=message):
        checked(**(arguments | change))


def test_models_that_cannot_be_attacked_are_refused(cnn, images, labels):
    with pytest.raises(UsageError, match="classes 0 to 4; labels or targets name 5"):
        run(cnn, images, labels + 1, FGSM(), THREAT)
    with pytest.raises(UsageError, match=r"logits of shape \(\d+, k\)"):
        run(cnn[:5], images, labels, FGSM(), THREAT)
    with pytest.raises(UsageError, match=r"pass model\.float\(\)"):
        run(cnn.to(torch.bfloat16), images, labels, FGSM(), THREAT)
    with pytest.raises(UsageError, match="batch_size must be at least 1"):
        run(cnn, images, labels, FGSM(), THREAT, batch_size=0)


def test_progress_ends_at_the_number_of_images(cnn, images, labels):
    seen = []
    run(
        cnn,
        images,
        labels,
        FGSM(),
        THREAT,
        batch_size=10,
        progress=lambda done, total, text="": seen.append((done, total)),
    )
    assert seen[-1] == (64, 64)
    assert seen == sorted(seen)


def test_results_are_frozen(cnn, images, labels):
    result = run(cnn, images, labels, FGSM(), THREAT)
    with pytest.raises(AttributeError):
        result.seed = 1
    assert replace(result, seed=1).seed == 1
