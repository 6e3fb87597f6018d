"""Cores are counted in one place: those that this process may use."""

import os
from pathlib import Path

import pytest

from surehand.processors import cores
from surehand.train import _devices as devices

ROOT = Path(__file__).parents[1]


@pytest.fixture
def three_of_many(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 5, 6}, raising=False)


def test_cores_that_the_process_may_not_use_do_not_count(three_of_many, monkeypatch):
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == 64


@pytest.mark.parametrize(("count", "threads"), [(1, "3"), (2, "1"), (3, "1"), (4, "1")])
def test_devices_share_the_cores_that_the_process_may_use(three_of_many, count, threads):
    assert devices._environment(0, count, port=1)["OMP_NUM_THREADS"] == threads


def test_nothing_else_counts_cores():
    counting = [path for folder in ("src", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    counting = [path.name for path in counting if "cpu_count" in path.read_text(encoding="utf-8")]
    assert counting == ["processors.py"]
