"""How an audit tells what it is doing."""

from typing import Protocol, runtime_checkable

from surehand.progress import Progress, silent


@runtime_checkable
class Narrator(Protocol):
    """Receives narration; the command line shows it."""

    def say(self, text: str) -> None:
        """One line of narration."""

    def progress(self, stage: str) -> Progress:
        """Where to tell how far a stage is."""


class Silent:
    """A narrator that tells nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def progress(self, stage: str) -> Progress:
        """Nowhere."""
        return silent
