"""What a training run is asked to do: one frozen value, from which the command line makes its flags."""

from dataclasses import asdict, dataclass, field, replace
from math import inf
from typing import Any

from surehand.data import Augmentation
from surehand.errors import UsageError
from surehand.render import SCENES

from ._optimizers import OPTIMIZERS
from ._probe import PRECISIONS
from ._schedule import SCHEDULES


@dataclass(frozen=True)
class Settings:
    """How to train one model.

    Attributes:
        epochs: at most so many passes over the training images; early stopping or the time may end sooner.
        minutes: end after so many minutes, rendering and validation included, also within an epoch, or when what is
            left is less than rendering takes; the last validation, the probe and saving come on top. Schedules go by
            the share of the epochs or of the time that is done, whichever is larger, so what is learned depends on the
            machine's speed. 0 for no such limit.
        batch: images a step, over all devices together; at least 3. An epoch is cut into nearly equal batches of at
            most this many, so there is no tiny last one.
        optimizer: a name in `OPTIMIZERS`.
        learning_rate: the largest rate of the schedule.
        weight_decay: decoupled, on weights of two or more dimensions only.
        schedule: a name in `SCHEDULES`.
        label_smoothing: in [0, 1).
        patience: stop after so many consecutive validations without a new best validation loss.
        min_delta: only a loss lower than the best by more than this starts the count of patience anew.
        augmentation: what is done to training images, and to no others.
        grow: share of the training, from its beginning, in which images grow from five eighths of their sides to all of
            them, in three steps; in [0, 1). For networks that read images of any size, whose work shrinks with them.
            Validation is of whole images throughout, by statistics of the smaller ones (where epochs are so short that
            these are measured anew, of whole ones), so give it patience.
        fresh: rendered letters that are made anew for each epoch and join the training images; 0 for none.
        stay: epochs in which such a letter is trained on, each time augmented differently.
        scenes: "any", "shown", "near" or "studio", where such letters are held (`surehand.render.SCENES`).
        start: a classifier file, or the name of one in the package, whose weights are the first ones; "" draws them.
        keep: share of these first weights in the result's, in [0, 1); the rest are those that training ended with
            (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022). Only with `start`.
        precision: "float32", "bfloat16" (mixed, by autocast), or "auto": what a probe finds faster.
        devices: processes that share each batch.
        seed: names every random choice of the run.
    """

    epochs: int = 20
    minutes: float = 0.0
    batch: int = 128
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    schedule: str = "cosine"
    label_smoothing: float = 0.05
    patience: int = 5
    min_delta: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    grow: float = 0.0
    fresh: int = 0
    stay: int = 8
    scenes: str = "any"
    start: str = ""
    keep: float = 0.0
    precision: str = "auto"
    devices: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, smallest in (("epochs", 1), ("batch", 3), ("patience", 1), ("fresh", 0), ("stay", 1), ("devices", 1)):
            if getattr(self, name) < smallest:
                raise UsageError(f"{name} must be at least {smallest}; got {getattr(self, name)}.")
        if not 0 < self.learning_rate < inf:
            raise UsageError(f"learning_rate must be above 0, and finite; got {self.learning_rate}.")
        for name in ("minutes", "weight_decay", "min_delta"):
            if not 0 <= getattr(self, name) < inf:
                raise UsageError(f"{name} must be at least 0, and finite; got {getattr(self, name)}.")
        for name in ("label_smoothing", "grow", "keep"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} must be in [0, 1); got {getattr(self, name)}.")
        if self.keep and not self.start:
            raise UsageError(f"keep {self.keep} needs a start, of whose weights it is a share; name one.")
        if self.batch < 2 * self.devices:
            raise UsageError(f"batch {self.batch} is too small for {self.devices} devices; give at least 2 a device.")
        if self.precision not in ("auto", *PRECISIONS):
            raise UsageError(f"precision must be one of auto, {', '.join(PRECISIONS)}; got {self.precision!r}.")
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(f"optimizer must be one of {', '.join(OPTIMIZERS)}; got {self.optimizer!r}.")
        if self.scenes not in SCENES:
            raise UsageError(f"scenes must be one of {', '.join(SCENES)}; got {self.scenes!r}.")
        if self.schedule not in SCHEDULES:
            raise UsageError(f"schedule must be one of {', '.join(SCHEDULES)}; got {self.schedule!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a configuration file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """The inverse of `to_dict`."""
        return cls(**{**values, "augmentation": augmentation_from(values["augmentation"])})


def augmentation_from(values: dict[str, Any]) -> Augmentation:
    """An augmentation from plain values, also from JSON or TOML, which have lists in place of tuples."""
    plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    return Augmentation(**plain)


# Per architecture, what differs from the defaults: 41 million parameters cost a hundred times more a step on a
# processor and need a gentler rate and fewer passes. The original system, too, gave Darknet-53 6 epochs and the CNN 30.
_BY_ARCHITECTURE: dict[str, dict[str, Any]] = {
    "darknet53": {"epochs": 4, "learning_rate": 1e-3},
    # Both cost ten times the small CNN's time a step. In 216 steps on 1,130 rendered letters, 2e-3 took the loss of
    # ResNet-18 to 0.02 and left ConvNeXt's at 3.3, near guessing; 5e-4 took that to 0.01, sooner than 1e-3 did.
    "resnet18": {"epochs": 10},
    "convnext": {"epochs": 10, "learning_rate": 5e-4},
    # The usual rate of transformers, and fifty times the small CNN's time a step; the same steps end at a loss of 1.0.
    "vit": {"epochs": 10, "learning_rate": 5e-4},
    # At 1e-3 it does not learn in the same steps, at 3e-4 it does.
    "zoo-pvt_v2_b0": {"learning_rate": 3e-4},
}

# Letters without end are varied already, and what augmentation adds is learned in place of letters: the less of it, the
# more photographs a small network read, and colours as they are gave most (docs/results.md, section 5).
_LITTLE = Augmentation(
    rotation=4.0,
    shift=0.06,
    zoom=(0.85, 1.05),
    brightness=0.1,
    contrast=0.15,
    saturation=0.15,
    channel_gain=0.08,
    erasing=0.05,
    stretch=1.05,
)
_HARDLY_ANY = Augmentation(
    rotation=0.0,
    shift=0.05,
    zoom=(0.95, 1.05),
    brightness=0.05,
    contrast=0.1,
    saturation=0.1,
    channel_gain=0.05,
    erasing=0.0,
)
# Photographs of few signers vary less, so these are augmented more.
_MUCH = Augmentation(
    rotation=15.0, zoom=(0.8, 1.15), brightness=0.2, contrast=0.3, saturation=0.3, channel_gain=0.12, stretch=1.2
)

# By name, for the readers; docs/results.md tells what parts of them took and reached.
RECIPES: dict[str, dict[str, Any]] = {
    # On the data `letters:300:any`: 240,000 letters, each trained on in eight epochs.
    # Letters never seen before show no overfitting, so nothing stops it early.
    "letters": {
        "fresh": 10_000,
        "stay": 8,
        "epochs": 24,
        "patience": 24,
        "optimizer": "muon",
        "learning_rate": 1.5e-2,
        "augmentation": _LITTLE,
    },
    # The same for whoever has no hour: a small network learns from letters alone what augmentation would add. One of
    # the ten minutes is for the letters that stay throughout and for compiling; the others end before the epochs do.
    # Few minutes are few steps, unless batches are small, and so are images at first.
    "letters-in-ten-minutes": {
        "scenes": "near",
        "fresh": 2_400,
        "stay": 16,
        "epochs": 40,
        "minutes": 9.0,
        "patience": 40,
        "batch": 32,
        "optimizer": "muon",
        "learning_rate": 1e-2,
        "grow": 0.7,
        "augmentation": _HARDLY_ANY,
    },
    # On photographs of the alphabet: goes on from the reader of the package.
    "letters-and-photographs": {
        "fresh": 8_000,
        "stay": 4,
        "epochs": 8,
        "learning_rate": 1e-3,
        "start": "reader",
        "augmentation": _MUCH,
    },
}


def recipe(architecture: str, name: str = "", **overrides: Any) -> Settings:
    """The settings for an architecture, with what the caller asks for in place of the recipe's own.

    Args:
        architecture: in `surehand.models.ARCHITECTURES`.
        name: of a recipe in RECIPES; "" for what suits the architecture.
        overrides: by field of `Settings`.

    Raises:
        UsageError: no recipe has this name, or a value is out of range.

    >>> recipe("darknet53", batch=64).epochs
    4
    """
    if name and name not in RECIPES:
        raise UsageError(f"There is no recipe {name!r}; choose from {', '.join(RECIPES)}.")
    own = RECIPES[name] if name else _BY_ARCHITECTURE.get(architecture, {})
    return replace(Settings(), **{**own, **overrides})
