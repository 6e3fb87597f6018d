"""Narration on stderr: a moving bar on a terminal, plain lines elsewhere, nothing when quiet. stdout is not touched."""

import sys
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console as Terminal

from surehand.progress import Progress as ReportsProgress

if TYPE_CHECKING:  # a tenth of the time of --help
    from rich.progress import Progress, TaskID


class Console:
    """What a verb tells while it works."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = Terminal(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        self._bars: Progress | None = None
        self._bar: TaskID | None = None
        self._stage = ""
        self._last_line = 0.0

    def say(self, text: str) -> None:
        """One line of narration."""
        self.end_progress()
        if not self._quiet:
            self._terminal.print(text, markup=False)

    def warn(self, text: str) -> None:
        """One line that should not be missed."""
        self.end_progress()
        self._terminal.print(f"Warning: {text}", markup=False, style="yellow")

    def progress(self, stage: str) -> ReportsProgress:
        """A `surehand.progress.Progress` that shows how far `stage` is."""

        def show(done: int, total: int, text: str = "") -> None:
            if self._quiet:
                return
            if self._terminal.is_terminal:
                self._show_bar(stage, done, total, text)
            else:
                self._show_line(stage, done, total, text)

        return show

    def end_progress(self) -> None:
        """Remove the bar, if there is one."""
        if self._bars is not None:
            self._bars.stop()
        self._bars = self._bar = None
        self._stage = ""

    def _show_bar(self, stage: str, done: int, total: int, text: str) -> None:
        if self._bars is None or stage != self._stage:
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self.end_progress()
            columns = (
                TextColumn("{task.description:<9}"),
                BarColumn(24),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            )
            self._bars = Progress(
                *columns,
                TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[text]}"),
                console=self._terminal,
                transient=True,
                refresh_per_second=8,
            )
            self._bars.start()
            self._bar, self._stage = self._bars.add_task(stage, total=total, text=text), stage
        assert self._bar is not None
        self._bars.update(self._bar, completed=done, total=total, text=text)

    def _show_line(self, stage: str, done: int, total: int, text: str) -> None:
        now = monotonic()
        if now - self._last_line >= 10:
            self._last_line = now
            print(f"{stage}: {done:,} of {total:,} {text}".rstrip(), file=sys.stderr, flush=True)
