"""The engine: it drives any method, and alone decides what counts as a success.

Samples enter the batch, are evaluated clean, and leave when they are fooled or have nothing left to ask; others take
their place, so that the batch stays full.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt64
from torch import Tensor, nn

from surehand.models import device_of
from surehand.progress import Progress, silent

from ._ask import ask
from ._method import Answer, Method, Rows, State
from ._result import AttackResult
from ._samples import Samples, batch_size_of, checked
from ._sanity import Sanity
from ._strict import strict
from ._threat import Threat, distance


def run(
    model: nn.Module,
    images: Float[Tensor, "n 3 h w"],
    labels: Int64[Tensor, " n"],
    method: Method,
    threat: Threat,
    targets: Int64[Tensor, " n"] | None = None,
    seed: int = 0,
    *,
    ids: UInt64[np.ndarray, " n"] | None = None,
    batch_size: int | None = None,
    progress: Progress = silent,
) -> AttackResult:
    """Attack every image at one budget.

    The model is evaluated in evaluation mode and strict float32, and is afterwards as it was, also on failure.

    Args:
        model: images (n, 3, h, w) in [0, 1] to logits (n, k); its first layer normalises.
        images: float32 (n, 3, h, w) in [0, 1], on any device.
        labels: the truth, int64 (n,).
        method: how to search, e.g. ``FGSM()``.
        threat: what is allowed, e.g. ``Threat("linf", 8 / 255)``.
        targets: the class that each image shall be taken for, int64 (n,), nowhere the truth; None: any wrong class.
        seed: of what the method draws.
        ids: uint64 (n,), so that what is drawn for an image does not depend on its neighbours; None: its position.
        batch_size: images in the model at once; None: chosen from their size. Verdicts do not depend on it.
        progress: called with images done and their number.

    Returns:
        One row an image, in the order of `images`.

    Raises:
        UsageError: images, labels, targets, ids or model that cannot be attacked.
    """
    samples = checked(images, labels, targets, ids)
    device = device_of(model)
    size = batch_size_of(batch_size, images, device)
    sanity = Sanity()
    with strict(model):
        evidence = _Evidence(samples, threat)
        lanes: _Lanes | None = None
        entered = 0
        while entered < len(samples) or lanes is not None:
            # Only when half of the batch is free: evaluating a few at a time would be slow.
            while entered < len(samples) and (lanes is None or len(lanes.rows) <= size // 2):
                stop = min(len(samples), entered + size - (0 if lanes is None else len(lanes.rows)))
                rows = samples.rows(entered, stop, threat, seed, device)
                lanes = _joined(lanes, _entered(model, method, rows, entered, evidence, sanity))
                entered = stop
            if lanes is not None:
                lanes = _turned(model, method, lanes, evidence, sanity)
            progress(entered - (0 if lanes is None else len(lanes.rows)), len(samples), "attacking")
    return _result(samples, method, threat, seed, evidence, sanity)


@dataclass(frozen=True)
class _Lanes:
    """The batch: which samples are in it, and what the method remembers of each."""

    positions: Tensor  # int64 (n,), on the CPU
    rows: Rows
    state: State

    def take(self, keep: Bool[Tensor, " n"]) -> "_Lanes | None":
        kept = keep.nonzero().squeeze(1)
        if len(kept) == len(self.positions):
            return self
        if len(kept) == 0:
            return None
        here = kept.cpu()
        rows = replace(
            self.rows, clean=self.rows.clean[kept], goal=self.rows.goal.take(kept), ids=self.rows.ids[here.numpy()]
        )
        return _Lanes(self.positions[here], rows, {name: column[kept] for name, column in self.state.items()})


def _joined(first: _Lanes | None, second: _Lanes | None) -> _Lanes | None:
    if first is None or second is None:
        return first or second
    rows = replace(
        first.rows,
        clean=torch.cat([first.rows.clean, second.rows.clean]),
        goal=first.rows.goal.join(second.rows.goal),
        ids=np.concatenate([first.rows.ids, second.rows.ids]),
    )
    state = {name: torch.cat([column, second.state[name]]) for name, column in first.state.items()}
    return _Lanes(torch.cat([first.positions, second.positions]), rows, state)


def _entered(
    model: nn.Module, method: Method, rows: Rows, start: int, evidence: "_Evidence", sanity: Sanity
) -> _Lanes | None:
    """Evaluate clean images, and start the method where the goal is not reached already."""
    asked = torch.full((len(rows),), method.gradient_first, device=rows.clean.device)
    answer = ask(model, rows.clean, rows.goal, method.loss, asked)
    positions = torch.arange(start, start + len(rows))
    evidence.enter(positions, answer, asked)
    if start == 0:
        evidence.forward_passes[: sanity.probe(model, rows.clean, rows.goal, answer.logits)] += 1
    evidence.record(positions, rows, rows.clean, answer)
    sanity.see(answer.logits, rows.goal.labels)
    sanity.see_gradient(answer.gradient, asked)
    open_ = ~answer.reached
    lanes = _Lanes(positions, rows, {}).take(open_)
    if lanes is None:
        return None
    return replace(lanes, state=method.start(lanes.rows, answer.take(open_.nonzero().squeeze(1))))


def _turned(model: nn.Module, method: Method, lanes: _Lanes, evidence: "_Evidence", sanity: Sanity) -> _Lanes | None:
    """One query of every row, its verdict, and who leaves."""
    query = method.query(lanes.rows, lanes.state)
    answer = ask(model, query.points, lanes.rows.goal, method.loss, query.gradient)
    evidence.count(lanes.positions, query.gradient)
    success = evidence.record(lanes.positions, lanes.rows, query.points, answer)
    sanity.see_gradient(answer.gradient, query.gradient)
    state, finished = method.update(lanes.rows, lanes.state, answer)
    leaves = finished | success if method.until_reached else finished
    return replace(lanes, state=state).take(~leaves)


class _Evidence:
    """What is known of every sample so far; filled in while the engine runs."""

    def __init__(self, samples: Samples, threat: Threat) -> None:
        n = len(samples)
        self.threat = threat
        self.adversarial = samples.images.cpu().clone(memory_format=torch.contiguous_format)
        self.success = torch.zeros(n, dtype=torch.bool)
        self.distance = torch.full((n,), torch.inf, dtype=torch.float64)
        self.clean_prediction = torch.zeros(n, dtype=torch.int64)
        self.prediction = torch.zeros(n, dtype=torch.int64)
        self.lead = torch.zeros(n)
        self.forward_passes = torch.zeros(n, dtype=torch.int64)
        self.backward_passes = torch.zeros(n, dtype=torch.int64)

    def enter(self, positions: Tensor, answer: Answer, asked: Bool[Tensor, " n"]) -> None:
        self.clean_prediction[positions] = answer.logits.argmax(1).cpu()
        self.count(positions, asked)

    def count(self, positions: Tensor, asked: Bool[Tensor, " n"]) -> None:
        self.forward_passes[positions] += 1
        self.backward_passes[positions] += asked.cpu()

    def record(self, positions: Tensor, rows: Rows, points: Tensor, answer: Answer) -> Bool[Tensor, " n"]:
        """Keep each row's point if it is within the budget and no worse than the one kept; returns the successes."""
        inside = self.threat.contains(points, rows.clean)
        success = inside & answer.reached
        distances = torch.where(success, self.threat.distance(points, rows.clean), torch.inf)
        nearer = success.cpu() & (distances.cpu() < self.distance[positions])
        untouched = inside.cpu() & ~self.success[positions]
        better = nearer | untouched
        kept, here = positions[better], better.to(points.device)
        self.adversarial[kept] = points[here].cpu()
        self.prediction[kept] = answer.logits[here].argmax(1).cpu()
        self.lead[kept] = rows.goal.lead(answer.logits)[here].cpu()
        self.success[kept] = success[here].cpu()
        self.distance[kept] = distances[here].cpu()
        return success


def _result(
    samples: Samples, method: Method, threat: Threat, seed: int, evidence: _Evidence, sanity: Sanity
) -> AttackResult:
    clean = samples.images.cpu()
    parts = [slice(start, start + 64) for start in range(0, len(samples), 64)]  # float64 of all would be large
    targets = samples.goal.targets
    return AttackResult(
        adversarial=evidence.adversarial,
        success=evidence.success.numpy(),
        labels=samples.goal.labels.cpu().numpy(),
        targets=None if targets is None else targets.cpu().numpy(),
        clean_prediction=evidence.clean_prediction.numpy(),
        adversarial_prediction=evidence.prediction.numpy(),
        lead=evidence.lead.numpy(),
        saturated=sanity.saturated().numpy(),
        linf=torch.cat([distance(evidence.adversarial[part], clean[part], "linf") for part in parts]).numpy(),
        l2=torch.cat([distance(evidence.adversarial[part], clean[part], "l2") for part in parts]).numpy(),
        forward_passes=evidence.forward_passes.numpy(),
        backward_passes=evidence.backward_passes.numpy(),
        warnings=sanity.warnings(evidence.lead),
        method=method,
        threat=threat,
        seed=seed,
    )
