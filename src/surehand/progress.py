"""How a long call tells its caller where it is."""

from typing import Protocol, runtime_checkable


@runtime_checkable  # so that tests can check arguments
class Progress(Protocol):
    """Called with (done, total, text); stages never print."""

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """Show that `done` of `total` steps are finished."""


def silent(done: int, total: int, text: str = "") -> None:
    """Show nothing: the default everywhere."""
