"""Darknet's `.weights` files: read, checked to the last byte, and written back the same.

Format (`src/parser.c` of pjreddie/darknet): little-endian int32 major, minor and revision; `seen`, the number of images
trained on, in 8 bytes from version 0.2 on and in 4 before; then float32 numbers in the order of the layers, without
names, shapes or a checksum. A convolution with batch normalisation is bias, scale, running mean, running variance,
weights [out, in, k, k]; the classifier is bias, weights.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from surehand.errors import ConfigurationError
from surehand.files import write_whole

from ._darknet53 import Convolution, Darknet53


@dataclass(frozen=True)
class DarknetHeader:
    """What a `.weights` file says beside its numbers.

    Attributes:
        major, minor, revision: of the format.
        seen: images trained on.
        backbone: the file ends after layer 74, before the classifier, as `darknet53.conv.74` does.
    """

    major: int = 0
    minor: int = 2
    revision: int = 0
    seen: int = 0
    backbone: bool = False

    @property
    def layout(self) -> str:
        """Of the header's numbers, for `struct`."""
        wide = self.major * 10 + self.minor >= 2 and self.major < 1000 and self.minor < 1000
        return "<3iQ" if wide else "<3iI"


_CURRENT = DarknetHeader()


def read_darknet_weights(model: Darknet53, path: str | Path) -> DarknetHeader:
    """Fill a Darknet-53 from a file of the whole network or of the backbone; the classifier is then left as it is.

    Args:
        model: on any device; untouched when the file does not fit.
        path: the file.

    Returns:
        The header, for `write_darknet_weights`.

    Raises:
        ConfigurationError: no such file, one that cannot be read, or its length is not exactly that of this network;
            the message names the first layer that does not fit.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"There is no weights file {path}.") from None
    except OSError as error:
        raise ConfigurationError(f"Could not read {path}: {error.strerror}.") from error
    header = _header(path, content)
    numbers = content[struct.calcsize(header.layout) :]
    layers = list(_layers(model))
    backbone = len(numbers) == sum(layer.bytes for layer in layers[:-1])
    if not backbone:
        _check_length(path, len(numbers), layers)
    values = torch.from_numpy(np.frombuffer(numbers, "<f4").astype(np.float32))
    with torch.no_grad():
        for layer in layers[:-1] if backbone else layers:
            for tensor in layer.tensors:
                tensor.copy_(values[: tensor.numel()].reshape(tensor.shape))
                values = values[tensor.numel() :]
    return replace(header, backbone=backbone)


def write_darknet_weights(model: Darknet53, path: str | Path, header: DarknetHeader = _CURRENT) -> None:
    """Write what Darknet reads; with the header that `read_darknet_weights` returned, the same bytes it read.

    Raises:
        DataError: the file cannot be written; one that was there before is untouched.
    """
    layers = list(_layers(model))
    tensors = (tensor for layer in (layers[:-1] if header.backbone else layers) for tensor in layer.tensors)
    numbers = (tensor.detach().cpu().contiguous().numpy().astype("<f4").tobytes() for tensor in tensors)
    start = struct.pack(header.layout, header.major, header.minor, header.revision, header.seen)
    write_whole(Path(path), b"".join((start, *numbers)))


@dataclass(frozen=True)
class _Layer:
    """A layer that has numbers: what messages call it, and its tensors in the order of the file."""

    name: str
    tensors: tuple[Tensor, ...]

    @property
    def bytes(self) -> int:
        return sum(4 * tensor.numel() for tensor in self.tensors)


def _header(path: Path, content: bytes) -> DarknetHeader:
    try:
        version = DarknetHeader(*struct.unpack_from("<3i", content))
        return DarknetHeader(*struct.unpack_from(version.layout, content))
    except struct.error as error:
        raise ConfigurationError(f"{path} is too short for a Darknet header: {len(content)} bytes.") from error


def _layers(model: Darknet53) -> Iterator[_Layer]:
    """Each layer that has numbers, under its index in `darknet53.cfg`."""
    index = 0
    for name, layer in model.named_modules():
        if isinstance(layer, Convolution):
            norm = layer.norm
            statistics = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
            yield _Layer(f"layer {index} ({name})", (norm.bias, norm.weight, *statistics, layer.convolution.weight))
            # The sum that ends a residual unit counts as a layer too, and so does the pooling before the classifier.
            index += 2 if name.endswith("widen") else 1
    yield _Layer(f"layer {index + 1} (output)", (model.output.bias, model.output.weight))


def _check_length(path: Path, length: int, layers: list[_Layer]) -> None:
    left = length
    for layer in layers:
        if left < layer.bytes:
            raise ConfigurationError(
                f"{path} does not fit this Darknet-53: {layer.name} needs {layer.bytes:,} bytes and the file has "
                f"{left:,} left; see that the network and its number of classes are those the file was written with."
            )
        left -= layer.bytes
    if left:
        raise ConfigurationError(
            f"{path} does not fit this Darknet-53: {left:,} bytes are left after {layers[-1].name}; see that the "
            "network and its number of classes are those the file was written with."
        )
