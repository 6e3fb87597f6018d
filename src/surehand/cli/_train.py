"""`surehand train`: one model, trained and saved."""

from pathlib import Path
from typing import Annotated

import typer

from ._console import Console
from ._options import (
    BatchOption,
    CacheOption,
    DataArgument,
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
    SeedOption,
    SizeOption,
    StartOption,
    StayOption,
    given,
    run_folder,
)
from ._verb import Outcome, verb


@verb
def train(
    console: Console,
    data: DataArgument = "letters",
    model: Annotated[
        str, typer.Option(help="cnn, darknet53, resnet18, convnext, vit, reader, small_reader, or zoo-NAME.")
    ] = "cnn",
    size: SizeOption = 64,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder; give the same one again to go on. (default: runs/DATE-NAME)", show_default=False
        ),
    ] = None,
    seed: SeedOption = 0,
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
    """Train one model on the training groups of DATA and save it."""
    from surehand.audit import AuditSettings, train_model

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
    settings = AuditSettings(source=data, models=(model,), size=size, recipe=recipe or "", training=training, seed=seed)
    settings.for_model(model)  # wrong options are told before the folder
    with run_folder(out, data) as folder:
        console.say(f"Folder    {folder}")
        result = train_model(settings, folder, cache=cache, narrator=console)
    file = folder / result["file"]
    text = f"{file}\n{result['epochs']} epochs, {result['stopped_because']}."
    return Outcome(
        {"folder": str(folder), **result, "file": str(file)}, text, (), (str(file), str(folder / "metrics.jsonl"))
    )
