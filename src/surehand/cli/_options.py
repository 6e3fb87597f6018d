"""Options that several verbs share, and how their text becomes values."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surehand.errors import DataError, UsageError

from ._verb import this_command

if TYPE_CHECKING:  # options are read for --help too, which must load no torch
    from surehand.models import Classifier

DataArgument = Annotated[
    str,
    typer.Argument(
        help="A folder of class folders, a .zip, kaggle:OWNER/NAME, letters (150 a class), letters:N or letters:N:any.",
        show_default=False,
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        help="A model file written by surehand (.safetensors), or reader: the one that comes with it.",
        show_default=False,
    ),
]
SizeOption = Annotated[int, typer.Option(help="Height and width at which models see the images, in pixels.")]
SeedOption = Annotated[int, typer.Option(help="Names every random choice.")]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        help="Where decoded images and rendered letters are kept. (default: the user's cache folder)",
        show_default=False,
    ),
]

TRAINING = "Training (defaults: the model's recipe)"
RecipeOption = Annotated[
    str | None,
    typer.Option(
        help="letters, letters-in-ten-minutes or letters-and-photographs. (default: the model's own)",
        rich_help_panel=TRAINING,
        show_default=False,
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option(
        help="A model file, or reader, whose weights are the first ones. (default: drawn)",
        rich_help_panel=TRAINING,
        show_default=False,
    ),
]
KeepOption = Annotated[
    float | None,
    typer.Option(
        help="Share of the start's weights that the result keeps, below 1. (default: 0)",
        rich_help_panel=TRAINING,
        show_default=False,
    ),
]
EpochsOption = Annotated[
    int | None, typer.Option(help="At most so many epochs.", rich_help_panel=TRAINING, show_default=False)
]
MinutesOption = Annotated[
    float | None,
    typer.Option(
        help="Train each model for at most so many minutes, ending within an epoch if need be; 0: no limit.",
        rich_help_panel=TRAINING,
        show_default=False,
    ),
]
BatchOption = Annotated[int | None, typer.Option(help="Images a step.", rich_help_panel=TRAINING, show_default=False)]
RateOption = Annotated[
    float | None,
    typer.Option("--learning-rate", help="The largest learning rate.", rich_help_panel=TRAINING, show_default=False),
]
OptimizerOption = Annotated[
    str | None, typer.Option(help="adamw or muon.", rich_help_panel=TRAINING, show_default=False)
]
ScheduleOption = Annotated[
    str | None,
    typer.Option(help="constant, step, cosine, one-cycle or plateau.", rich_help_panel=TRAINING, show_default=False),
]
FreshOption = Annotated[
    int | None,
    typer.Option(
        help="Letters rendered anew for each epoch, beside the images of DATA.",
        rich_help_panel=TRAINING,
        show_default=False,
    ),
]
StayOption = Annotated[
    int | None,
    typer.Option(help="Epochs that such a letter stays.", rich_help_panel=TRAINING, show_default=False),
]
ScenesOption = Annotated[
    str | None,
    typer.Option(
        help="Scenes of these letters: any, shown, near or studio, ever easier.",
        rich_help_panel=TRAINING,
        show_default=False,
    ),
]
PatienceOption = Annotated[
    int | None,
    typer.Option(
        help="Stop after so many validations without a better one.", rich_help_panel=TRAINING, show_default=False
    ),
]
MinDeltaOption = Annotated[
    float | None,
    typer.Option(
        help="What counts as better: a loss lower by more than this.", rich_help_panel=TRAINING, show_default=False
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        help="auto (what a probe finds faster), float32 or bfloat16.", rich_help_panel=TRAINING, show_default=False
    ),
]
DevicesOption = Annotated[
    int | None, typer.Option(help="Processes that share each batch.", rich_help_panel=TRAINING, show_default=False)
]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def named_sources(pairs: list[str]) -> dict[str, str]:
    """["world=DIR"] as {"world": "DIR"}."""
    sources: dict[str, str] = {}
    for pair in pairs:
        name, equals, source = pair.partition("=")
        if not (name and equals and source):
            raise UsageError(f"An external set is given as NAME=DIR, for example world=photos/world; got {pair!r}.")
        if name in sources:
            raise UsageError(f"Two external sets are called {name!r}; give each a name of its own.")
        sources[name] = source
    return sources


def class_index(classifier: "Classifier", name: str) -> int:
    """The place of a class in the classifier's list.

    Raises:
        UsageError: it has no class of this name.
    """
    if name not in classifier.classes:
        raise UsageError(f"There is no class {name!r}; the model has {', '.join(classifier.classes)}.")
    return classifier.classes.index(name)


@contextmanager
def run_folder(out: Path | None, source: str) -> Iterator[Path]:
    """The folder that the user named, or a new one, which is removed again if nothing is written into it.

    Raises:
        DataError: a new one cannot be made.
        KeyboardInterrupt: after Ctrl-C, with the command that goes on.
    """
    folder = out or new_run_folder(source)
    try:
        yield folder
    except KeyboardInterrupt:
        raise KeyboardInterrupt(this_command(None if out else folder)) from None
    finally:
        if out is None:
            with suppress(OSError):  # it holds something
                folder.rmdir()


def new_run_folder(source: str) -> Path:
    """Make runs/<date-time>-<name>, a folder that no other run has.

    Raises:
        DataError: it cannot be made.
    """
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(source).resolve().name or "run").strip("-.")
    if name in ("train", "training", "images", "data"):  # say whose
        name = f"{Path(source).resolve().parent.name}-{name}"
    base = Path("runs") / f"{datetime.now():%Y-%m-%d-%H%M%S}-{name or 'run'}"
    number, folder = 2, base
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            folder, number = base.with_name(f"{base.name}-{number}"), number + 1
        except OSError as error:
            raise DataError(
                f"Could not make the folder {folder}: {error.strerror}. Name another with --out."
            ) from error
