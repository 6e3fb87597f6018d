"""What the choices in surehand.models cost and save, each against the usual way, in turns on one thread.

python -m benchmarks.models.bench_models [--runs 7]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks._conditions import conditions
from surehand.models import Classifier, Darknet53, Dropout, build, load, sample_keys, save
from surehand.models._conv2d import Conv2d

CLASSES, SIZE, BATCH = 29, 64, 128


class UsualOrder(nn.Module):
    """A block as it is usually written: normalisation and ReLU before the maximum, on four times the values."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.convolution, self.norm = block.convolution, block.norm

    def forward(self, features: Tensor) -> Tensor:
        """Features to features of half the height and width."""
        return F.max_pool2d(F.relu(self.norm(self.convolution(features))), 2)


def training_step(model: nn.Module, kernel_dtype: torch.dtype) -> Callable[[], object]:
    """Forward and backward of one batch, channels last."""
    model = model.to(memory_format=torch.channels_last)
    images = torch.rand(BATCH, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    labels, keys = torch.arange(BATCH) % CLASSES, torch.arange(BATCH)

    def step() -> None:
        with sample_keys(model, keys), torch.autocast("cpu", kernel_dtype, enabled=kernel_dtype != torch.float32):
            loss = F.cross_entropy(model(images), labels)
        torch.autograd.grad(loss, list(model.parameters()))

    return step


def with_usual_order() -> nn.Module:
    model = build("cnn", CLASSES, SIZE)
    model.blocks = nn.Sequential(*(UsualOrder(block) for block in model.blocks))
    return model


def with_torchs_convolutions(model: nn.Module) -> nn.Module:
    """A model whose convolutions of small maps are PyTorch's in training, too."""
    for module in model.modules():
        if isinstance(module, Conv2d):
            module.__class__ = nn.Conv2d
    return model


def rows(folder: Path) -> dict[str, tuple[Callable[[], object], str, Callable[[], object]]]:
    """What is compared: ours, the name of the peer, the peer."""
    features, keys, dropout = torch.rand(BATCH, 4096), torch.arange(BATCH), Dropout(0.5)

    def sample_dropout() -> None:
        with sample_keys(dropout, keys):
            dropout(features)

    darknet = build("darknet53", CLASSES, SIZE).eval()
    classifier = Classifier(darknet, "darknet53", tuple(map(str, range(CLASSES))), SIZE)
    ours, peer = folder / "darknet53.safetensors", folder / "darknet53.pt"
    save(classifier, ours)
    torch.save(darknet.state_dict(), peer)

    def usual_load() -> None:
        Darknet53(CLASSES).load_state_dict(torch.load(peer, weights_only=True))

    maps = torch.rand(BATCH, 64, 8, 8)
    channels_last = maps.contiguous(memory_format=torch.channels_last)
    return (
        {
            f"cnn step {dtype}".replace("torch.", ""): (
                training_step(build("cnn", CLASSES, SIZE), dtype),
                "norm and ReLU before the pool",
                training_step(with_usual_order(), dtype),
            )
            for dtype in (torch.float32, torch.bfloat16)
        }
        | {
            f"darknet53 step {dtype}".replace("torch.", ""): (
                training_step(build("darknet53", CLASSES, SIZE), dtype),
                "torch's convolutions",
                training_step(with_torchs_convolutions(build("darknet53", CLASSES, SIZE)), dtype),
            )
            for dtype in (torch.float32, torch.bfloat16)
        }
        | {
            "dropout 128 x 4096": (sample_dropout, "torch's dropout", lambda: F.dropout(features, 0.5)),
            "flatten channels last": (
                lambda: channels_last.flatten(1).clone(),
                "copy of contiguous",
                lambda: maps.clone(),
            ),
            "load darknet53": (lambda: load(ours), "construct, torch.load", usual_load),
            "save darknet53, synced": (lambda: save(classifier, ours), "torch.save", lambda: torch.save(darknet, peer)),
        }
    )


def milliseconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    print(conditions())
    print(f"n = {runs}, in turns after one warm-up")
    print(f"{'what':24}{'ours ms':>10}{'spread':>18}{'peer ms':>10}{'spread':>18}{'ratio':>7}  peer")
    with tempfile.TemporaryDirectory() as folder:
        for what, (ours, name, peer) in rows(Path(folder)).items():
            ours(), peer()
            pairs = [(milliseconds(ours), milliseconds(peer)) for _ in range(runs)]
            columns = ""
            for times in zip(*pairs, strict=True):
                columns += f"{statistics.median(times):10.2f}{f'[{min(times):.2f} {max(times):.2f}]':>18}"
            ratio = statistics.median(theirs / mine for mine, theirs in pairs)
            print(f"{what:24}{columns}{ratio:6.2f}x  {name}")


if __name__ == "__main__":
    main()
