"""The second process of the first picture: when it starts, and that it compiles what pictures use."""

import subprocess
import sys
from threading import Lock
from types import SimpleNamespace

import pytest

from surehand.render import _compile_beside as beside


@pytest.fixture
def begun(monkeypatch):
    """What is started, with a smallest kernel that was not in the cache, with two cores."""
    commands = []

    def thread(target, args, daemon):
        return SimpleNamespace(start=lambda: commands.append(*args))

    monkeypatch.setattr(beside, "_asked", Lock())
    monkeypatch.setattr(beside, "smallest", kernel(misses=1))
    monkeypatch.setattr(beside, "cores", lambda: 2)
    monkeypatch.setattr(beside, "Thread", thread)
    return commands


def kernel(misses):
    def smallest():
        pass

    smallest.stats = SimpleNamespace(cache_misses={"types": misses})
    return smallest


def test_an_empty_cache_gets_one_second_process(begun):
    beside.compile_beside()
    beside.compile_beside()
    assert len(begun) == 1
    assert begun[0][0] == sys.executable


@pytest.mark.parametrize(
    ("target", "name", "value"),
    [
        (beside, "smallest", kernel(misses=0)),
        (beside, "smallest", lambda: None),
        (beside, "cores", lambda: 1),
        (sys, "executable", ""),
        (sys, "frozen", True),
    ],
    ids=["kernels on disk", "numba switched off", "one core", "an embedded Python", "a frozen program"],
)
def test_where_it_would_not_help_none_is_started(begun, monkeypatch, target, name, value):
    monkeypatch.setattr(target, name, value, raising=False)
    beside.compile_beside()
    assert begun == []


def test_the_smallest_kernel_is_kept_for_the_next_process():
    beside.smallest()
    code = f"from {beside.__name__} import smallest; smallest(); assert not smallest.stats.cache_misses"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_process_that_cannot_start_is_passed_over():
    beside._run(["/nowhere/python"])


def test_it_compiles_what_pictures_use_and_for_their_types(begun):
    beside.compile_beside()
    (command,) = begun
    command[-1] += """
from surehand.render import _paint_kernels, _picture_kernels, render
both = [*vars(_paint_kernels).values(), *vars(_picture_kernels).values()]
kernels = [k for k in both if hasattr(k, "signatures")]
before = [list(k.signatures) for k in kernels]
compiled = [k.py_func.__name__ for k, signatures in zip(kernels, before) if signatures]
missing = {"paint", "edges", "blur", "smear", "picture_style", "shade_relief"} - set(compiled)
assert not missing, f"not compiled: {missing}"
render("A", seed=0, index=0, size=200, fixed={"background": "folds", "motion_blur": 0.05})
render("A", seed=0, index=0, size=64, fixed={"background": "things", "background_blur": 0.01})
more = [k.py_func.__name__ for k, signatures in zip(kernels, before) if list(k.signatures) != signatures]
assert not more, f"not compiled, or for other types than pictures have: {more}"
"""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
