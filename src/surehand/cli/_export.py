"""`surehand export`: a model in another format."""

from pathlib import Path
from typing import Annotated

import typer

from surehand.errors import UsageError

from ._console import Console
from ._options import ModelArgument
from ._verb import Outcome, verb


@verb
def export(
    console: Console,
    model: ModelArgument,
    onnx: Annotated[bool, typer.Option("--onnx", help="ONNX, one file, checked against torch.")] = False,
    darknet: Annotated[bool, typer.Option("--darknet", help="Darknet's .weights, of a darknet53.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="The file. (default: beside the model; for reader, here)", show_default=False)
    ] = None,
) -> Outcome:
    """Write MODEL as ONNX or as Darknet weights."""
    from surehand.models import Darknet53, export_onnx, load, write_darknet_weights

    if onnx == darknet:
        raise UsageError("Say which format: --onnx or --darknet.")
    classifier = load(model)
    path = out or Path(model).with_suffix(".onnx" if onnx else ".weights")
    if onnx:
        export_onnx(classifier, path)
    elif isinstance(classifier.model, Darknet53):
        write_darknet_weights(classifier.model, path)
    else:
        raise UsageError(f"Only a darknet53 can be written as Darknet weights; {model} is a {classifier.architecture}.")
    return Outcome({"file": str(path), "bytes": path.stat().st_size}, str(path), (), (str(path),))
