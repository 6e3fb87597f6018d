"""The verdict: whether the accuracy of a run can be trusted, and why, in plain words.

A verdict is a pure function of `run.json`. It never certifies anything: it says what was seen to hold, what was seen to
break, and what was not looked at.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from surehand.alphabet import MOTION_LETTERS, manual_alphabet, named

from ._half import epsilon_of_half
from ._run import Record
from ._words import grey_levels, interval, listed, percent, set_name, several

LEVELS = ("trust", "caution", "do not trust")
TRUST, CAUTION, DO_NOT_TRUST = LEVELS

# A model that keeps nine tenths of its accuracy elsewhere behaves as promised, within what a user would notice; one
# that loses three tenths or more does not do the job the number promised.
KEEPS_ENOUGH = 0.9
KEEPS_TOO_LITTLE = 0.7
# One held-back image in twenty with a near twin in training moves an accuracy by up to five points: more than the
# difference between models that people publish.
LEAK = 0.05
# Nearest neighbour on thumbnails recognises pictures, not classes. What it gains from a random split is leak.
NEAREST_NEIGHBOUR_GAIN = 0.2
# Two grey levels are the size of camera noise and JPEG rounding; eight are the usual budget of the literature.
EPSILON_OF_NOISE = 2 / 255
EPSILON_USUAL = 8 / 255
# A stated 90 % that means 80 % changes decisions.
CALIBRATION_ERROR = 0.1
# An interval wider than ten points either way cannot tell a good model from a fair one.
INTERVAL_WIDTH = 0.2
# Below it, the prediction is more often wrong than right.
HALF = 0.5
# Above one file in a hundred, what was left out may not be there by chance.
QUARANTINE = 0.01


@dataclass(frozen=True)
class Reason:
    """One finding: a stable check name, a level of LEVELS, a sentence, and the model it is about ("" = the data)."""

    check: str
    level: str
    text: str
    model: str = ""


def verdict(run: Record) -> dict[str, Any]:
    """Judge a run.

    Args:
        run: what `run.json` holds (schema 1); parts that were not measured may be missing.

    Returns:
        `level` (one of LEVELS: the worst of the reasons), `sentence` (the weightiest reason; it does not repeat the
        level), and `reasons`: dictionaries with `check`, `level`,
        `text` and `model` ("" where the finding is about the data), worst first.
    """
    models = run.get("models") or {}
    data = run.get("data") or {}
    reasons = [*_of_run(run), *_of_data(data)]
    for name, model in models.items():
        reasons += _of_model(name, model, data)
    reasons.sort(key=lambda reason: -LEVELS.index(reason.level))  # stable: within a level, the order of the checks
    level = reasons[0].level if reasons else CAUTION
    return {"level": level, "sentence": _sentence(level, reasons), "reasons": [asdict(reason) for reason in reasons]}


def _of_run(run: Record) -> Iterator[Reason]:
    if run.get("status") != "complete":
        yield Reason("unfinished", CAUTION, "The run did not finish; what is missing below was not measured.")
    if not run.get("models"):
        yield Reason("no-model", CAUTION, "No model was trained, so there is no accuracy to judge.")
    for where, external in (run.get("external") or {}).items():
        if known := external.get("known_images"):
            are = "is" if known == 1 else "are"
            text = (
                f"{several(known, 'image')} of {set_name(where)} {are} in the training source too, byte for byte: "
                "it is not external, and its accuracy measures memory."
            )
            yield Reason("external-known", DO_NOT_TRUST, text)
        near, images = external.get("near_images") or 0, external.get("images") or 0
        if images and near / images > LEAK:
            text = (
                f"{percent(near / images)} of the images of {set_name(where)} have a near twin of their class in the "
                "training source: where they come from its recordings, the accuracy on them measures memory."
            )
            yield Reason("external-near", CAUTION, text)
    if not run.get("external"):
        hands = manual_alphabet((run.get("data") or {}).get("class_names") or ())
        where = "on other people's hands" if hands else "on images from elsewhere"
        yield Reason("no-external-set", CAUTION, f"No external set was given: nothing here says how it does {where}.")


def _of_data(data: Record) -> Iterator[Reason]:
    leak = data.get("leak_rate")
    if leak is not None:
        if leak > LEAK:
            text = (
                f"{percent(leak)} of randomly held-back images have a near twin in training: "
                "accuracy on a random split measures memory."
            )
            yield Reason("leak", CAUTION, text)
        else:
            yield Reason(
                "leak", TRUST, f"Only {percent(leak)} of randomly held-back images have a near twin in training."
            )
    leak = data.get("leak_rate_grouped")
    if leak is not None and leak > LEAK:
        text = (
            f"{percent(leak)} of the images held back in whole groups still have a near twin in training, "
            "so even the grouped accuracy is too high."
        )
        yield Reason("leak-grouped", DO_NOT_TRUST, text)
    neighbour = data.get("nearest_neighbour") or {}
    random, grouped = neighbour.get("random"), neighbour.get("grouped")
    if random is not None and grouped is not None and random - grouped > NEAREST_NEIGHBOUR_GAIN:
        text = (
            f"Copying the label of the most similar training thumbnail already reaches {percent(random)} "
            f"on the random split, but {percent(grouped)} when whole groups are held back."
        )
        yield Reason("nearest-neighbour", CAUTION, text)
    quarantined, images = data.get("quarantined") or 0, data.get("images") or 0
    if quarantined:
        share = quarantined / (images + quarantined)
        files = several(quarantined, "file")
        text = f"{files} {'was' if quarantined == 1 else 'were'} left out ({percent(share, 2)})."
        yield Reason("quarantine", CAUTION if share > QUARANTINE else TRUST, text)


def _of_model(name: str, model: Record, data: Record) -> Iterator[Reason]:
    accuracy = model.get("accuracy") or {}
    random, grouped = accuracy.get("random"), accuracy.get("grouped")
    yield from _of_sets(name, random, grouped, accuracy.get("external") or {}, data.get("classes") or 0)
    motions = MOTION_LETTERS if manual_alphabet(data.get("class_names") or ()) else ()
    for where, classes in (model.get("never_recognised") or {}).items():
        if classes:
            names = [f"{c} (still frame only)" if named((c,), motions) else c for c in _first(classes)]
            text = f"On {set_name(where)}, {name} never recognises {listed(names)}."
            yield Reason("class-never-recognised", CAUTION, text, name)
    if model.get("fgsm"):
        yield from _of_attack(name, model["fgsm"])
    calibration = model.get("calibration") or {}
    for where, error in {"grouped": calibration.get("ece"), **(calibration.get("external") or {})}.items():
        if error is not None:
            text = (
                f"On {set_name(where)}, the confidence that {name} states differs "
                f"from how often it is right by {percent(error)} on average."
            )
            yield Reason("calibration", CAUTION if error > CALIBRATION_ERROR else TRUST, text, name)


def _of_sets(name: str, random: Any, grouped: Any, external: Record, classes: int) -> Iterator[Reason]:
    if _known(random) and _known(grouped):
        text = (
            f"{name} is right on {percent(random['value'])} of a random split, "
            f"and on {percent(grouped['value'])} when whole groups are held back."
        )
        yield Reason("random-against-grouped", _kept(grouped, random["value"]), text, name)
    own = grouped if _known(grouped) else random
    if _known(own) and own["high"] < HALF:
        where = set_name("grouped" if own is grouped else "random")
        text = f"On {where}, {name} is more often wrong than right ({percent(own['value'])}): it has learned little."
        yield Reason("mostly-wrong", CAUTION, text, name)
    elsewhere = {where: measured for where, measured in external.items() if _known(measured)}
    if _known(own) and elsewhere:
        level = max((_kept(measured, own["value"]) for measured in elsewhere.values()), key=LEVELS.index)
        results = listed(f"{percent(measured['value'])} of {set_name(where)}" for where, measured in elsewhere.items())
        held_back = "its own held-back groups" if own is grouped else "its own random split"
        link = "and" if level == TRUST else "but"
        text = f"{name} is right on {percent(own['value'])} of {held_back}, {link} on {results}."
        yield Reason("external", level, text, name)
    for where, measured in {"grouped": grouped, **elsewhere}.items():
        if not _known(measured):
            continue
        small = measured["high"] - measured["low"] > INTERVAL_WIDTH
        if classes and measured["low"] <= 1 / classes:
            text = (
                f"On {set_name(where)}, {name} cannot be told from guessing "
                f"({percent(measured['value'])}; chance is {percent(1 / classes)})."
            )
            # A small set does not condemn here either: of two classes, five of five right could be chance.
            yield Reason("chance", CAUTION if small else DO_NOT_TRUST, text, name)
        if small:
            text = (
                f"The accuracy of {name} on {set_name(where)} rests on {several(measured['n'], 'image')}: "
                f"it may be anywhere from {interval(measured['low'], measured['high'])}."
            )
            yield Reason("small-test-set", CAUTION, text, name)


def _of_attack(name: str, curve: Record) -> Iterator[Reason]:
    if not curve["robust"][0]:
        text = f"{name} reads none of the attacked images rightly even unchanged: an attack has nothing to break."
        yield Reason("adversarial", CAUTION, text, name)
        return
    epsilon = epsilon_of_half(curve["epsilons"], curve["robust"])
    if epsilon is None:
        largest = grey_levels(max(curve["epsilons"]))
        text = f"One gradient step (FGSM) of up to {largest} does not halve the accuracy of {name}"
    else:
        text = f"One gradient step (FGSM) of {grey_levels(epsilon)} halves the accuracy of {name}"
    if epsilon is not None and epsilon < EPSILON_USUAL:
        small = " That is the size of camera noise." if epsilon <= EPSILON_OF_NOISE else ""
        yield Reason("adversarial", CAUTION, f"{text}: anyone who wants to fool it can.{small}", name)
    elif curve.get("warnings"):
        # Where the attack was blind, failing says nothing.
        yield Reason("adversarial", CAUTION, f"{text}, but the attack itself has warnings.", name)
    else:
        yield Reason("adversarial", TRUST, f"{text}; stronger attacks were not tried.", name)


def _sentence(level: str, reasons: list[Reason]) -> str:
    if level == TRUST:
        return "Nothing that was checked speaks against the accuracy measured here."
    return reasons[0].text if reasons else "Nothing was measured."


def _kept(measured: Record, promised: float) -> str:
    # The upper end decides the hard word, so that a small set does not condemn by chance.
    if measured["high"] < KEEPS_TOO_LITTLE * promised:
        return DO_NOT_TRUST
    return CAUTION if measured["value"] < KEEPS_ENOUGH * promised else TRUST


def _known(measured: Any) -> bool:
    return bool(measured) and measured.get("value") is not None and bool(measured.get("n"))


def _first(names: list[str], most: int = 6) -> list[str]:
    return names if len(names) <= most else [*names[:most], f"{len(names) - most} more"]
