"""`surehand`: the verbs, one a file."""

import io
import sys

import typer

from surehand.processors import shorten_spinning

from . import _attack, _data, _doctor, _evaluate, _explain, _export, _predict, _run, _speak, _train

HELP = """Train image classifiers, attack them, explain them, and say whether their accuracy can be trusted.

\b
surehand run                               the whole audit, on rendered letters
surehand run PHOTOS --external desk=DIR    the same on your own class folders
surehand predict reader PHOTO              which letter it is, by the reader that comes along
surehand evaluate MODEL PHOTOS             accuracy with its interval
surehand explain MODEL PHOTO               why it says so
surehand attack MODEL PHOTOS               how little noise fools it
surehand speak "HELLO"                     say it aloud

Nothing is sent off this machine; kaggle:OWNER/NAME alone asks the network."""

app = typer.Typer(
    name="surehand",
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(_run.run)
app.command("train")(_train.train)
app.command("evaluate")(_evaluate.evaluate)
app.command("attack")(_attack.attack)
app.command("explain")(_explain.explain)
app.command("predict")(_predict.predict)
app.command("speak")(_speak.speak)
app.add_typer(_data.app, name="data")
app.command("export")(_export.export)
app.command("doctor")(_doctor.doctor)


def _version(wanted: bool | None) -> None:
    if wanted:
        from surehand import __version__

        print(f"surehand {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool | None = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    shorten_spinning()
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may hold what no encoding has; stderr is so already
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
