"""A stage imports only stages above it in the house; help and reports load nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "surehand"
STAGES = [
    "render",
    "data",
    "models",
    "train",
    "attack",
    "explain",
    "detect",
    "spell",
    "report",
    "audit",
    "serve",
    "cli",
]
LEAVES = ["alphabet", "errors", "randomness", "files", "intervals", "kernels", "processors", "progress"]
# Report reads result objects and files, nothing else, so that a page can be made again where no torch is installed.
NARROWER = {"report": LEAVES, "render": LEAVES}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "surehand" else {node.module}
            )
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("surehand.")}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_leaves_and_earlier_stages(path):
    home = path.relative_to(PACKAGE).parts[0]
    earlier = {home, *NARROWER.get(home, STAGES[: STAGES.index(home)])} if home in STAGES else set()
    assert imported(path) - {"__version__"} <= {*LEAVES, *earlier}


def test_every_folder_of_the_package_is_a_stage():
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders <= set(STAGES)


@pytest.mark.parametrize("module", ["surehand.cli", "surehand.report"])
def test_these_load_no_torch(module):
    code = f"import {module}, sys; sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_imports_torchvision():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        modules = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        modules |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert not any((m or "").startswith("torchvision") for m in modules), path
