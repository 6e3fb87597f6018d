"""A folder of small pictures, and one audit of it that the tests of all verbs share."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from surehand.randomness import generator

COLOURS = {"red": (200, 40, 40), "green": (40, 190, 60), "blue": (50, 60, 210)}


def picture(colour: tuple[int, int, int], seed: object) -> Image.Image:
    """Blocks of noise with a coloured square somewhere: no two alike, classes easy to tell."""
    draw = generator("picture", str(seed))
    noise = np.kron(draw.integers(0, 256, (8, 8, 3)), np.ones((3, 3, 1))).astype(np.uint8)
    top, left = draw.integers(0, 13, 2)
    noise[top : top + 12, left : left + 12] = colour
    return Image.fromarray(noise)


def write_folder(root: Path, per_class: int, classes=COLOURS) -> Path:
    for name in classes:
        (root / name).mkdir(parents=True)
        for i in range(per_class):
            picture(COLOURS.get(name, (9, 9, 9)), (name, i)).save(root / name / f"{name}-{i}.png")
    return root


def surehand(*arguments: object) -> SimpleNamespace:
    """Run the command line in this process: exit code, stdout, stderr, and the JSON object where --json was given."""
    from surehand.cli._app import app

    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    parsed = json.loads(result.stdout) if "--json" in arguments and result.stdout.strip() else None
    return SimpleNamespace(code=result.exit_code, out=result.stdout, err=result.stderr, json=parsed)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    return write_folder(tmp_path_factory.mktemp("pictures") / "colours", 40)


@pytest.fixture(scope="session")
def finished(pictures, tmp_path_factory) -> SimpleNamespace:
    """An audit with one model and one external set."""
    home = tmp_path_factory.mktemp("audit")
    external = write_folder(home / "elsewhere", 6)
    arguments = ["run", pictures, "--size", 24, "--epochs", 3, "--batch", 16, "--external", f"elsewhere={external}"]
    arguments += ["--out", home / "run", "--cache", home / "cache", "--attack-images", 16, "--precision", "float32"]
    answer = surehand(*arguments, "--json")
    assert answer.code == 0, answer.err
    return SimpleNamespace(
        folder=home / "run",
        cache=home / "cache",
        external=external,
        arguments=arguments,
        answer=answer,
        model=home / "run" / "model" / "cnn.safetensors",
    )
