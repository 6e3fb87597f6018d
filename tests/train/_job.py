"""A training run in a process of its own, to be killed: `python _job.py FOLDER`."""

import sys
from pathlib import Path

import numpy as np
import torch

from surehand.data import Samples
from surehand.randomness import generator
from surehand.train import Choice, Settings, _loop, train


def noise(n: int, seed: int) -> Samples:
    draw = generator(seed, "noise")
    labels = np.arange(n, dtype=np.int64) % 3
    pixels = draw.integers(0, 128, (n, 16, 16, 3), dtype=np.uint8) + (40 * labels).astype(np.uint8)[:, None, None, None]
    ids = draw.integers(0, 2**63, n, dtype=np.uint64)
    return Samples(pixels, np.arange(n, dtype=np.int64), labels, ids, tuple(map(str, range(n))), ("x", "y", "z"))


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    # Runs are compared: what a probe finds fastest may differ between them.
    _loop.probe = lambda *_: Choice("bfloat16", "channels_last", {})
    settings = Settings(epochs=3, batch=16, optimizer="muon", precision="bfloat16", schedule="plateau", patience=2)
    result = train("cnn", noise(150, 0), noise(50, 1), settings, folder=folder, save_every=0)
    torch.save(result.model.state_dict(), folder / "final.pt")
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
