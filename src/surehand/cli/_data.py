"""`surehand data`: look at images before training on them, or make some."""

from dataclasses import replace
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
    return Outcome(found.to_dict(), str(replace(found, warnings=())), found.warnings)


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
    sheet_(samples, files[1], augmentation=Augmentation(), seed=seed)
    return Outcome({"files": [str(f) for f in files]}, "\n".join(map(str, files)), (), tuple(map(str, files)))


@app.command("letters")
@verb
def letters(
    console: Console,
    out: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
    per_class: Annotated[int, typer.Option(help="Images of each of the 29 classes.")] = 100,
    size: Annotated[int, typer.Option(help="Height and width of the images in pixels, 16 to 2048.")] = 64,
    masks: Annotated[bool, typer.Option("--masks", help="Also write the masks of hand and fingers.")] = False,
    boxes: Annotated[bool, typer.Option("--boxes", help="Also write boxes (COCO JSON).")] = False,
    joints: Annotated[bool, typer.Option("--joints", help="Also write joints (CSV).")] = False,
    vary: Annotated[
        str | None,
        typer.Option(
            help="A series: change only this factor or group, e.g. light, tone, distance.", show_default=False
        ),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            help="FACTOR=VALUE in every image, e.g. tone=8 or hand=left. Can be repeated.", show_default=False
        ),
    ] = None,
    shapes: Annotated[
        Path | None, typer.Option(help="Hand shapes of your own, as handshapes.json.", show_default=False)
    ] = None,
    image_format: Annotated[str, typer.Option("--format", help="jpg or png.")] = "jpg",
    workers: Annotated[
        int | None,
        typer.Option(help="Images rendered at a time. (default: one a core)", show_default=False),
    ] = None,
    seed: SeedOption = 0,
) -> Outcome:
    """Render letters of the ASL manual alphabet as a folder of class folders."""
    from surehand.render import CLASSES, load_handshapes, write_letters

    from ._factors import fixed_factors

    write_letters(
        out,
        per_class=per_class,
        size=size,
        seed=seed,
        masks=masks,
        boxes=boxes,
        joints=joints,
        vary=vary,
        fixed=fixed_factors(fix or []),
        shapes=load_handshapes(shapes) if shapes else None,
        image_format=image_format,
        workers=workers,
        progress=console.progress("Render"),
    )
    images = per_class * len(CLASSES)
    return Outcome({"folder": str(out), "images": images}, f"{images:,} images in {out}", (), (str(out),))
