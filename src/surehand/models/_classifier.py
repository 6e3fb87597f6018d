"""A trained classifier: the network and all that is needed to use it; one file that holds both."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import safetensors
import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor, nn

from surehand.errors import ConfigurationError, UsageError
from surehand.files import write_whole

from ._evaluating import device_of, evaluating
from ._table import ARCHITECTURES, blank

_SCHEMA = 1
_KEY = "surehand"
_PACKAGED = Path(__file__).parent / "trained"
_KINDS = {"architecture": str, "classes": list, "size": int, "temperature": int | float, "metadata": dict}


@dataclass(frozen=True)
class Classifier:
    """A network with the names of its classes.

    Attributes:
        model: images (n, 3, size, size) in [0, 1] to logits (n, k).
        architecture: a key of MODELS or ZOO.
        classes: k different names; the position of a name is the position of its logit.
        size: height and width of the images in pixels.
        temperature: what logits are divided by before softmax, fitted after training; > 0.
        metadata: what can be written as JSON and others should know: licence of the data, metrics, versions, seed.

    Raises:
        UsageError: two classes of one name, a size below 1, or a temperature that is not above 0.
    """

    model: nn.Module
    architecture: str
    classes: tuple[str, ...]
    size: int
    temperature: float = 1.0
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise UsageError(f"Class names must differ from each other; got {', '.join(self.classes)}.")
        if self.size < 1 or isinstance(self.size, bool):
            raise UsageError(f"The size must be a number of pixels; got {self.size}.")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise UsageError(f"The temperature must be a positive number; got {self.temperature}.")

    def probabilities(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """softmax(logits / temperature), in float32, in evaluation mode, without gradients.

        Args:
            images: of the classifier's size, in [0, 1]; moved to the model's device.

        Raises:
            UsageError: images of another size.
        """
        if images.shape[2:] != (self.size, self.size):
            height, width = images.shape[2:]
            raise UsageError(f"This classifier reads images of {self.size}x{self.size} pixels; got {height}x{width}.")
        device = device_of(self.model)
        with evaluating(self.model), torch.no_grad(), torch.autocast(device.type, enabled=False):
            return self.calibrated(images.to(device)).softmax(1)

    @property
    def calibrated(self) -> nn.Module:
        """The network with its logits over the temperature, in float32: `probabilities` are the softmax of these."""
        return _Calibrated(self.model, self.temperature)


class _Calibrated(nn.Module):
    def __init__(self, model: nn.Module, temperature: float) -> None:
        super().__init__()
        self.model, self.temperature = model, temperature

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        return self.model(images).float() / self.temperature


def find_classifier(name: str | Path) -> Path:
    """The file that a name stands for: a path, or else a classifier that comes with the package, such as "reader".

    Raises:
        ConfigurationError: neither, or the path cannot be looked at.
    """
    path = Path(name)
    try:
        if path.is_file():
            return path
    except OSError as error:  # a folder that may not be entered, a name too long
        raise ConfigurationError(f"Could not look for the model file {path}: {error.strerror}.") from error
    packaged = sorted(_PACKAGED.glob("*.safetensors"))
    for file in packaged:
        if str(name) == file.stem:
            return file
    names = ", ".join(file.stem for file in packaged)
    raise ConfigurationError(f"There is no model file {path}. By name there is: {names or 'none'}.")


def save(classifier: Classifier, path: str | Path, *, half: bool = False) -> None:
    """Write a classifier as one `.safetensors` file: the tensors, and everything else as JSON in its header.

    The file appears whole or not at all: when anything fails, a file that was there before is untouched.

    Args:
        classifier: what to write.
        path: where to.
        half: round the weights to float16, for a file of half the length; loading makes them float32 again.

    Raises:
        DataError: the file cannot be written (no permission, disk full).
    """
    header = {
        "schema": _SCHEMA,
        "architecture": classifier.architecture,
        "classes": list(classifier.classes),
        "size": classifier.size,
        "normalisation": normalisation(classifier.model),
        "temperature": classifier.temperature,
        "metadata": classifier.metadata,
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in classifier.model.state_dict().items()}
    if half:
        tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    write_whole(Path(path), safetensors.torch.save(tensors, {_KEY: json.dumps(header, allow_nan=False)}))


def load(path: str | Path) -> Classifier:
    """Read a classifier that `save` wrote; nothing in the file is executed.

    Args:
        path: a file, or the name of a classifier that comes with the package: "reader".

    Returns:
        The classifier, its model on the CPU and in evaluation mode.

    Raises:
        ConfigurationError: no such file, or not a classifier file that this version reads.
        MissingPartError: its network is of the zoo, and transformers is not installed.
    """
    path = find_classifier(path)
    header, tensors = _read(path)
    if header.get("schema") != _SCHEMA:
        raise ConfigurationError(
            f"{path} has schema {header.get('schema')}, and this version of surehand reads schema {_SCHEMA}: "
            "load it with the version that wrote it."
        )
    for key, kind in _KINDS.items():
        if not isinstance(header.get(key), kind):
            raise ConfigurationError(f"The header of {path} is damaged: {key} is {header.get(key)!r}.")
    architecture, classes = header["architecture"], tuple(map(str, header["classes"]))
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ConfigurationError(f"{path} holds the unknown architecture {architecture!r}; known: {known}.")
    try:
        model = blank(architecture, len(classes), header["size"])
        classifier = Classifier(
            model, architecture, classes, header["size"], float(header["temperature"]), header["metadata"]
        )
    except (UsageError, OverflowError) as error:
        raise ConfigurationError(f"The header of {path} is damaged: {error}") from error
    tensors = {name: tensor.float() if tensor.dtype == torch.float16 else tensor for name, tensor in tensors.items()}
    _check_tensors(path, expected=model.state_dict(), found=tensors)
    model.load_state_dict(tensors, assign=True)
    model.eval()
    return classifier


def normalisation(model: nn.Module) -> dict[str, list[float]]:
    """For readers of the header; the tensors decide."""
    return {name: model.get_buffer(f"normalise.{name}").flatten().tolist() for name in ("mean", "std")}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of one of our files."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(_KEY, "null"))
            # Copies: the originals are views of the file, which others may change.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        if _is_pickle(path):
            raise ConfigurationError(
                f"{path} is a pickle, and pickles are never loaded, because opening one runs the code inside; "
                "load it where it comes from and save the weights as .safetensors."
            ) from error
        raise ConfigurationError(f"{path} is not a .safetensors file, or is damaged: {error}.") from error
    if not isinstance(header, dict):
        raise ConfigurationError(f"{path} is a .safetensors file, but not a classifier saved by surehand.")
    return header, tensors


def _is_pickle(path: Path) -> bool:
    """Torch's zip archives, which hold a data.pkl, and by their first bytes bare pickles of protocol 2 and later."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if start == b"PK":
            with ZipFile(path) as archive:
                return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, BadZipFile, NotImplementedError, ValueError):
        return False
    return start[:1] == b"\x80" and start[1:] in {b"\x02", b"\x03", b"\x04", b"\x05"}


def _check_tensors(path: Path, expected: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    advice = "Load it with the version of surehand that wrote it, or train anew."
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise ConfigurationError(f"{path} lacks the tensor {name!r} of its architecture. {advice}")
        if name not in expected:
            raise ConfigurationError(
                f"{path} holds the tensor {name!r}, which its architecture has no place for. {advice}"
            )
        want, have = expected[name], found[name]
        if have.shape != want.shape or have.dtype != want.dtype:
            raise ConfigurationError(
                f"{path}: the tensor {name!r} is {have.dtype} {tuple(have.shape)}; "
                f"its architecture needs {want.dtype} {tuple(want.shape)}. {advice}"
            )
