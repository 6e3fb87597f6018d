"""Teach the reader of the package on an accelerator, from rendered letters that are made while it learns.

    python tools/reader/teach.py OUT --start reader --branches 1 1.7 1,1.7:0.3 --seconds 58
    python tools/reader/teach.py OUT --start reader --branches 1 1.7 --seconds 58 --photographs DIR DIR

A branch is FREEDOM[,FREEDOM...][:POSING]: each goes on from the start, with letters whose joints stray so many times
as far as the renderer's own law has them, and, with POSING, also learns to guess the joints' angles, which counts so
much. Written to OUT: the end of each branch; reader.safetensors, the mean of the weights of the start and of all ends
(Wortsman et al., "Model soups", ICML 2022); and, with photographs, mixed.safetensors, which goes on from the mean of
the ends. Seconds are of learning, for each branch; compiling and the first letters take about half a minute more. A
slot of letters is rendered before every step, if the processes have filled one. What is learned in a minute depends on
the machine, so another run ends with other weights. Needs a CUDA build of torch, and numba-cuda.
"""

import argparse
import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from batches import DEVICE, Batch, Batches, Letters, Photographs, shuffled
from muon_at_once import MuonAtOnce
from scenes import HANDS, POSE, SceneFeed
from torch import Tensor, nn
from torch.nn import functional as F

import surehand
from surehand.alphabet import CLASSES
from surehand.data import Augmentation, augment
from surehand.models import Classifier, build, find_classifier, load, save
from surehand.models._reader import TRAINING_SIZE as SIZE
from surehand.processors import cores
from surehand.render import RENDERER
from surehand.train import RECIPES
from surehand.train._batch_statistics import ENOUGH_BATCHES, settle
from surehand.train._optimizers import muon

# Pixels a side of the images that the reader is given afterwards, out of which it looks closer.
SIZE_IN_USE = 160
SEED = 30_000_000
BATCH = 2048
RATE, HEAD_RATE = 1e-2, 3e-3
LABEL_SMOOTHING, WEIGHT_DECAY, DROPOUT = 0.05, 0.05, 0.2
WARM_UP = 0.02  # of the time
TELL_EVERY = 15.0  # seconds
LETTERS_ALONE = "letters rendered by surehand; no photograph"

State = dict[str, Tensor]


@dataclass(frozen=True)
class Branch:
    """One training from the start.

    Attributes:
        freedoms: of the letters it draws, in equal parts: how many times as far as usual joints stray; hands are turned
            further with it.
        posing: the weight of the mean squared error of guessed poses beside the cross-entropy.
    """

    freedoms: tuple[float, ...]
    posing: float = 0.0

    @classmethod
    def of(cls, text: str) -> "Branch":
        """Read ``FREEDOM[,FREEDOM...][:POSING]``.

        Raises:
            ArgumentTypeError: not of this form, a freedom that is not above 0, or a weight below 0.

        >>> Branch.of("1,1.7:0.3")
        Branch(freedoms=(1.0, 1.7), posing=0.3)
        """
        freedoms, _, posing = text.partition(":")
        try:
            branch = cls(tuple(float(freedom) for freedom in freedoms.split(",")), float(posing or 0))
        except ValueError:
            branch = cls(())
        if not branch.freedoms or not min(branch.freedoms) > 0 or not branch.posing >= 0:
            raise argparse.ArgumentTypeError(
                f"a branch is freedoms above 0 and at most one weight from 0 on, as in 1,1.7:0.3; got {text!r}"
            )
        return branch


class Pupil(nn.Module):
    """The reader while it learns, with a head on either trunk that guesses poses and is thrown away afterwards."""

    def __init__(self, start: State) -> None:
        super().__init__()
        self.reader: Any = build("reader", len(CLASSES), SIZE)
        self.reader.load_state_dict(start)
        self.heads = nn.ModuleList(nn.Linear(t.width, POSE) for t in (self.reader.plain, self.reader.residual))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits as `Reader.forward` gives them in training, and poses (n, POSE).

        Each image teaches one trunk, here the first half of a batch the plain one. The images of a batch are in no
        order, so that places are as good as the coins of `Reader`.
        """
        reader, half = self.reader, len(images) // 2
        width, output = reader.plain.width, reader.output
        with torch.autocast(DEVICE, torch.bfloat16):
            pixels = reader.normalise(images)
            plain, residual = reader.plain(pixels[:half]), reader.residual(pixels[half:])
            poses = torch.cat((self.heads[0](plain), self.heads[1](residual)))
            first = F.linear(F.dropout(plain, DROPOUT), output.weight[:, :width], output.bias)
            second = F.linear(F.dropout(residual, DROPOUT), output.weight[:, width:], output.bias)
        return torch.cat((first, second)).float(), poses.float()


def learn(
    pupil: Pupil,
    batches: Batches,
    letters: Letters,
    *,
    seconds: float,
    posing: float,
    augmentation: Augmentation,
    first: int,
) -> str:
    """Muon for so many seconds, at a rate that rises for a moment and falls along a cosine to nothing.

    Letters are rendered between steps. The heads learn at a rate of their own, which stays.

    Args:
        pupil: is taught, in place.
        batches: give what it learns from.
        letters: grow.
        seconds: of learning.
        posing: see `Branch`.
        augmentation: of all images.
        first: number of the first step, by which augmentation is drawn.

    Returns:
        What was done, in a sentence.
    """
    optimizer = MuonAtOnce(muon(pupil.reader, RATE, WEIGHT_DECAY).param_groups)
    head_optimizer = torch.optim.AdamW(pupil.heads.parameters(), lr=HEAD_RATE)
    pupil.train()
    begun, made, step = time.monotonic(), sum(letters.made.values()), 0
    told, since, sums = begun, 0, torch.zeros(3, device=DEVICE)
    while (done := (time.monotonic() - begun) / seconds) < 1:
        letters.grow()
        factor = min(done / WARM_UP, 1.0) * 0.5 * (1 + math.cos(math.pi * done))
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        images, labels, poses = _augmented(batches(BATCH), augmentation, first + step)
        logits, guesses = pupil(images)
        loss = F.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
        known = ~poses.isnan()
        error = ((guesses - poses.nan_to_num()).square() * known).sum() / known.sum()
        optimizer.zero_grad()
        head_optimizer.zero_grad()
        (loss + posing * error).backward()
        optimizer.step()
        if posing > 0:
            head_optimizer.step()
        sums += torch.stack([loss.detach(), (logits.argmax(1) == labels).float().mean(), error.detach()])
        step, since = step + 1, since + 1
        if step % 8 == 0:
            torch.cuda.synchronize()  # time is measured here, and the accelerator must not lag behind
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            mean_loss, accuracy, mean_error = (sums / since).tolist()
            rendered = sum(letters.made.values()) - made
            print(
                f"{told - begun:4.0f} s  {step * BATCH / (told - begun):6.0f} images/s  "
                f"{rendered / (told - begun):5.0f} letters/s  loss {mean_loss:.3f}  accuracy {100 * accuracy:.2f} %  "
                f"poses {mean_error:.3f}",
                flush=True,
            )
            since, sums = 0, torch.zeros(3, device=DEVICE)
    settle(
        pupil,
        range(ENOUGH_BATCHES),
        lambda i: pupil(_augmented(batches(BATCH), augmentation, first + step + i)[0]),
    )
    rendered = sum(letters.made.values()) - made
    return f"{seconds:.0f} s, {step} steps of {BATCH}, {rendered} letters of all freedoms rendered in that time"


def _augmented(batch: Batch, augmentation: Augmentation, step: int) -> tuple[Tensor, Tensor, Tensor]:
    ids = np.arange(step * BATCH, step * BATCH + len(batch.labels), dtype=np.uint64)
    return augment(batch.pixels, ids, seed=SEED, epoch=0, augmentation=augmentation), batch.labels, batch.poses


def mean_of(states: Sequence[State]) -> State:
    """The mean of several weights; what is no float is the first's."""
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in states[0].items()
    }


def write(path: Path, state: State, metadata: dict[str, Any]) -> None:
    """Save a reader, in half precision, with what it learned from."""
    model = build("reader", len(CLASSES), SIZE_IN_USE)
    model.load_state_dict(state)
    metadata = {**metadata, "surehand": surehand.__version__}
    save(Classifier(model, "reader", CLASSES, SIZE_IN_USE, metadata=metadata), path, half=True)
    print(f"{path}: {metadata['trained_by']}", flush=True)


def main() -> None:
    """Teach, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--branches", type=Branch.of, nargs="+", required=True, metavar="FREEDOM[,FREEDOM...][:POSING]")
    parser.add_argument("--seconds", type=float, required=True, help="of each branch")
    parser.add_argument("--start", default="reader", help="a reader that was taught on rendered letters alone")
    parser.add_argument("--photographs", nargs="*", default=[], help="folders of class folders")
    parser.add_argument("--photograph-seconds", type=float, default=45.0)
    arguments = parser.parse_args()
    if torch.cuda.device_count() == 0:
        parser.error(
            "torch finds no CUDA device: a CUDA build of it and numba-cuda are needed. On a processor, use "
            "`surehand train letters:300:any --model reader --recipe letters --size 96`"
        )
    source, digest = load(arguments.start), hashlib.sha256(find_classifier(arguments.start).read_bytes()).hexdigest()
    if source.architecture != "reader" or source.metadata.get("data") != LETTERS_ALONE:
        parser.error(f"{arguments.start} is no reader that was taught on rendered letters alone; name one that is")
    torch.manual_seed(SEED)
    workers = max(1, cores() - 1)
    freedoms = sorted({freedom for branch in arguments.branches for freedom in branch.freedoms})
    feed = SceneFeed(SIZE, SEED, workers, 3 * workers, freedoms)
    start = source.model.state_dict()
    arguments.out.mkdir(parents=True, exist_ok=True)

    photographs = Photographs(arguments.photographs) if arguments.photographs else None
    letters = Letters(feed)
    begun = time.monotonic()
    while min(letters.made.values()) < 12 * HANDS:
        letters.grow(wait=True)
    torch.cuda.synchronize()
    print(f"{sum(letters.made.values())} letters after {time.monotonic() - begun:.1f} s", flush=True)

    def taught(state: State, batches: Batches, number: int, **how: Any) -> tuple[State, str]:
        pupil = Pupil(state).to(DEVICE).to(memory_format=torch.channels_last)
        what = learn(pupil, batches, letters, first=number * 1_000_000, **how)
        return {name: tensor.cpu() for name, tensor in pupil.reader.state_dict().items()}, what

    origin = {"start": digest, "start_metadata": source.metadata, "rate": RATE, "renderer": RENDERER}
    alone = {"data": LETTERS_ALONE, "data_licence": "Apache-2.0", "training": origin}
    ends, told = [], []
    for number, branch in enumerate(arguments.branches, 1):
        batches = partial(letters.some, freedoms=branch.freedoms)
        how = {
            "seconds": arguments.seconds,
            "posing": branch.posing,
            "augmentation": RECIPES["letters"]["augmentation"],
        }
        end, what = taught(start, batches, number, **how)
        ends.append(end)
        told.append(f"{branch}: {what}")
        write(arguments.out / f"branch{number}.safetensors", end, {**alone, "trained_by": f"teach.py, {told[-1]}"})
    metadata = {**alone, "trained_by": f"teach.py, mean of the start and of {len(ends)} branches: {'; '.join(told)}"}
    write(arguments.out / "reader.safetensors", mean_of([start, *ends]), metadata)
    if photographs:

        def half(count: int) -> Batch:
            return shuffled([letters.some(count // 2, freedoms), photographs.some(count // 2)])

        augmentation = RECIPES["letters-and-photographs"]["augmentation"]
        how = {"seconds": arguments.photograph_seconds, "posing": 0.0, "augmentation": augmentation}
        mixed, what = taught(mean_of(ends), half, 50, **how)
        metadata = {
            "data": "rendered letters and photographs",
            "data_licence": "the photographs' own",
            "trained_by": f"teach.py, from the mean of {len(ends)} branches, half of each batch photographs: {what}",
            "training": origin,
        }
        write(arguments.out / "mixed.safetensors", mixed, metadata)
    feed.close()


if __name__ == "__main__":
    main()
