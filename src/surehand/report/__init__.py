"""Results -> figures, tables and one self-contained page. Reads files of a run folder, and nothing else."""

from surehand.report._report import write_explanation, write_report
from surehand.report._run import SCHEMA, SCHEMA_FILE
from surehand.report._verdict import LEVELS, verdict

__all__ = [
    "LEVELS",
    "SCHEMA",
    "SCHEMA_FILE",
    "verdict",
    "write_explanation",
    "write_report",
]
