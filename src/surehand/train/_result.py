"""What training returns."""

from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from ._probe import Choice
from ._settings import Settings


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images, or what there was time for; losses are means over images.

    The accuracy lies in [0, 1].
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    images_per_second: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a line of JSON."""
        return asdict(self)


@dataclass(frozen=True)
class TrainResult:
    """A trained model, in evaluation mode with its best weights, less what `keep` takes back, and how it came about.

    Attributes:
        model: images float32 (n, 3, h, w) in [0, 1] -> logits (n, k).
        history: one entry an epoch, of the weights that it ended with.
        best_epoch: whose weights these are, from 1; 0 where no loss was a number.
        stopped_because: in words.
        seconds: time spent in epochs, over all resumes.
        settings: as asked for.
        choice: precision and layout, as found by the probe.
    """

    model: nn.Module
    history: tuple[Epoch, ...]
    best_epoch: int
    stopped_because: str
    seconds: float
    settings: Settings
    choice: Choice
