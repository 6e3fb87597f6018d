"""The training loop: the same whether it runs alone, shares each batch with other devices, or goes on after a kill."""

import hashlib
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional as F

from surehand.data import LetterStream, Samples, cache_folder, joined
from surehand.errors import ConfigurationError, DataError, UsageError
from surehand.files import finite, write_whole
from surehand.models import build, sample_keys
from surehand.progress import Progress, silent
from surehand.randomness import key_of

from . import _checkpoint as checkpoints
from ._batch_statistics import ENOUGH_BATCHES, lagging, settle
from ._batches import Batch, augmented
from ._early_stopping import Stopping, observe, reason_to_stop
from ._growing import check_growing, reduced, side_at
from ._optimizers import OPTIMIZERS
from ._order import batches, shard
from ._probe import Choice, laid_out, probe
from ._result import Epoch, TrainResult
from ._schedule import SCHEDULES, Moment
from ._settings import Settings
from ._start import beyond_settings, keep_of_start, start_from
from ._sync_batch_norm import synchronise

CHECKPOINT = "checkpoint.safetensors"
METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Step:
    """Where training is, after a step.

    Attributes:
        epoch: from 1, of at most `epochs`.
        done: training images seen in this epoch, of `total`.
        images_per_second: over this epoch so far.
        seconds_left: in this epoch.
        accuracy: of the last validation, in [0, 1]; None before the first.
    """

    epoch: int
    epochs: int
    done: int
    total: int
    images_per_second: float
    seconds_left: float
    accuracy: float | None


OnChoice = Callable[[Choice], None]
OnStep = Callable[[Step], None]
OnEpoch = Callable[[Epoch], None]


@dataclass
class _State:
    """What changes while training, apart from the tensors.

    Attributes:
        step, seen, loss_sum: steps, images and their losses of the epoch that runs.
        seconds: spent so far, of them `before_steps` before the first step.
        rendering: the most seconds that an epoch waited for its letters.
        rate: images a second.
        learning_rate: of the last step.
    """

    epoch: int = 0
    step: int = 0
    seen: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    before_steps: float = 0.0
    rendering: float = 0.0
    rate: float = 0.0
    learning_rate: float = 0.0
    stopping: Stopping = field(default_factory=Stopping)
    history: list[Epoch] = field(default_factory=list)
    stopped_because: str | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "_State":
        stopping, history = Stopping(**values["stopping"]), [Epoch(**epoch) for epoch in values["history"]]
        return cls(**{**values, "stopping": stopping, "history": history})


def train(
    architecture: str,
    images: Samples,
    validation: Samples,
    settings: Settings,
    *,
    folder: Path | None = None,
    cache: Path | None = None,
    save_every: float = 60.0,
    progress: Progress = silent,
    on_choice: OnChoice = lambda choice: None,
    on_step: OnStep = lambda step: None,
    on_epoch: OnEpoch = lambda epoch: None,
) -> TrainResult:
    """Train one model, or go on with it where `folder` holds a checkpoint of the same run.

    Every random choice is a function of (seed, epoch, sample id), and the checkpoint holds the rest: a run that was
    killed at any step and resumed ends with the same weights, bit for bit, on one device, unless minutes are set.

    Args:
        architecture: a name in `surehand.models.ARCHITECTURES`.
        images: to train on.
        validation: decides when to stop and which weights are kept; never trained on.
        settings: how.
        folder: for `checkpoint.safetensors` and `metrics.jsonl`; None keeps nothing.
        cache: where rendered letters are kept while they are trained on; see `surehand.data.cache_folder`.
        progress: told while letters are rendered.
        save_every: seconds between checkpoints within an epoch; 0 saves after every step.
        on_choice: called once, with how the model will be run; not when several devices share the batches.
        on_step: called after each step.
        on_epoch: called after each epoch; when resuming, first for the epochs already done.

    Raises:
        UsageError: the two sets differ in classes or size, or settings that these images or this machine do not allow.
        DataError: no images, or files that cannot be written.
        ConfigurationError: the checkpoint in `folder` belongs to another run, or `settings.start` cannot be used.
        MissingPartError: a network of the zoo, and transformers is not installed.
        SurehandError: a process that renders or trains was killed.
        KeyboardInterrupt: after Ctrl-C, once the checkpoint is saved.
    """
    if not len(images) or not len(validation):
        raise DataError("Training needs images to train on and images to validate with; one of the two sets is empty.")
    if (images.classes, images.pixels.shape[1:]) != (validation.classes, validation.pixels.shape[1:]):
        raise UsageError("Training and validation images must have the same classes, in the same order, and one size.")
    if settings.devices > 1:
        from ._devices import train_on_devices

        return train_on_devices(
            *(architecture, images, validation, settings, folder, cache_folder(cache)),
            *(save_every, on_step, on_epoch, progress),
        )
    fabric = Fabric(accelerator="cpu", devices=1)
    return train_here(
        *(fabric, architecture, images, validation, settings, folder, cache_folder(cache)),
        *(save_every, on_step, on_epoch, on_choice, progress),
    )


def train_here(
    fabric: Fabric,
    architecture: str,
    images: Samples,
    validation: Samples,
    settings: Settings,
    folder: Path | None,
    cache: Path,
    save_every: float,
    on_step: OnStep,
    on_epoch: OnEpoch,
    on_choice: OnChoice = lambda choice: None,
    progress: Progress = silent,
) -> TrainResult:
    """`train` as one of `fabric.world_size` devices, all of which make this call."""
    run = _Run(fabric, architecture, images, validation, settings, folder, cache, progress)
    on_choice(run.choice)
    run.write_metrics()
    for epoch in run.state.history:
        on_epoch(epoch)
    with _interruption() as interrupted:
        while run.state.stopped_because is None:
            run.train_epoch(save_every, on_step, interrupted)
            run.finish_epoch()
            on_epoch(run.state.history[-1])
            if run.any_device(interrupted()):
                raise KeyboardInterrupt
    if run.letters is not None and fabric.is_global_zero:
        run.letters.discard()
    return run.result()


class _Run:
    """A model in training: what stands in a checkpoint, and how to take it one epoch further."""

    def __init__(
        self,
        fabric: Fabric,
        architecture: str,
        images: Samples,
        validation: Samples,
        settings: Settings,
        folder: Path | None,
        cache: Path,
        progress: Progress,
    ) -> None:
        self.fabric, self.validation, self.settings, self.folder = fabric, validation, settings, folder
        self.architecture, self.given, self.progress = architecture, images, progress
        size = images.pixels.shape[1]
        beyond = beyond_settings(architecture, len(images.classes), size, settings)
        self.identity = _identity(architecture, images, validation, settings, beyond)
        self.letters: LetterStream | None = None
        if settings.fresh:
            # A run that starts from trained weights sees other letters than those they were trained on.
            seed = key_of(settings.seed, "fresh letters", str(beyond["start"])) % 2**31
            self.letters = LetterStream(
                images.classes, size, settings.fresh, settings.stay, seed, settings.scenes, cache, self.identity[:16]
            )
        saved = self._saved()
        model = build(architecture, len(images.classes), size, seed=settings.seed)
        if settings.start and not saved:
            start_from(settings.start, model, architecture, images.classes)
        if settings.grow:
            check_growing(model, architecture, len(images.classes), size)
        self.choice = Choice(**saved.progress["choice"]) if saved else _choose(fabric, model, size, settings)
        self.model = laid_out(model, self.choice.layout)
        self.state = _State.from_dict(saved.progress["state"]) if saved else _State()
        self.images = images
        self.best = dict(saved.best) if saved else {}
        if saved:
            self.model.load_state_dict(saved.weights)
        if fabric.world_size > 1:
            synchronise(self.model)
        self.optimizer = OPTIMIZERS[settings.optimizer](self.model, settings.learning_rate, settings.weight_decay)
        self.forward, self._fabric_optimizer = fabric.setup(self.model, self.optimizer)
        if saved:
            checkpoints.unflatten(self.optimizer, saved.optimizer)

    def train_epoch(self, save_every: float, on_step: OnStep, interrupted: Callable[[], bool]) -> None:
        """Take the steps of this epoch that are left."""
        state, settings, world = self.state, self.settings, self.fabric.world_size
        begun = monotonic()
        self.images = self._images(interrupted)
        # All devices go by one clock.
        rendering = self._mean_over_devices(monotonic() - begun)
        state.seconds += rendering
        if state.step == 0:  # resumed, it finds them in the cache
            state.rendering = max(state.rendering, rendering)
        if (state.epoch, state.step) == (0, 0):
            state.before_steps = state.seconds
            if not self._seconds_left():
                raise UsageError(
                    f"{settings.minutes:g} minutes are over before the first step: the first letters took "
                    f"{rendering:.0f} s. Give more minutes, or fewer fresh letters."
                )
        plan = batches(len(self.images), settings.batch, seed=settings.seed, epoch=state.epoch)
        mine = [shard(positions, self.fabric.global_rank, world) for positions in plan[state.step :]]
        seen_before, seconds_before, started = state.seen, state.seconds, monotonic()
        last_save = started
        self.forward.train()
        stream = augmented(self.images, mine, settings.augmentation, seed=settings.seed, epoch=state.epoch)
        for batch in stream:
            global_size = len(plan[state.step])
            done = self._share_done((state.epoch + state.step / len(plan)) / settings.epochs)
            self._set_learning_rate(done)
            with self._precision(), sample_keys(self.model, batch.keys):
                logits = self.forward(reduced(batch.images, side_at(done, settings.grow, batch.images.shape[3])))
            losses = F.cross_entropy(
                logits.float(), batch.labels, label_smoothing=settings.label_smoothing, reduction="sum"
            )
            self._fabric_optimizer.zero_grad()
            # Gradients are averaged over devices: times `world`, so that they become those of the global mean.
            self.fabric.backward(losses * (world / global_size))
            self._fabric_optimizer.step()
            now = monotonic()
            loss, stop, seconds = self._sum_over_devices(losses.item(), float(interrupted()), now - started)
            state.step, state.loss_sum, state.seen = state.step + 1, state.loss_sum + loss, state.seen + global_size
            state.seconds = seconds_before + seconds / world
            state.rate = (state.seen - seen_before) / max(now - started, 1e-9)
            state.learning_rate = self.optimizer.param_groups[0]["lr"]
            accuracy = state.history[-1].validation_accuracy if state.history else None
            left = min((len(self.images) - state.seen) / state.rate, self._seconds_left())
            on_step(Step(state.epoch + 1, settings.epochs, state.seen, len(self.images), state.rate, left, accuracy))
            if stop or now - last_save >= save_every:
                self.save()
                last_save = now
            if stop:
                raise KeyboardInterrupt
            if not self._seconds_left():
                break

    def _images(self, interrupted: Callable[[], bool]) -> Samples:
        """What this epoch trains on: the images given, and letters rendered for it."""
        if self.letters is None:
            return self.given

        def rendered(done: int, total: int, text: str = "") -> None:
            self.progress(done, total, text)
            if interrupted():  # the epoch before is saved
                raise KeyboardInterrupt

        epoch, letters, stopped = self.state.epoch, None, False
        if self.fabric.is_global_zero:
            try:
                letters = self.letters.epoch(epoch, rendered)
            except KeyboardInterrupt:
                stopped = True
        # The other devices wait here until there are letters, which they find in the cache.
        if self.any_device(stopped):
            raise KeyboardInterrupt
        return joined([self.given, letters or self.letters.epoch(epoch)])

    def finish_epoch(self) -> None:
        """Validate, keep the best weights, decide whether to go on, save."""
        state, started = self.state, monotonic()
        self._settle()
        loss, accuracy = self._validate()
        state.seconds += self._mean_over_devices(monotonic() - started)
        state.stopping = observe(state.stopping, loss, state.epoch + 1, self.settings.min_delta)
        state.epoch += 1
        if state.stopping.best_epoch == state.epoch:
            self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        spent = state.seconds - sum(epoch.seconds for epoch in state.history)
        mean_loss = state.loss_sum / state.seen
        state.history.append(Epoch(state.epoch, mean_loss, loss, accuracy, state.learning_rate, state.rate, spent))
        settings, cut = self.settings, state.seen < len(self.images)
        # Another epoch would begin with rendering, too.
        over = cut or (state.epoch < settings.epochs and self._seconds_left() <= state.rendering)
        state.step, state.seen, state.loss_sum = 0, 0, 0.0
        state.stopped_because = reason_to_stop(
            state.stopping, loss, state.epoch, settings.epochs, settings.patience, settings.minutes if over else None
        )
        self.save()
        self.write_metrics()

    def save(self) -> None:
        """Write the checkpoint, from one device."""
        if self.folder is None or not self.fabric.is_global_zero:
            return
        for left in self.folder.glob(f".{CHECKPOINT}.*"):  # by a run that was killed while it saved
            left.unlink(missing_ok=True)
        progress = {"identity": self.identity, "choice": self.choice.to_dict(), "state": asdict(self.state)}
        tensors = self.model.state_dict(), self.best, checkpoints.flatten(self.optimizer)
        checkpoints.write(checkpoints.Checkpoint(*tensors, progress), self.folder / CHECKPOINT)

    def write_metrics(self) -> None:
        """Write the history as lines of JSON: whole, so that a resumed run leaves no line twice."""
        if self.folder is not None and self.fabric.is_global_zero:
            lines = [json.dumps(finite(epoch.to_dict())) + "\n" for epoch in self.state.history]
            write_whole(self.folder / METRICS, "".join(lines).encode())

    def result(self) -> TrainResult:
        """The model with its best weights, less what is kept of the first ones."""
        state, settings = self.state, self.settings
        self.model.load_state_dict(self.best or self.model.state_dict())
        keep_of_start(self.model, self.architecture, self.given, settings)
        return TrainResult(
            self.model.eval(),
            tuple(state.history),
            state.stopping.best_epoch,
            state.stopped_because or "",
            state.seconds,
            settings,
            self.choice,
        )

    def _settle(self) -> None:
        """Where running statistics lag behind the weights, measure them anew on some batches of this epoch."""
        settings, epoch = self.settings, self.state.epoch
        plan = batches(len(self.images), settings.batch, seed=settings.seed, epoch=epoch)
        if not lagging(self.model, self.state.step):
            return
        mine = [shard(p, self.fabric.global_rank, self.fabric.world_size) for p in plan[:ENOUGH_BATCHES]]
        stream = augmented(self.images, mine, settings.augmentation, seed=settings.seed, epoch=epoch)

        def forward(batch: Batch) -> None:
            with self._precision(), sample_keys(self.model, batch.keys):
                self.model(batch.images)

        settle(self.model, stream, forward)

    def _validate(self) -> tuple[float, float]:
        """Mean cross-entropy and accuracy over the validation images, each counted once, whoever computes it."""
        self.forward.eval()
        n, totals = len(self.validation), torch.zeros(2, dtype=torch.float64)
        mine = shard(np.arange(n), self.fabric.global_rank, self.fabric.world_size)
        with torch.inference_mode(), self._precision():
            for positions in np.array_split(mine, max(1, -(-len(mine) // self.settings.batch))):
                logits = self.model(self.validation.images(positions)).float()
                labels = torch.from_numpy(self.validation.labels[positions])
                totals[0] += F.cross_entropy(logits, labels, reduction="sum")
                totals[1] += (logits.argmax(1) == labels).sum()
        loss, correct = self._sum_over_devices(*totals.tolist())
        return loss / n, correct / n

    def _seconds_left(self) -> float:
        """Of the minutes there are, at least 0; infinite where there is no such limit."""
        return max(60 * self.settings.minutes - self.state.seconds, 0.0) if self.settings.minutes else inf

    def _share_done(self, of_epochs: float) -> float:
        """The share of the epochs that is done, or of the time since the first step, if that is larger."""
        left = self._seconds_left()
        if left == inf:
            return of_epochs
        return max(of_epochs, 1 - left / (60 * self.settings.minutes - self.state.before_steps))

    def _set_learning_rate(self, done: float) -> None:
        factor = SCHEDULES[self.settings.schedule](Moment(done, self.state.stopping.plateaus))
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.fabric.device.type, torch.bfloat16, enabled=self.choice.precision == "bfloat16")

    def any_device(self, here: bool) -> bool:
        """Whether it is so on any device; all of them must ask."""
        return bool(self._sum_over_devices(float(here))[0])

    def _mean_over_devices(self, value: float) -> float:
        return self._sum_over_devices(value)[0] / self.fabric.world_size

    def _sum_over_devices(self, *values: float) -> list[float]:
        if self.fabric.world_size == 1:
            return list(values)
        total = self.fabric.all_reduce(torch.tensor(values, dtype=torch.float64), reduce_op="sum")
        return list(map(float, total))

    def _saved(self) -> checkpoints.Checkpoint | None:
        if self.folder is None or not (self.folder / CHECKPOINT).exists():
            return None
        saved = checkpoints.read(self.folder / CHECKPOINT)
        if saved.progress["identity"] != self.identity:
            path = self.folder / CHECKPOINT
            raise ConfigurationError(
                f"{path} belongs to a run with other images or settings, or of another version. "
                "Delete it to start again."
            )
        return saved


def _choose(fabric: Fabric, model: nn.Module, size: int, settings: Settings) -> Choice:
    if fabric.world_size == 1:
        return probe(model, size, settings.batch, settings.precision)
    # Every device must choose alike, and probes that run side by side disturb each other.
    return Choice("float32" if settings.precision == "auto" else settings.precision, "channels_last", {})


def _identity(
    architecture: str, images: Samples, validation: Samples, settings: Settings, beyond: dict[str, Any]
) -> str:
    """Names a run by all that decides its result; the number of devices does not, but for how far minutes reach."""
    values = {**settings.to_dict(), "devices": None, "start": None, **beyond}
    digest = hashlib.sha256(json.dumps([architecture, images.classes, values], sort_keys=True).encode())
    for samples in (images, validation):
        digest.update(samples.ids.tobytes() + samples.labels.tobytes() + str(samples.pixels.shape[1:]).encode())
    return digest.hexdigest()


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Ask whether Ctrl-C was pressed, so that a run ends between two steps; pressed again, it ends at once."""
    pressed = False

    def note(number: int, frame: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, previous)

    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
        yield lambda: False
        return
    previous = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, previous)
