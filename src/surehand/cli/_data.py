"""`surehand data`: look at images before training on them, or make some."""

from pathlib import Path
from typing import Annotated

import typer

from ._console import Console
from ._options import CacheOption, DataArgument, SeedOption, SizeOption
from ._verb import Outcome, verb

app = typer.Typer(help="Check, look at, or make images.", no_args_is_help=True)


@app.command("check")
@verb
def check(console: Console, data: DataArgument, seed: SeedOption = 0, cache: CacheOption = None) -> Outcome:
    """Counts, unreadable files, duplicates, and how much a random split of DATA would leak."""
    from surehand.data import check as check_
    from surehand.data import load

    found = check_(load(data, 64, seed=seed, cache=cache, progress=console.progress("Read")))
    return Outcome(found.to_dict(), str(found), found.warnings)


@app.command("sheet")
@verb
def sheet(
    console: Console,
    data: DataArgument,
    out: Annotated[Path, typer.Option(help="The folder for the sheets.")] = Path("sheets"),
    size: SizeOption = 64,
    seed: SeedOption = 0,
    cache: CacheOption = None,
) -> Outcome:
    """Contact sheets of DATA, with and without augmentation."""
    from surehand.data import Augmentation, load
    from surehand.data import sheet as sheet_

    samples = load(data, size, seed=seed, cache=cache, progress=console.progress("Read")).samples("train")
    files = (out / "train.png", out / "augmented.png")
    sheet_(samples, files[0])
    sheet_(samples, files[1], augmentation=Augmentation())
    return Outcome({"files": [str(f) for f in files]}, "\n".join(map(str, files)), (), tuple(map(str, files)))


@app.command("letters")
@verb
def letters(
    console: Console,
    out: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
    per_class: Annotated[int, typer.Option(help="Images of each of the 29 classes.")] = 100,
    size: SizeOption = 64,
    masks: Annotated[bool, typer.Option("--masks", help="Also write the masks of hand and fingers.")] = False,
    boxes: Annotated[bool, typer.Option("--boxes", help="Also write boxes (COCO JSON).")] = False,
    joints: Annotated[bool, typer.Option("--joints", help="Also write joints (CSV).")] = False,
    vary: Annotated[
        str | None, typer.Option(help="Change only this factor, e.g. light, tone, distance.", show_default=False)
    ] = None,
    seed: SeedOption = 0,
) -> Outcome:
    """Render letters of the ASL manual alphabet as a folder of class folders."""
    from surehand.render import write_letters

    write_letters(
        out,
        per_class=per_class,
        size=size,
        seed=seed,
        masks=masks,
        boxes=boxes,
        joints=joints,
        vary=vary,
        progress=console.progress("Render"),
    )
    return Outcome(
        {"folder": str(out), "images": 29 * per_class}, f"{29 * per_class:,} images in {out}", (), (str(out),)
    )
