"""The whole audit: data + models -> run folder, resumable stage by stage."""

from ._audit import audit, train_model
from ._narrator import Narrator, Silent
from ._settings import AuditSettings

__all__ = ["AuditSettings", "Narrator", "Silent", "audit", "train_model"]
