"""The command line: verbs that parse, call and show. Nothing heavy is imported before a verb runs."""

from ._app import main

__all__ = ["main"]
