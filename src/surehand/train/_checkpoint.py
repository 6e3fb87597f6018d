"""Everything a run needs to go on as if nothing had happened, in one safetensors file that is never half-written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from surehand.errors import ConfigurationError, DataError
from surehand.files import replacing

SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """A moment of a run.

    Attributes:
        weights: the model's state.
        best: the state that had the lowest validation loss, empty before the first validation.
        optimizer: `flatten` of the optimizer's state.
        progress: plain values: the next epoch and step, sums of the running epoch, early stopping, history, settings.
    """

    weights: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    progress: dict[str, Any]


def write(checkpoint: Checkpoint, path: Path) -> None:
    """Replace the file at `path` in one step; on any failure the old file stays.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    tensors = {
        f"{part}/{name}": tensor.detach().contiguous()
        for part in ("weights", "best", "optimizer")
        for name, tensor in getattr(checkpoint, part).items()
    }
    header = {"surehand-checkpoint": json.dumps({"schema": SCHEMA, **checkpoint.progress})}
    try:
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata=header)
    except SafetensorError as error:  # how it tells that the disk is full
        raise DataError(f"Could not save the checkpoint {path}: {error}. Free some space, then resume.") from error


def read(path: Path) -> Checkpoint:
    """The checkpoint at `path`.

    Raises:
        ConfigurationError: the file is not a checkpoint of this version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            progress = json.loads((file.metadata() or {}).get("surehand-checkpoint", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise ConfigurationError(f"{path} is not a checkpoint ({error}). Delete it to start again.") from error
    if progress.pop("schema", None) != SCHEMA:
        raise ConfigurationError(f"{path} is not a checkpoint of this version of Surehand. Delete it to start again.")
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition("/")
        parts[part][rest] = tensor
    return Checkpoint(parts["weights"], parts["best"], parts["optimizer"], progress)


def flatten(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's tensors by name, "position/quantity"; its plain values follow from the settings."""
    state = optimizer.state_dict()["state"]
    return {f"{i}/{name}": value for i, values in state.items() for name, value in values.items()}


def unflatten(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put `flatten`'s tensors back, in the memory format of the parameters they belong to."""
    state = optimizer.state_dict()
    state["state"] = {}
    for key, value in tensors.items():
        i, _, name = key.partition("/")
        state["state"].setdefault(int(i), {})[name] = value
    optimizer.load_state_dict(state)
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter).copy_(value)
