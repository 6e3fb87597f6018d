"""Accuracy against epsilon."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt64
from torch import Tensor, nn

from surehand.errors import UsageError
from surehand.models import device_of
from surehand.progress import Progress, silent

from ._ask import ask
from ._epsilon import DEFAULT_EPSILONS
from ._fgsm import FGSM
from ._method import Method
from ._result import RobustnessCurve
from ._samples import batch_size_of, checked
from ._sanity import Sanity
from ._strict import strict
from ._threat import Norm, Threat


def sweep(
    model: nn.Module,
    images: Float[Tensor, "n 3 h w"],
    labels: Int64[Tensor, " n"],
    method: Method = FGSM(),  # noqa: B008  a frozen value
    norm: Norm = "linf",
    epsilons: Sequence[float] = DEFAULT_EPSILONS,
    targets: Int64[Tensor, " n"] | None = None,
    seed: int = 0,
    *,
    ids: UInt64[np.ndarray, " n"] | None = None,
    batch_size: int | None = None,
    progress: Progress = silent,
) -> RobustnessCurve:
    """Attack every image at every budget, with one gradient an image.

    The direction of a one-step method does not depend on the budget, and the first budget is 0, whose verdict falls out
    of the pass that gives the gradient: e budgets cost one backward and e forward passes an image, instead of e and 2e.
    Every image is attacked at every budget, also where its clean image is misclassified; no images are kept.

    Args:
        model: images (n, 3, h, w) in [0, 1] to logits (n, k); its first layer normalises.
        images: float32 (n, 3, h, w) in [0, 1], on any device.
        labels: the truth, int64 (n,).
        method: one with a direction shared by all budgets: ``FGSM()``.
        norm: of the budgets.
        epsilons: rising from 0; at least one more.
        targets: the class that each image shall be taken for, int64 (n,), nowhere the truth; None: any wrong class.
        seed: of what the method draws.
        ids: uint64 (n,), see `run`.
        batch_size: images in the model at once; None: chosen from their size. Verdicts do not depend on it.
        progress: called with images done and their number.

    Returns:
        The curve, one row an image.

    Raises:
        UsageError: budgets that do not rise from 0, a method without a shared direction, or images, labels, targets,
            ids or model that cannot be attacked.
    """
    if len(epsilons) < 2 or epsilons[0] != 0 or any(b <= a for a, b in pairwise(epsilons)):
        raise UsageError(
            "epsilons must rise, and start with 0, the clean image, e.g. (0, 2/255, 8/255);"
            f" got {', '.join(f'{epsilon:g}' for epsilon in epsilons) or 'none'}."
        )
    if not method.shared_direction:
        raise UsageError(
            f"A sweep needs a direction that all budgets share, which {type(method).__name__} has not; call run for"
            " each epsilon."
        )
    threats = [Threat(norm, epsilon) for epsilon in epsilons[1:]]
    samples = checked(images, labels, targets, ids)
    device = device_of(model)
    size = batch_size_of(batch_size, images, device)
    sanity = Sanity()
    with strict(model):
        predictions = torch.zeros(len(samples), len(epsilons), dtype=torch.int64)
        leads = torch.zeros(len(samples), len(epsilons))
        forward_passes = torch.zeros(len(samples), dtype=torch.int64)
        backward_passes = torch.zeros(len(samples), dtype=torch.int64)
        for start in range(0, len(samples), size):
            batch = slice(start, min(start + size, len(samples)))
            rows = samples.rows(batch.start, batch.stop, threats[0], seed, device)
            asked = torch.ones(len(rows), dtype=torch.bool, device=device)
            clean = ask(model, rows.clean, rows.goal, method.loss, asked)
            sanity.see(clean.logits, rows.goal.labels)
            sanity.see_gradient(clean.gradient, asked)
            if start == 0:
                forward_passes[: sanity.probe(model, rows.clean, rows.goal, clean.logits)] += 1
            state = method.start(rows, clean)
            logits = [clean.logits]
            for threat in threats:
                query = method.query(replace(rows, threat=threat), state)
                logits.append(ask(model, query.points, rows.goal, method.loss, query.gradient).logits)
            predictions[batch] = torch.stack([each.argmax(1) for each in logits], dim=1).cpu()
            leads[batch] = torch.stack([rows.goal.lead(each) for each in logits], dim=1).cpu()
            forward_passes[batch] += len(logits)
            backward_passes[batch] += 1
            progress(batch.stop, len(samples), "attacking")
    return RobustnessCurve(
        epsilons=np.array(epsilons, np.float64),
        predictions=predictions.numpy(),
        lead=leads.numpy(),
        labels=labels.cpu().numpy(),
        targets=None if targets is None else targets.cpu().numpy(),
        saturated=sanity.saturated().numpy(),
        forward_passes=forward_passes.numpy(),
        backward_passes=backward_passes.numpy(),
        warnings=sanity.warnings(leads.abs().amin(dim=1)),
        method=method,
        norm=norm,
        seed=seed,
    )
