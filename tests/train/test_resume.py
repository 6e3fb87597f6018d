"""A run that is killed at any step and resumed ends with the same weights, bit for bit."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from surehand.errors import ConfigurationError, DataError
from surehand.models import ARCHITECTURES
from surehand.train import Choice, Settings, train
from surehand.train import _checkpoint as checkpoints

JOB = Path(__file__).with_name("_job.py")


def digest(state: dict) -> str:
    sha = hashlib.sha256()
    for name in sorted(state):
        sha.update(name.encode() + state[name].contiguous().numpy().tobytes())
    return sha.hexdigest()


def start(folder: Path) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, str(JOB), str(folder)], stdout=subprocess.PIPE, text=True)


def progress(folder: Path) -> tuple[int, int]:
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return 0, 0
    # safe_open opens a path twice; the run may replace the file in between.
    snapshot = folder.parent / "snapshot.safetensors"
    snapshot.write_bytes(path.read_bytes())
    state = checkpoints.read(snapshot).progress["state"]
    return state["epoch"], state["step"]


def test_killed_with_sigkill_at_random_steps_and_resumed_the_weights_are_the_same(tmp_path):
    whole = start(tmp_path / "whole")
    assert whole.wait(timeout=120) == 0
    broken, kills, seen = tmp_path / "broken", 0, set()
    choose = random.Random(5)
    while True:
        process, before = start(broken), progress(broken)
        # Wait until the run has gone some steps further than where it was resumed, then kill it without warning.
        further = choose.randint(1, 8)
        while process.poll() is None and kills < 3:
            epoch, step = progress(broken)
            if epoch * 10 + step >= before[0] * 10 + before[1] + further:
                process.send_signal(signal.SIGKILL)
                kills += 1
                seen.add(progress(broken))
                break
            time.sleep(0.005)
        if process.wait(timeout=120) == 0:
            break
    assert kills == 3
    assert any(step for _, step in seen), "no kill fell within an epoch"
    final = [torch.load(tmp_path / name / "final.pt", weights_only=True) for name in ("whole", "broken")]
    assert digest(final[0]) == digest(final[1])
    histories = [
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").open()] for name in ("whole", "broken")
    ]
    losses = [[(h["train_loss"], h["validation_loss"], h["learning_rate"]) for h in history] for history in histories]
    assert losses[0] == losses[1]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(epochs=2, batch=32, precision="float32")


def test_ctrl_c_saves_and_the_resumed_run_ends_alike(images, validation, settings, tmp_path, monkeypatch):
    # Runs are compared: what a probe finds fastest may differ between them.
    monkeypatch.setattr("surehand.train._loop.probe", lambda *_: Choice("float32", "channels_last", {}))
    whole, before = train("cnn", images, validation, settings), signal.getsignal(signal.SIGINT)
    (tmp_path / ".checkpoint.safetensors.1a2b3c4d").write_bytes(b"what a run left that was killed while it saved")

    def press(step):
        if (step.epoch, step.done) == (2, 49):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train("cnn", images, validation, settings, folder=tmp_path, on_step=press)
    assert progress(tmp_path)[0] == 1
    assert progress(tmp_path)[1] > 0
    resumed = train("cnn", images, validation, settings, folder=tmp_path)
    assert digest(whole.model.state_dict()) == digest(resumed.model.state_dict())
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.safetensors", "metrics.jsonl"}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_stopped_at_the_last_step_of_an_epoch_tells_that_epoch_s_rate_and_speed(
    images, validation, settings, tmp_path
):
    whole = train("cnn", images, validation, settings)

    def press(step):  # in the last step but one, so that the last one saves and stops
        if (step.epoch, step.done) == (1, 73):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train("cnn", images, validation, settings, folder=tmp_path, on_step=press)
    assert progress(tmp_path) == (0, 4)
    resumed = train("cnn", images, validation, settings, folder=tmp_path)
    assert [e.learning_rate for e in resumed.history] == [e.learning_rate for e in whole.history]
    assert all(epoch.images_per_second > 0 for epoch in resumed.history)


def test_a_finished_run_is_not_trained_again_and_tells_its_epochs(images, validation, settings, tmp_path):
    first = train("cnn", images, validation, settings, folder=tmp_path)
    steps, epochs = [], []
    again = train("cnn", images, validation, settings, folder=tmp_path, on_step=steps.append, on_epoch=epochs.append)
    assert steps == []
    assert tuple(epochs) == first.history == again.history
    assert digest(first.model.state_dict()) == digest(again.model.state_dict())


def test_a_checkpoint_of_other_settings_is_refused(images, validation, settings, tmp_path):
    train("cnn", images, validation, settings, folder=tmp_path)
    with pytest.raises(ConfigurationError, match="other images or settings"):
        train("cnn", images, validation, Settings(epochs=2, batch=16), folder=tmp_path)


def test_a_checkpoint_of_another_network_of_the_same_name_is_refused(
    images, validation, settings, tmp_path, monkeypatch
):
    train("cnn", images, validation, settings, folder=tmp_path)
    monkeypatch.setitem(ARCHITECTURES, "cnn", ARCHITECTURES["small_reader"])
    with pytest.raises(ConfigurationError, match="other images or settings"):
        train("cnn", images, validation, settings, folder=tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_file_that_is_no_checkpoint_is_refused(content, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="checkpoint"):
        checkpoints.read(path)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.safetensors"
    old = checkpoints.Checkpoint({"w": torch.ones(3)}, {}, {}, {"a": 1})
    checkpoints.write(old, path)

    def full(*args, **kwargs):
        Path(args[1]).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(DataError, match="No space left"):
        checkpoints.write(checkpoints.Checkpoint({"w": torch.zeros(3)}, {}, {}, {}), path)
    assert torch.equal(checkpoints.read(path).weights["w"], torch.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_optimizer_state_survives_a_round_trip_in_its_memory_format():
    layer = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)
    layer(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    fresh = torch.optim.AdamW(layer.parameters(), fused=True)
    checkpoints.unflatten(fresh, {name: t.contiguous() for name, t in checkpoints.flatten(optimizer).items()})
    for parameter in layer.parameters():
        for name, value in optimizer.state[parameter].items():
            other = fresh.state[parameter][name]
            assert torch.equal(value, other)
            assert value.stride() == other.stride()
