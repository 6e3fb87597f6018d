"""Results -> figures, tables and one self-contained page. Reads files of a run folder, and nothing else."""

from surehand.report._report import write_explanation, write_report
from surehand.report._run import SCHEMA, SCHEMA_FILE
from surehand.report._verdict import LEVELS, verdict
from surehand.report._words import CONTROL_CLASSES, MOTION_LETTERS, manual_alphabet

__all__ = [
    "CONTROL_CLASSES",
    "LEVELS",
    "MOTION_LETTERS",
    "SCHEMA",
    "SCHEMA_FILE",
    "manual_alphabet",
    "verdict",
    "write_explanation",
    "write_report",
]
