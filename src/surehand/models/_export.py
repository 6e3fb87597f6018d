"""A classifier as one ONNX file, checked against the network it came from."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from surehand.errors import ConfigurationError
from surehand.files import write_whole
from surehand.randomness import generator

from ._classifier import Classifier, normalisation
from ._evaluating import device_of, evaluating

_TOLERANCE = 1e-4


def export_onnx(classifier: Classifier, path: str | Path) -> float:
    """Write a classifier as one `.onnx` file, without external data.

    Input `images`, float32 (n, 3, size, size) in [0, 1], any n; output `logits`, float32 (n, k). The file's metadata
    hold `classes` and `normalisation` as JSON, `size`, `temperature` and `architecture`; the graph itself normalises.

    Returns:
        The largest difference between the logits of onnxruntime and of torch on random images, relative to the largest
        logit where that exceeds 1.

    Raises:
        ConfigurationError: the difference exceeds 1e-4; nothing is written then.
        DataError: the file cannot be written.
    """
    content = _exported(classifier)
    difference = _difference(classifier, content)
    if not difference <= _TOLERANCE:
        raise ConfigurationError(
            f"The exported network differs from the original by {difference:.2g}, more than {_TOLERANCE}; "
            f"{path} was not written. Please report this with the versions that `surehand doctor` prints."
        )
    write_whole(Path(path), content)
    return difference


def _exported(classifier: Classifier) -> bytes:
    """The whole ONNX model, weights inside."""
    device = device_of(classifier.model)
    # Two images: a batch of one would be taken for a constant.
    images = torch.zeros(2, 3, classifier.size, classifier.size, device=device)
    with _quiet(), evaluating(classifier.model):
        program = torch.onnx.export(
            classifier.model,
            (images,),
            dynamo=True,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            verbose=False,
        )
    assert program is not None  # only the older exporter returns None
    model = program.model_proto
    # The exporter notes at each node where in this machine's files it came from.
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    metadata = {
        "architecture": classifier.architecture,
        "classes": json.dumps(classifier.classes),
        "normalisation": json.dumps(normalisation(classifier.model)),
        "size": str(classifier.size),
        "temperature": repr(classifier.temperature),
    }
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString(deterministic=True)


def _difference(classifier: Classifier, content: bytes) -> float:
    """Between the logits of both on three random images."""
    import onnxruntime  # 0.2 s, and only exporting needs it

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    pixels = generator("onnx parity").random((3, 3, classifier.size, classifier.size), dtype=np.float32)
    found = session.run(["logits"], {"images": pixels})[0]
    with evaluating(classifier.model), torch.no_grad():
        expected = classifier.model(torch.from_numpy(pixels).to(device_of(classifier.model))).cpu().numpy()
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints its steps, logs which libraries it misses, and warns of its own deprecations."""
    logger = logging.getLogger("torch")
    level = logger.level
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
