"""A model under conditions in which its verdicts can be repeated, and put back as it was."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from operator import attrgetter

import torch
from torch import nn

from surehand.errors import UsageError
from surehand.models import device_of, evaluating

_SETTINGS = (
    ("cuda.matmul", "fp32_precision", "ieee"),
    ("cudnn.conv", "fp32_precision", "ieee"),
    ("cudnn.rnn", "fp32_precision", "ieee"),
    ("mkldnn.matmul", "fp32_precision", "ieee"),
    ("mkldnn.conv", "fp32_precision", "ieee"),
    ("mkldnn.rnn", "fp32_precision", "ieee"),
    ("cudnn", "deterministic", True),
    ("cudnn", "benchmark", False),
)
"""Parts of torch.backends, and what they are set to."""


@contextmanager
def strict(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, real float32 (no autocast, no TF32, no bfloat16), random generators put back afterwards.

    Raises:
        UsageError: the model has weights that are not float32.
    """
    device = device_of(model)
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            raise UsageError(
                f"Verdicts are taken in float32, but the weights {name!r} are {parameter.dtype}; pass model.float()."
            )
    with ExitStack() as stack:
        for part, name, value in _SETTINGS:
            holder = attrgetter(part)(torch.backends)
            stack.callback(setattr, holder, name, getattr(holder, name))
            setattr(holder, name, value)
        stack.enter_context(evaluating(model))
        # A model may draw random numbers even in evaluation mode.
        stack.enter_context(torch.random.fork_rng(devices=[device] if device.type == "cuda" else []))
        stack.enter_context(torch.autocast(device.type, enabled=False))
        # Within a caller's inference mode there would be no gradients.
        stack.enter_context(torch.inference_mode(False))
        yield
