"""The public list of every stage is sorted, complete and documented."""

import importlib
import inspect

import pytest

STAGES = ["render", "data", "models", "train", "attack", "explain", "spell", "report", "audit"]


@pytest.mark.parametrize("stage", STAGES)
def test_all_public_names_exist_and_are_documented(stage):
    module = importlib.import_module(f"surehand.{stage}")
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"surehand.{stage}.{name} has no docstring"


@pytest.mark.parametrize("stage", STAGES)
def test_modules_of_a_stage_are_private(stage):
    module = importlib.import_module(f"surehand.{stage}")
    public = {n for n, v in vars(module).items() if not n.startswith("_") and not inspect.ismodule(v)}
    assert public <= set(module.__all__)
