"""Shapes and types in annotations are enforced while testing, and photographs are found by an environment variable."""

import os
from pathlib import Path

# Before torch is loaded: tests start processes that compute at once.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import jaxtyping
import pytest

SOURCE = Path(__file__).parents[1] / "src"


def _checked_modules() -> list[str]:
    """Every module but those compiled by numba, which cannot compile a wrapped function."""
    paths = [p.relative_to(SOURCE).with_suffix("") for p in (SOURCE / "surehand").rglob("*.py")]
    return [".".join(p.parts) for p in paths if p.name != "__init__" and not p.name.endswith("_kernels")]


jaxtyping.install_import_hook(_checked_modules(), "annotations.check")


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of real photographs, laid out as docs/photographs.md says."""
    folder = os.environ.get("SUREHAND_PHOTOS")
    if not folder:
        pytest.skip("needs photographs: set SUREHAND_PHOTOS to their folder")
    return Path(folder)
