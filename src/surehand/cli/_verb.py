"""What all verbs share: common options, one JSON object on stdout, exit codes, errors as sentences."""

import inspect
import json
import shlex
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from surehand.errors import SurehandError
from surehand.files import finite

from ._console import Console

SCHEMA = 1

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON object on stdout.", rich_help_panel="Output")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Tell nothing on stderr but warnings.", rich_help_panel="Output")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel="Output")]


@dataclass(frozen=True)
class Outcome:
    """What a verb found.

    Attributes:
        result: plain values, the `result` of --json.
        text: the same for a person; printed on stdout without --json.
        warnings: sentences.
        artifacts: files written.
        failed: why a gate given with --fail-under was not met, or None.
    """

    result: dict[str, Any]
    text: str
    warnings: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = field(default=())
    failed: str | None = None


def verb(function: Callable[..., Outcome]) -> Callable[..., None]:
    """Make a command of a function whose first argument is the console and whose result is an `Outcome`."""

    @wraps(function)
    def command(*, as_json: bool, quiet: bool, debug: bool, **options: Any) -> None:
        console = Console(quiet=quiet)
        try:
            outcome = function(console, **options)
        except KeyboardInterrupt as stop:
            console.end_progress()
            resume = f" What was finished is saved. To go on: {stop.args[0]}" if stop.args else ""
            _fail(console, as_json, "interrupted", f"Interrupted.{resume}", 130)
        except SurehandError as error:
            console.end_progress()
            if debug:
                traceback.print_exc()
            _fail(console, as_json, "error", str(error), error.exit_code)
        except Exception as error:
            console.end_progress()
            if debug:
                traceback.print_exc()
            message = f"Internal error: {type(error).__name__}: {error}. Run again with --debug for the traceback."
            _fail(console, as_json, "error", message, 1)
        else:
            console.end_progress()
            for warning in outcome.warnings:
                console.warn(warning)
            if as_json:
                _print_json("ok" if outcome.failed is None else "failed", outcome)
            else:
                print(outcome.text)
            if outcome.failed is not None:
                console.warn(outcome.failed)
                raise typer.Exit(5)

    parameters = list(inspect.signature(function).parameters.values())[1:]
    common = {"as_json": JsonOption, "quiet": QuietOption, "debug": DebugOption}
    options = [
        inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=a) for n, a in common.items()
    ]
    command.__signature__ = inspect.Signature([*parameters, *options])  # type: ignore[attr-defined]
    return command


def this_command(out: Path | None = None) -> str:
    """What the user typed, to be typed again; with the folder that it made, if the user named none."""
    return shlex.join(["surehand", *sys.argv[1:], *(["--out", str(out)] if out is not None else [])])


def _fail(console: Console, as_json: bool, status: str, message: str, code: int) -> None:
    if as_json:
        error = {"message": message, "exit_code": code}
        print(
            json.dumps(
                {"schema": SCHEMA, "status": status, "result": None, "error": error, "warnings": [], "artifacts": []}
            )
        )
    print(message if status == "interrupted" else f"Error: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _print_json(status: str, outcome: Outcome) -> None:
    answer = {
        "schema": SCHEMA,
        "status": status,
        "result": outcome.result,
        "warnings": list(outcome.warnings),
        "artifacts": list(outcome.artifacts),
    }
    print(json.dumps(finite(answer)))
