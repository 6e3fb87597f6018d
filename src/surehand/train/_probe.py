"""Some steps that find out how this machine runs this model fastest."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from surehand.models import sample_keys

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
PRECISIONS = ("float32", "bfloat16")
# What takes so many times as long as another for this few images is not timed further: bfloat16 on processors without.
_HOPELESS, _FEW = 4.0, 2


@dataclass(frozen=True)
class Choice:
    """How a model is run.

    Attributes:
        precision: "float32" or "bfloat16" (autocast).
        layout: "contiguous" (NCHW) or "channels_last" (NHWC).
        images_per_second: of a training step, for each "precision layout" tried; empty if nothing was tried.
    """

    precision: str
    layout: str
    images_per_second: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for run.json."""
        return asdict(self)

    def __str__(self) -> str:
        if not self.images_per_second:
            return f"{self.precision}, {self.layout}"
        rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in self.images_per_second.items())
        return f"{self.precision}, {self.layout} (images/s by probe: {rates})"


def probe(model: nn.Module, size: int, batch: int, precision: str = "auto", seconds: float = 6.0) -> Choice:
    """Time training steps in each precision and memory layout, and choose the fastest.

    torch.compile is not tried: on processors it cost 44 s of compilation and halved the small CNN's speed.

    Args:
        model: left as it was; a copy is trained.
        size: height and width of the images.
        batch: images a step; big models are probed with fewer.
        precision: "auto", or the only one to consider.
        seconds: about how long the whole probe may take; longer where some steps of eight images already do.
    """
    precisions = PRECISIONS if precision == "auto" else (precision,)
    candidates = [(p, layout) for p in precisions for layout in LAYOUTS]
    small = _affordable_batch(model, size, batch, seconds / (8 * len(candidates)))
    trials = [_timer(deepcopy(model), size, _FEW, p, layout)() for p, layout in candidates]
    rates = {f"{p} {layout}": _FEW / trial for (p, layout), trial in zip(candidates, trials, strict=True)}
    most = max(_HOPELESS * min(trials), seconds / 100)  # a hiccup in the steps of small models is not hopeless
    candidates = [c for c, trial in zip(candidates, trials, strict=True) if trial <= most]
    timers = [_timer(deepcopy(model), size, small, p, layout) for p, layout in candidates]
    best = [float("inf")] * len(candidates)
    # In turn, so that a machine that slows down slows all of them; the minimum, because noise only adds.
    started, rounds = perf_counter(), 0
    while rounds < 2 or (rounds < 8 and perf_counter() - started < seconds * 0.7):
        best = [min(b, time_step()) for b, time_step in zip(best, timers, strict=True)]
        rounds += 1
    rates |= {f"{p} {layout}": small / b for (p, layout), b in zip(candidates, best, strict=True)}
    precision, layout = min(zip(candidates, best, strict=True), key=lambda item: item[1])[0]
    return Choice(precision, layout, {name: round(rate, 1) for name, rate in rates.items()})


def laid_out(model: nn.Module, layout: str) -> nn.Module:
    """The model, its convolutions' weights stored in a layout of `LAYOUTS`."""
    return model.to(memory_format=LAYOUTS[layout])  # type: ignore[call-overload]  # missing in torch's stubs


def _affordable_batch(model: nn.Module, size: int, batch: int, seconds: float) -> int:
    """The largest of batch, batch/2, batch/4 ... whose step is likely to take less than `seconds`."""
    one = min(batch, 8)
    time_step = _timer(deepcopy(model), size, one, "float32", "contiguous")
    time_step()
    per_image = time_step() / one
    while batch > one and batch * per_image > seconds:
        batch //= 2
    return batch


def _timer(model: nn.Module, size: int, batch: int, precision: str, layout: str) -> Callable[[], float]:
    model = laid_out(model.train(), layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    images = torch.full((batch, 3, size, size), 0.5).to(memory_format=LAYOUTS[layout])
    labels = torch.zeros(batch, dtype=torch.int64)
    keys = torch.arange(batch)

    def time_step() -> float:
        start = perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"), sample_keys(model, keys):
            loss = F.cross_entropy(model(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return perf_counter() - start

    time_step()  # compile kernels, allocate
    return time_step
