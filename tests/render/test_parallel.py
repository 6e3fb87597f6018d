"""Who renders many pictures: processes or threads that give the same ones, and that end with whoever asked."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from surehand.errors import SurehandError, UsageError
from surehand.render import _parallel as parallel
from surehand.render import render_many

forked = pytest.mark.skipif(not parallel._can_fork(), reason="no processes are forked here")


def children():
    """Processes that this one has forked and that still run."""
    return {process.pid for process in multiprocessing.active_children()}


def running(pid):
    with suppress(FileNotFoundError, ProcessLookupError):
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].lstrip().startswith("Z")
    return False


def tasks(count, size=32):
    return [(*parallel.picture_of(number), 5, size, None, None) for number in range(count)]


@pytest.mark.parametrize("forks", [pytest.param(True, marks=forked), False], ids=["processes", "threads"])
def test_processes_and_threads_give_what_one_worker_gives_in_order(monkeypatch, forks):
    monkeypatch.setattr(parallel, "_can_fork", lambda: forks)
    one, labels = render_many(70, seed=5, size=32, workers=1)
    many, same_labels = render_many(70, seed=5, size=32, workers=3)
    assert (many == one).all()
    assert (same_labels == labels).all()


@forked
def test_several_processes_render():
    before = children()
    renderings = parallel.in_parallel(tasks(3000), 3)
    next(renderings)
    assert len(children() - before) == 3
    renderings.close()
    assert children() <= before, "whoever stops early leaves no process"


def test_what_is_wrong_with_a_picture_is_told_from_a_worker():
    wrong = tasks(30)
    wrong[20] = ("A", -1, 5, 32, None, None)
    with pytest.raises(UsageError, match="index counts pictures from 0"):
        list(parallel.in_parallel(wrong, 2))


@forked
def test_a_fault_in_a_worker_is_told_as_it_is(monkeypatch):
    def fail(*_, index, **__):
        if index > 0:
            raise RuntimeError("no such light")
        return usual("A", seed=0, index=0, size=32)

    usual = parallel.render
    monkeypatch.setattr(parallel, "render", fail)
    with pytest.raises(RuntimeError, match="no such light"):
        list(parallel.in_parallel(tasks(100), 2))


@forked
@pytest.mark.parametrize("size", [32, 200], ids=["between two parts", "while it sends one"])
def test_a_killed_process_is_told(size):
    before = children()
    renderings = parallel.in_parallel(tasks(3000, size), 2)
    next(renderings)
    if size == 200:  # some parts are more than a pipe holds
        time.sleep(2)
    os.kill(min(children() - before), signal.SIGKILL)
    with pytest.raises(SurehandError, match="was killed"):
        list(renderings)
    assert children() <= before


@forked
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_their_parent(tmp_path, end):
    code = (
        "import multiprocessing, signal\n"
        "from surehand.render import _parallel as parallel\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "tasks = [(*parallel.picture_of(i), 5, 32, None, None) for i in range(100_000)]\n"
        "renderings = parallel.in_parallel(tasks, 2)\n"
        "next(renderings)\n"
        "print(*[process.pid for process in multiprocessing.active_children()], flush=True)\n"
        "list(renderings)\n"
    )
    with (tmp_path / "errors").open("w") as errors:
        parent = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
    with parent.stdout as said:
        workers = said.readline().split()
    try:
        assert len(workers) == 2
        if end == signal.SIGINT:  # as a terminal does it: to all of them
            os.killpg(parent.pid, end)
        else:
            parent.kill()
        assert parent.wait(60) != 0
        for _ in range(100):
            if not any(running(worker) for worker in workers):
                break
            time.sleep(0.1)
        else:
            pytest.fail("processes outlive their parent")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
    complaints = (tmp_path / "errors").read_text()
    assert complaints.count("Traceback") == (end == signal.SIGINT), "a worker says nothing of its own"


@forked
def test_a_daemon_has_threads(monkeypatch):
    monkeypatch.setattr(parallel, "current_process", lambda: SimpleNamespace(daemon=True))
    before = children()
    renderings = parallel.in_parallel(tasks(20), 2)
    next(renderings)
    assert children() <= before
    assert len(list(renderings)) == 19


@forked
def test_where_no_more_processes_can_start_threads_render(monkeypatch):
    usual, forks = os.fork, []

    def fork():
        forks.append(1)
        if len(forks) == 2:
            raise BlockingIOError("Resource temporarily unavailable")
        return usual()

    before = children()
    monkeypatch.setattr(os, "fork", fork)
    found = list(parallel.in_parallel(tasks(20), 2))
    assert len(forks) == 2
    assert children() <= before
    expected = parallel.in_parallel(tasks(20), 1)
    assert all((ours.image == other.image).all() for ours, other in zip(found, expected, strict=True))


def test_no_tasks_are_no_pictures_and_no_workers_are_refused():
    assert list(parallel.in_parallel([], 2)) == []
    for workers in (0, -1):
        with pytest.raises(UsageError, match="workers must be at least 1"):
            parallel.in_parallel(tasks(3), workers)
