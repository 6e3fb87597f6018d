"""The whole audit: data + models -> run folder, resumable stage by stage."""

from ._audit import audit
from ._narrator import Narrator, Silent
from ._settings import AuditSettings

__all__ = ["AuditSettings", "Narrator", "Silent", "audit"]
