"""The second process of the first picture: when it starts, and that it compiles what pictures use."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from surehand.render import _first

KERNELS = "blur, cover_with, linear_to_srgb, noise_field, paint_field, paint_forms, picture_style, shade_relief, smear"


@pytest.fixture
def begun(monkeypatch, tmp_path):
    """What is started, once it would have been, with an empty cache in `tmp_path` and two cores."""
    commands = []
    monkeypatch.setattr(_first, "paint", SimpleNamespace(stats=SimpleNamespace(cache_path=str(tmp_path))))
    monkeypatch.setattr(_first, "cores", lambda: 2)
    monkeypatch.setattr(_first.subprocess, "run", lambda command, **_: commands.append(command))
    monkeypatch.setattr(_first.Thread, "start", lambda thread: thread.run())
    return commands


def test_an_empty_cache_gets_a_second_process(begun):
    _first.compile_beside.__wrapped__()
    assert begun == [[sys.executable, "-m", "surehand.render._first"]]


def test_kernels_on_disk_need_none(begun, tmp_path):
    Path(tmp_path, "_paint_kernels.paint-60.py311.nbi").touch()
    _first.compile_beside.__wrapped__()
    assert begun == []


@pytest.mark.parametrize(
    ("target", "name", "value"),
    [
        (_first, "cores", lambda: 1),
        (_first, "paint", SimpleNamespace(stats=SimpleNamespace(cache_path=None))),
        (sys, "executable", ""),
        (sys, "frozen", True),
    ],
    ids=["one core", "nowhere to keep kernels", "an embedded Python", "a frozen program"],
)
def test_where_it_would_not_help_none_is_started(begun, monkeypatch, target, name, value):
    monkeypatch.setattr(target, name, value, raising=False)
    _first.compile_beside.__wrapped__()
    assert begun == []


def test_it_compiles_what_pictures_use():
    code = f"""
from surehand.render import _first, render
from surehand.render._paint_kernels import edges, paint
from surehand.render._picture_kernels import {KERNELS}
_first.main()
render("A", seed=0, index=0, size=200, fixed={{"background": "folds", "motion_blur": 0.05}})
render("A", seed=0, index=0, size=64, fixed={{"background": "things"}})
more = [kernel.py_func.__name__ for kernel in (paint, edges, {KERNELS}) if len(kernel.signatures) != 1]
assert not more, f"compiled for other types than pictures have: {{more}}"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
