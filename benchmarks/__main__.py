"""Every benchmark, one after the other: `python -m benchmarks`. Some train for minutes.

Real photographs are used where SUREHAND_PHOTOS names their folder, which holds the sets of docs/photographs.md. Each
benchmark is a process of its own, because some limit themselves to one thread.
"""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks._photographs import SETS

# With the photographs that each reads, relative to SUREHAND_PHOTOS.
BENCHMARKS = {
    "benchmarks.data.bench_index": SETS["kaggle"],
    "benchmarks.data.bench_augment": None,
    "benchmarks.train.bench_train": SETS["kaggle"],
    "benchmarks.attack.bench_fgsm": None,
    "benchmarks.explain.bench_quickshift": SETS["phone-train"],
    "benchmarks.explain.bench_lime": SETS["phone-train"],
    "benchmarks.models.bench_models": None,
    "benchmarks.models.bench_reader": ".",
    "benchmarks.train.bench_letters": ".",
    "benchmarks.render.bench_render": None,
    "benchmarks.audit.bench_run": SETS["kaggle"],
    "benchmarks.audit.bench_make_run": None,
}


def main() -> None:
    """Run all, and end with the names of those that failed or missed a limit."""
    photos, failed = os.environ.get("SUREHAND_PHOTOS"), []
    for module, folder in BENCHMARKS.items():
        print(f"\n=== {module}", flush=True)
        there = photos and folder and (Path(photos) / folder).is_dir()
        options = ["--photos", str(Path(photos) / folder)] if there else []
        if subprocess.run([sys.executable, "-m", module, *options], check=False).returncode:
            failed.append(module)
    sys.exit(f"\nfailed, or missed a limit: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
