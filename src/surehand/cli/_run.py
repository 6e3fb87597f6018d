"""`surehand run`: the whole audit."""

from pathlib import Path
from typing import Annotated

import typer

from surehand.errors import UsageError

from ._console import Console
from ._options import (
    BatchOption,
    CacheOption,
    DevicesOption,
    EpochsOption,
    FreshOption,
    KeepOption,
    MinDeltaOption,
    MinutesOption,
    OptimizerOption,
    PatienceOption,
    PrecisionOption,
    RateOption,
    RecipeOption,
    ScenesOption,
    ScheduleOption,
    StartOption,
    StayOption,
    given,
    named_sources,
    run_folder,
)
from ._verb import Outcome, this_command, verb


@verb
def run(
    console: Console,
    data: Annotated[
        str | None,
        typer.Argument(
            help="A folder of class folders, a .zip, kaggle:OWNER/NAME, letters:N or letters:N:any. (default: letters)",
            show_default=False,
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            help="Which models, separated by commas, of those that `train --model` takes. (default: cnn)",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Height and width at which models see the images. (default: 64)", show_default=False),
    ] = None,
    external: Annotated[
        list[str] | None,
        typer.Option(help="NAME=DIR: labelled images that nothing is trained on. Can be repeated.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The run folder; give the same one again to go on. (default: runs/DATE-NAME)", show_default=False
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A config.toml of an earlier run; options given here win.", show_default=False)
    ] = None,
    attack_images: Annotated[
        int | None, typer.Option(help="How many held-back images are attacked. (default: 512)", show_default=False)
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            help="SET=VALUE, e.g. grouped=0.9: exit with 5 if any model's accuracy is lower.", show_default=False
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Names every random choice. (default: 0)", show_default=False)
    ] = None,
    cache: CacheOption = None,
    recipe: RecipeOption = None,
    start: StartOption = None,
    keep: KeepOption = None,
    fresh: FreshOption = None,
    stay: StayOption = None,
    scenes: ScenesOption = None,
    epochs: EpochsOption = None,
    minutes: MinutesOption = None,
    batch: BatchOption = None,
    optimizer: OptimizerOption = None,
    learning_rate: RateOption = None,
    schedule: ScheduleOption = None,
    patience: PatienceOption = None,
    min_delta: MinDeltaOption = None,
    precision: PrecisionOption = None,
    devices: DevicesOption = None,
) -> Outcome:
    """Audit classifiers: read, check, split, train, evaluate, attack, explain, speak, report."""
    console.say("Surehand is loading.")
    from dataclasses import replace

    from surehand.audit import AuditSettings, audit

    settings = AuditSettings.from_toml(config) if config else AuditSettings()
    training = given(
        start=start,
        keep=keep,
        fresh=fresh,
        stay=stay,
        scenes=scenes,
        epochs=epochs,
        minutes=minutes,
        batch=batch,
        optimizer=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        patience=patience,
        min_delta=min_delta,
        precision=precision,
        devices=devices,
    )
    changes = given(
        source=data,
        models=tuple(models.split(",")) if models else None,
        size=size,
        external=named_sources(external) if external else None,
        attack_images=attack_images,
        recipe=recipe,
        seed=seed,
    )
    settings = replace(settings, **changes, training={**settings.training, **training})
    if not any(source.startswith("kaggle:") for source in (settings.source, *settings.external.values())):
        console.say("Nothing is sent off this machine.")
    gates = _gates(fail_under or [], settings.external)
    with run_folder(out, settings.source) as folder:
        console.say(f"Folder    {folder}")
        record = audit(settings, folder, command=this_command(), cache=cache, narrator=console)
    artifacts = tuple(str(folder / a["path"]) for a in record["artifacts"])
    warnings = (*record["data"]["warnings"], *(w for found in record["external"].values() for w in found["warnings"]))
    return Outcome(
        {"folder": str(folder), **record}, _summary(record, folder), warnings, artifacts, _failure(record, gates)
    )


def _gates(pairs: list[str], external: dict[str, str]) -> dict[str, float]:
    known = ["random", "grouped", *external]
    gates = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            gates[name] = float(value)
        except ValueError:
            raise UsageError(f"--fail-under takes SET=VALUE such as grouped=0.9; got {pair!r}.") from None
        if name not in known or not 0 <= gates[name] <= 1:
            raise UsageError(f"--fail-under takes one of {', '.join(known)} and a value in [0, 1]; got {pair!r}.")
    return gates


def _failure(record: dict, gates: dict[str, float]) -> str | None:
    """Which gates were not met, in words."""
    missed = []
    for model, found in record["models"].items():
        accuracy = {**found["accuracy"], **found["accuracy"]["external"]}
        for name, least in gates.items():
            if accuracy[name]["value"] < least:
                missed.append(f"{model} reaches {accuracy[name]['value']:.3f} on {name}, below {least:g}")
    return f"Gate not met: {'; '.join(missed)}." if missed else None


def _summary(record: dict, folder: Path) -> str:
    verdict = record["verdict"]
    lines = [f"{verdict['level'].capitalize()}: {verdict['sentence']}", ""]
    for model, found in record["models"].items():
        accuracy = {"random split": found["accuracy"]["random"], "grouped split": found["accuracy"]["grouped"]}
        accuracy |= found["accuracy"]["external"]
        for name, a in accuracy.items():
            interval = f"[{100 * a['low']:.1f}, {100 * a['high']:.1f}] of {a['n']:,}"
            lines.append(f"  {model:<10} {name:<14} {100 * a['value']:5.1f} %  {interval}")
    return "\n".join([*lines, "", f"Report    {folder / 'report.html'}"])
