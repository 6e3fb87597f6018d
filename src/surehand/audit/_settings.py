"""What an audit is asked to do, and the configuration file that says it again."""

import json
import re
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from surehand.data import Augmentation
from surehand.errors import ConfigurationError, UsageError
from surehand.models import ARCHITECTURES, blank
from surehand.train import Settings, augmentation_from, recipe, starting_classifier


@dataclass(frozen=True)
class AuditSettings:
    """One audit.

    Attributes:
        source: where the images are: a folder, a zip, "kaggle:owner/name", "letters", "letters:500", "letters:500:any".
        models: names in `MODELS` or `ZOO`, audited one after the other on the same split.
        size: height and width at which the models see the images.
        external: name -> source of labelled images that nothing is ever trained on or chosen by.
        recipe: a name in `train.RECIPES` by which every model is trained; "" for each model's own.
        training: what differs from each model's recipe, by field of `train.Settings`.
        attack_images: how many held-back images are attacked; fewer if there are fewer.
        seed: names every random choice.
    """

    source: str = "letters"
    models: tuple[str, ...] = ("cnn",)
    size: int = 64
    external: dict[str, str] = field(default_factory=dict)
    recipe: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    attack_images: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.models if name not in ARCHITECTURES]
        if unknown or not self.models:
            known = ", ".join(ARCHITECTURES)
            raise UsageError(f"There is no model {', '.join(unknown) or 'named'}; choose from {known}.")
        if len(set(self.models)) < len(self.models):
            raise UsageError(f"Each model can be named once; got {', '.join(self.models)}.")
        if not 16 <= self.size <= 1024:
            raise UsageError(f"size must lie in 16 ... 1024 pixels; got {self.size}.")
        if self.attack_images < 1:
            raise UsageError(f"attack_images must be at least 1; got {self.attack_images}.")
        if "seed" in self.training:
            raise UsageError("Training has the seed of the run: give seed, not training.seed.")
        for name in self.external:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.]*", name) or name in ("random", "grouped", "batch"):
                raise UsageError(
                    f"An external set cannot be called {name!r}: use letters, digits, '_' or '.', "
                    "and not 'random', 'grouped' or 'batch'."
                )

    def for_model(self, architecture: str) -> Settings:
        """How this model is trained: its recipe with the differences asked for.

        Raises:
            UsageError: a setting is out of range, or of fresh letters where there are none, or the images are too small
                for the model.
            MissingPartError: the model needs an optional part that is not installed.
            ConfigurationError: the classifier it shall start from is missing, or of another architecture.
        """
        blank(architecture, 2, self.size)
        settings = recipe(architecture, self.recipe, **{**self.training, "seed": self.seed})
        idle = [name for name in ("stay", "scenes") if name in self.training]
        if idle and not settings.fresh:
            raise UsageError(f"{idle[0]} is of fresh letters, and {architecture} is trained on none; give fresh, too.")
        if settings.start:
            starting_classifier(settings.start, architecture)
        return settings

    def to_toml(self) -> str:
        """A configuration file that `from_toml` reads; it states the differences, and recipes stay recipes."""
        lines = ["# surehand run --config THIS_FILE repeats the run; with minutes, as far as the machine gets."]
        values = asdict(self)
        tables = {name: values.pop(name) for name in ("external", "training")}
        augmentation = tables["training"].pop("augmentation", None)
        lines += [f"{name} = {_toml(value)}" for name, value in values.items()]
        if augmentation is not None:
            tables["training.augmentation"] = augmentation
        for title, table in tables.items():
            lines += ["", f"[{title}]", *(f"{_toml(name)} = {_toml(value)}" for name, value in table.items())]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, path: Path) -> "AuditSettings":
        """Read a configuration file.

        Raises:
            ConfigurationError: no such file, not TOML, a key that does not exist, or a value that it cannot have.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"Could not read the configuration {path}: {error.strerror}.") from error
        except ValueError as error:  # not TOML, or not UTF-8
            raise ConfigurationError(f"{path} is not TOML: {error}.") from error
        _refuse_unknown(path, "", values, cls)
        if not isinstance(values.get("models", []), list):
            raise ConfigurationError(f"{path}: models must be a list of names; got {values['models']!r}.")
        _refuse_types(path, "", values, cls())
        _refuse_unknown(path, "training.", values.get("training", {}), Settings)
        _refuse_types(path, "training.", values.get("training", {}), Settings())
        try:
            if "augmentation" in values.get("training", {}):
                augmentation = values["training"]["augmentation"]
                if not isinstance(augmentation, dict):
                    raise ConfigurationError(f"{path}: training.augmentation must be a table; got {augmentation!r}.")
                _refuse_unknown(path, "training.augmentation.", augmentation, Augmentation)
                _refuse_types(path, "training.augmentation.", augmentation, Augmentation())
                values["training"]["augmentation"] = augmentation_from(augmentation)
            return replace(cls(), **{**values, "models": tuple(values.get("models", cls().models))})
        except (TypeError, UsageError) as error:
            raise ConfigurationError(f"{path}: {error}") from error


def _refuse_unknown(path: Path, prefix: str, values: dict[str, Any], kind: type) -> None:
    known = {f.name for f in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        from difflib import get_close_matches

        near = get_close_matches(unknown[0], known, 1)
        hint = f" Did you mean {prefix}{near[0]}?" if near else f" Known are {', '.join(sorted(known))}."
        raise ConfigurationError(f"{path} sets {prefix}{unknown[0]}, which does not exist.{hint}")


def _refuse_types(path: Path, prefix: str, values: dict[str, Any], defaults: Any) -> None:
    """Values must be of the kind that the defaults are."""
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", dict: "a table"}
    for name, value in values.items():
        default = getattr(defaults, name)
        kind = next((k for k in kinds if isinstance(default, k)), None)
        if kind is None:
            continue
        fits = isinstance(value, int | float if kind is float else kind)
        if not fits or (kind in (int, float) and isinstance(value, bool)):
            raise ConfigurationError(f"{path}: {prefix}{name} must be {kinds[kind]}; got {value!r}.")


def _toml(value: Any) -> str:
    """A string, number, truth value or list as TOML, whose notation for these is JSON's, but for one character."""
    text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
