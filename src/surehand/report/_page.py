"""The page: one HTML file that opens offline, asks for nothing, and shows every number of a run in words and tables."""

import base64
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from surehand import alphabet

from . import _words
from ._draw_accuracy import measured_accuracies
from ._draw_robustness import prediction, readable_examples
from ._run import Record, Run
from ._style import Drawing
from ._svg import inline
from ._verdict import LEVELS, verdict

_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".wav": "audio/wav"}
_SHEETS = {"sheets/train.png": "As they are.", "sheets/augmented.png": "As training sees them: changed at random."}
_FILTERS = ("tied", "percent", "interval", "grey_levels", "count", "number", "duration", "listed", "several")


def page(run: Run, drawings: tuple[Drawing, ...], texts: Mapping[str, str], files: tuple[str, ...]) -> str:
    """The whole page.

    Args:
        run: what to report.
        drawings: its figures.
        texts: the SVG file of each figure, by name.
        files: paths in the run folder to list, relative to it.
    """
    environment = Environment(
        loader=PackageLoader("surehand.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({name: _tied(getattr(_words, name)) for name in _FILTERS}, label=run.label)
    judgement = run.record.get("verdict") or verdict(run.record)
    return environment.get_template("page.html").render(
        run=run,
        record=run.record,
        data=run.data,
        verdict=judgement,
        models_level={model: _worst(judgement, model) for model in run.models},
        glyphs=dict(zip(LEVELS, ("✓", "!", "✕"), strict=True)),
        accuracies=measured_accuracies,
        without_motion=_without_motion,
        figures=lambda kind, model="": [d for d in drawings if (d.kind, d.model) == (kind, model)],
        svg=lambda drawing: Markup(inline(texts[drawing.name], drawing.name, drawing.title, drawing.finding)),
        css=Markup(Path(__file__).with_name("page.css").read_text(encoding="utf-8")),
        uri=lambda relative: _data_uri(run.file(relative)),
        examples=partial(readable_examples, run),
        prediction=partial(prediction, run),
        sheets={path: caption for path, caption in _SHEETS.items() if run.file(path)},
        config=_text(run.file("config.toml")),
        files=files,
        words=_words,
        set_name=_words.set_name,
        alphabet=alphabet,
    )


def _tied(write: Callable[..., str]) -> Callable[..., str]:
    return lambda *values: _words.tied(write(*values))


def _without_motion(model: Record) -> list[tuple[str, Record, Record]]:
    """(label, with all classes, without J and Z) of each measured set."""
    still = {label: value for _, label, value in measured_accuracies(model.get("accuracy_without_motion_letters"))}
    return [
        (label, value, still[label]) for _, label, value in measured_accuracies(model.get("accuracy")) if label in still
    ]


def _worst(judgement: Mapping[str, Any], model: str) -> str:
    found = [reason["level"] for reason in judgement["reasons"] if reason.get("model") == model]
    return max(found, key=LEVELS.index, default=LEVELS[0])


def _data_uri(path: Path | None) -> str:
    if path is None:
        return ""
    return f"data:{_MEDIA_TYPES[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _text(path: Path | None) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path else ""
