"""One training run shared by several processes of this machine, each a device of the same Fabric."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric import Fabric

from surehand import errors
from surehand.data import Samples
from surehand.errors import DataError, SurehandError
from surehand.models import build
from surehand.processors import cores
from surehand.progress import Progress

from . import _checkpoint as checkpoints
from ._loop import CHECKPOINT, OnEpoch, OnStep, Step, _State, train_here
from ._probe import Choice
from ._result import Epoch, TrainResult
from ._settings import Settings
from ._start import keep_of_start


def train_on_devices(
    architecture: str,
    images: Samples,
    validation: Samples,
    settings: Settings,
    folder: Path | None,
    cache: Path,
    save_every: float,
    on_step: OnStep,
    on_epoch: OnEpoch,
    progress: Progress,
) -> TrainResult:
    """`train`, by `settings.devices` processes over gloo; the same order, augmentation and, to rounding, weights.

    But for the reader where a device has fewer than two images of a batch for one of its trunks: there both see all.

    Raises:
        SurehandError: what `train` raises, or a device ended without a word.
    """
    with tempfile.TemporaryDirectory(prefix="surehand-devices-") as temporary:
        job = Path(temporary)
        home = folder or job
        values = {
            "architecture": architecture,
            "settings": settings.to_dict(),
            "folder": str(home),
            "cache": str(cache.absolute()),
            "save_every": save_every,
        }
        try:
            (job / "job.json").write_text(json.dumps(values))
            for name, samples in (("images", images), ("validation", validation)):
                _hand_over(samples, job / name)
        except OSError as error:
            raise DataError(
                f"What {settings.devices} devices share could not be written to {job.parent}: "
                f"{error.strerror or error}. Free some space, name another place by the environment variable TMPDIR, "
                "or give one device."
            ) from error
        _run_processes(job, settings.devices, on_step, on_epoch, progress)
        return _result(home, architecture, images, settings)


def _run_processes(job: Path, devices: int, on_step: OnStep, on_epoch: OnEpoch, progress: Progress) -> None:
    """Start the processes, pass on what the first one tells, wait for all.

    When one fails, the others fail with it in the middle of what they do together; so what they all have to say of it
    goes to files, and is shown where the first one could not tell the reason.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = [job / f"device{rank}.txt" for rank in range(devices)]
    processes: list[subprocess.Popen[str]] = []
    try:
        for rank in range(devices):
            with told[rank].open("wb") as said:
                process = subprocess.Popen(
                    [sys.executable, "-m", "surehand.train._devices", str(job)],
                    env={**os.environ, **_environment(rank, devices, port)},
                    stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL,
                    stderr=said,
                    text=True,
                    start_new_session=True,  # a terminal's Ctrl-C reaches us alone, and we pass it on once
                )
            processes.append(process)
        for line in processes[0].stdout or ():
            kind, values = json.loads(line)
            if kind == "step":
                on_step(Step(**values))
            elif kind == "render":
                progress(*values)
            elif kind == "error":
                raise getattr(errors, values[0])(values[1])
            else:
                on_epoch(Epoch(**values))
        codes = [process.wait() for process in processes]
    except KeyboardInterrupt:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:  # they save first
            process.wait()
        raise
    finally:
        for process in processes:
            process.kill()
            process.wait()
        if processes and processes[0].stdout:
            processes[0].stdout.close()
    if any(code == 130 for code in codes):
        raise KeyboardInterrupt
    if any(codes):
        words = "\n".join(text for path in told if (text := path.read_text(errors="replace").strip()))
        raise SurehandError(f"Training on {devices} devices ended with exit codes {codes}:\n{words}")


def _environment(rank: int, devices: int, port: int) -> dict[str, str]:
    """What tells Fabric, and the libraries below it, which device a process is."""
    threads = max(1, cores() // devices)
    return {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(devices),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "NODE_RANK": "0",
        # Nothing leaves the machine, and gloo need not look up the machine's name.
        "GLOO_SOCKET_IFNAME": "lo" if sys.platform.startswith("linux") else "lo0",
        "OMP_NUM_THREADS": str(threads),
    }


def _hand_over(samples: Samples, path: Path) -> None:
    """Write what another process needs to make the same samples; pixels on disk already are not written again."""
    pixels, rows = samples.pixels, samples.rows
    if not isinstance(pixels, np.ndarray):  # joined from several
        everything = np.arange(len(samples))
        pixels, rows = samples.pixels_of(everything), everything
    source = _whole_npy(pixels)
    if source is None:
        source = path.with_suffix(".npy")
        np.save(source, pixels)
    np.savez(path.with_suffix(".npz"), rows=rows, labels=samples.labels, ids=samples.ids)
    names = {"pixels": str(source), "paths": samples.paths, "classes": samples.classes}
    path.with_suffix(".json").write_text(json.dumps(names))


def _whole_npy(pixels: np.ndarray) -> Path | None:
    """The .npy file that an array is the memory map of, or None where it is something else or only a part."""
    if not isinstance(pixels, np.memmap) or not str(pixels.filename).endswith(".npy"):
        return None
    whole = np.load(str(pixels.filename), mmap_mode="r")
    same = (whole.offset, whole.shape) == (pixels.offset, pixels.shape)
    return Path(str(pixels.filename)) if same else None


def _take_over(path: Path) -> Samples:
    names: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    arrays = np.load(path.with_suffix(".npz"))
    pixels = np.load(names["pixels"], mmap_mode="r")
    return Samples(
        pixels, arrays["rows"], arrays["labels"], arrays["ids"], tuple(names["paths"]), tuple(names["classes"])
    )


def _result(folder: Path, architecture: str, images: Samples, settings: Settings) -> TrainResult:
    saved = checkpoints.read(folder / CHECKPOINT)
    state, choice = _State.from_dict(saved.progress["state"]), Choice(**saved.progress["choice"])
    model = build(architecture, len(images.classes), images.pixels.shape[1], seed=settings.seed)
    model.load_state_dict(saved.best or saved.weights)
    keep_of_start(model, architecture, images, settings)
    reason = state.stopped_because or ""
    return TrainResult(
        model.eval(), tuple(state.history), state.stopping.best_epoch, reason, state.seconds, settings, choice
    )


def _work(job: Path) -> None:
    """Be one of the processes."""
    values = json.loads((job / "job.json").read_text())
    settings = Settings.from_dict(values["settings"])
    fabric = Fabric(accelerator="cpu", devices=settings.devices, strategy="ddp")
    fabric.launch()

    def tell(kind: str, value: Any) -> None:
        if fabric.is_global_zero:
            print(json.dumps([kind, value]), flush=True)

    try:
        train_here(
            fabric,
            values["architecture"],
            _take_over(job / "images"),
            _take_over(job / "validation"),
            settings,
            Path(values["folder"]),
            Path(values["cache"]),
            values["save_every"],
            lambda step: tell("step", vars(step)),
            lambda epoch: tell("epoch", epoch.to_dict()),
            progress=lambda *rendered: tell("render", rendered),
        )
    finally:
        import torch.distributed as dist

        dist.destroy_process_group()


if __name__ == "__main__":
    try:
        _work(Path(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
    except SurehandError as error:
        if os.environ["RANK"] == "0":
            print(json.dumps(["error", [type(error).__name__, str(error)]]), flush=True)
        sys.exit(error.exit_code)
