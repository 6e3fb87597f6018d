"""Training and evaluation: model + data -> TrainResult, Evaluation."""

from ._early_stopping import Stopping, observe, reason_to_stop
from ._evaluation import (
    Bin,
    ClassScore,
    Confusion,
    Evaluation,
    confusion_matrix,
    evaluate,
    expected_calibration_error,
    fit_temperature,
    predict,
    reliability,
)
from ._loop import Step, train
from ._optimizers import OPTIMIZERS
from ._order import batches, dropout_keys, shard
from ._probe import Choice, probe
from ._result import Epoch, TrainResult
from ._schedule import SCHEDULES, Moment
from ._settings import RECIPES, Settings, augmentation_from, recipe
from ._start import beyond_settings, starting_classifier

__all__ = [
    "OPTIMIZERS",
    "RECIPES",
    "SCHEDULES",
    "Bin",
    "Choice",
    "ClassScore",
    "Confusion",
    "Epoch",
    "Evaluation",
    "Moment",
    "Settings",
    "Step",
    "Stopping",
    "TrainResult",
    "augmentation_from",
    "batches",
    "beyond_settings",
    "confusion_matrix",
    "dropout_keys",
    "evaluate",
    "expected_calibration_error",
    "fit_temperature",
    "observe",
    "predict",
    "probe",
    "reason_to_stop",
    "recipe",
    "reliability",
    "shard",
    "starting_classifier",
    "train",
]
