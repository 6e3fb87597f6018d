"""The model card in the layout of Hugging Face, with "not measured" where something was not."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from surehand.alphabet import CONTROL_CLASSES, MOTION_LETTERS

from ._draw_accuracy import measured_accuracies
from ._draw_robustness import epsilon_summary
from ._run import Record, Run
from ._verdict import verdict
from ._words import (
    MOTION_NOTE,
    NOT_MEASURED,
    count,
    duration,
    interval,
    listed,
    number,
    percent,
    set_name,
    several,
)


def model_card(run: Run) -> str:
    """The card of all models of a run, as Markdown with a YAML header."""
    judgement = run.record.get("verdict") or verdict(run.record)
    name = str(run.record.get("name") or "run")
    sections = (
        _header(run, name),
        f"# {_plain(name)}",
        f"**{judgement['level'].capitalize()}.** {_plain(judgement['sentence'])}",
        "## Model details",
        _details(run),
        "## Uses",
        _uses(run),
        "## Bias, risks and limitations",
        _limits(run, judgement),
        "## Training data",
        _training_data(run),
        "## Training procedure",
        _table(("model", "epochs", "time", "stopped", "settings"), _procedures(run)),
        "## Evaluation",
        _table(("model", "measured on", "accuracy", "95 % interval", "images"), _evaluations(run)),
        _warnings(warning for external in (run.record.get("external") or {}).values() for warning in _warned(external)),
        "A random split tests on near-copies of what was trained on; never quote that number alone.",
        "### Small changes (FGSM)",
        _each(run, "fgsm", epsilon_summary),
        _warnings(_of_models(run, "fgsm")),
        "### Calibration",
        _each(run, "calibration", _calibration),
        "### Explanation (LIME)",
        _each(run, "lime", _lime),
        _warnings(_of_models(run, "lime")),
        "## Environmental impact",
        f"Energy and carbon: {NOT_MEASURED}. Time of computing: {duration(run.record.get('seconds'))}; "
        f"machine: {_plain(_pairs(run.record.get('machine') or {}))}.",
        "## How to reproduce",
        f"```\n{str(run.record.get('command', '')).replace('```', '')}\n```",
        f"Seed {run.record.get('seed')}; {_plain(_pairs(run.record.get('versions') or {}))}. "
        "Every number is in `run.json`.",
        run.time_note,
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _header(run: Run, name: str) -> str:
    # A JSON string is a YAML string, if its characters are not escaped.
    lines = [
        "library_name: surehand",
        "pipeline_tag: image-classification",
        "tags:",
        "- image-classification",
        "- surehand",
    ]
    if run.alphabet:
        lines.append("- fingerspelling")
    lines.append("model-index:")
    for model, record in run.models.items():
        measured = measured_accuracies(record.get("accuracy"))
        if not measured:
            continue
        lines += [f"- name: {_quoted(f'{name} {model}')}", "  results:"]
        for _, label, value in measured:
            lines += [
                "  - task: {type: image-classification}",
                f"    dataset: {{name: {_quoted(label)}, type: imagefolder}}",
                f"    metrics: [{{type: accuracy, value: {value['value']:.4f}}}]",
            ]
    if lines[-1] == "model-index:":
        lines.pop()
    return "\n".join(["---", *lines, "---"])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _details(run: Run) -> str:
    reads = (
        "They read held letters of the ASL manual alphabet from single pictures."
        if run.alphabet
        else f"They sort images into {several(len(run.classes), 'class', 'classes')}."
    )
    rows = [(m, count(r.get("parameters")), str(r.get("file", NOT_MEASURED))) for m, r in run.models.items()]
    classes = f"Classes: {_plain(listed(map(run.label, run.classes)) or NOT_MEASURED)}.{run.motion_note}"
    return "\n\n".join((reads, _table(("model", "parameters", "file"), rows), classes))


def _uses(run: Run) -> str:
    if not run.alphabet:
        return (
            f"Direct use: {_direct_use(run)} "
            "Out of scope: decisions about people, and images unlike all that were measured."
        )
    controls = ", ".join(f"`{name}`" for name in CONTROL_CLASSES)
    return (
        "Direct use: entering held letters of fingerspelling, where the signer sees and can correct the text. "
        "Out of scope: sign language as a whole. Fingerspelling is a part of ASL, not the language. "
        f"{listed(MOTION_LETTERS)}: {MOTION_NOTE}. {controls} are control classes of the data set, not signs."
    )


def _direct_use(run: Run) -> str:
    if _has_external(run):
        return "sorting images like those of the external sets that were measured, with the accuracy there."
    return "not known, for no external set was measured."


def _has_external(run: Run) -> bool:
    return any((record.get("accuracy") or {}).get("external") for record in run.models.values())


def _limits(run: Run, judgement: Record) -> str:
    lines = [f"- {reason['level'].capitalize()}: {reason['text']}" for reason in judgement["reasons"]]
    if run.alphabet:
        lines.append("- Not evaluated with Deaf signers.")
    beyond = ", beyond the external sets under Evaluation" if _has_external(run) else ""
    lines.append(f"- Differences between people, skin tones, cameras and light: {NOT_MEASURED}{beyond}.")
    return "\n".join(_plain(line) for line in lines)


def _training_data(run: Run) -> str:
    data = run.data
    neighbour = data.get("nearest_neighbour") or {}
    rows = [
        ("source", str(data.get("source", NOT_MEASURED))),
        ("images", count(data.get("images"))),
        ("classes", count(data.get("classes"))),
        ("files left out", count(data.get("quarantined"))),
        ("held-back images with a near twin in training, random split", percent(data.get("leak_rate"))),
        ("the same, grouped split", percent(data.get("leak_rate_grouped"))),
        ("nearest neighbour on thumbnails, random split", percent(neighbour.get("random"))),
        ("the same, grouped split", percent(neighbour.get("grouped"))),
    ]
    return _table(("what", "value"), rows)


def _procedures(run: Run) -> list[tuple[str, ...]]:
    return [
        (
            model,
            count(record.get("epochs")),
            duration(record.get("seconds")),
            str(record.get("stopped_because", NOT_MEASURED)),
            _pairs(record.get("settings") or {}),
        )
        for model, record in run.models.items()
    ]


def _evaluations(run: Run) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for model, record in run.models.items():
        kinds = {"": record.get("accuracy")}
        if run.alphabet:
            kinds[f", without {listed(MOTION_LETTERS)}"] = record.get("accuracy_without_motion_letters")
        for note, accuracy in kinds.items():
            for _, label, value in measured_accuracies(accuracy):
                rows.append(
                    (
                        model,
                        label + note,
                        percent(value["value"]),
                        interval(value["low"], value["high"]),
                        count(value["n"]),
                    )
                )
        if not (record.get("accuracy") or {}).get("external"):
            rows.append((model, "external sets", NOT_MEASURED, NOT_MEASURED, "0"))
    return rows


def _calibration(model: str, measured: Record) -> str:
    external = (measured.get("external") or {}).items()
    return (
        f"{model}: expected calibration error on held-back groups {percent(measured.get('ece'))} "
        f"({percent(measured.get('ece_before'))} before temperature scaling), "
        + "".join(f"on {set_name(where)} {percent(error)}, " for where, error in external)
        + f"temperature {number(measured.get('temperature'), 3)}."
    )


def _lime(model: str, lime: Record) -> str:
    return (
        f"{model}: {several(lime['superpixels'], 'superpixel')}, {several(lime['perturbations'], 'perturbation')}, "
        f"R² {number(lime.get('r2'))}."
    )


def _each(run: Run, key: str, say: Any) -> str:
    lines = [say(model, record[key]) for model, record in run.models.items() if record.get(key)]
    return "\n".join(f"- {_plain(line)}" for line in lines) or f"{NOT_MEASURED.capitalize()}."


def _of_models(run: Run, key: str) -> Iterator[str]:
    return (f"{model}: {warning}" for model, record in run.models.items() for warning in _warned(record.get(key) or {}))


def _warned(measured: Record) -> Iterable[str]:
    return measured.get("warnings") or ()


def _warnings(sentences: Iterable[str]) -> str:
    return "\n".join(f"- Warning: {_plain(sentence)}" for sentence in sentences)


def _pairs(values: Record) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items()) or NOT_MEASURED


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    rows = list(rows)
    if not rows:
        return f"{NOT_MEASURED.capitalize()}."
    lines = [header, ("---",) * len(header), *(tuple(map(_plain, row)) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text of users as text: no HTML, no table cells, no line breaks of its own."""
    return text.replace("<", "&lt;").replace("|", "\\|").replace("\n", " ")
