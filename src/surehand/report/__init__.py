"""Results -> figures, tables and one self-contained page. Reads files of a run folder, and nothing else."""

from ._half import epsilon_of_half
from ._report import write_explanation, write_report
from ._run import SCHEMA, SCHEMA_FILE
from ._verdict import LEVELS, verdict

__all__ = [
    "LEVELS",
    "SCHEMA",
    "SCHEMA_FILE",
    "epsilon_of_half",
    "verdict",
    "write_explanation",
    "write_report",
]
