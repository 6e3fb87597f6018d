"""The whole audit: data + models -> run folder, resumable stage by stage."""

from ._audit import audit, train_model
from ._narrator import Narrator, Silent
from ._settings import AuditSettings
from ._stress import STRESS, Stress, stress

__all__ = ["STRESS", "AuditSettings", "Narrator", "Silent", "Stress", "audit", "stress", "train_model"]
