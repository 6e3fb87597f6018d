"""Every benchmark, one after the other: `python -m benchmarks`.

Real photographs are used where SUREHAND_PHOTOS names their folder, which holds the sets of docs/photographs.md. Each
benchmark is a process of its own, because some limit themselves to one thread.
"""

import os
import subprocess
import sys
from pathlib import Path

# With the photographs that each reads, relative to SUREHAND_PHOTOS.
BENCHMARKS = {
    "benchmarks.data.bench_index": "asl-kaggle64/train",
    "benchmarks.data.bench_augment": None,
    "benchmarks.train.bench_train": "asl-kaggle64/train",
    "benchmarks.attack.bench_fgsm": None,
    "benchmarks.explain.bench_quickshift": "asl-phone224/train",
    "benchmarks.explain.bench_lime": "asl-phone224/train",
    "benchmarks.models.bench_models": None,
    "benchmarks.models.bench_reader": ".",
    "benchmarks.train.bench_letters": ".",
    "benchmarks.render.bench_render": None,
    "benchmarks.audit.bench_run": "asl-kaggle64/train",
    "benchmarks.audit.bench_make_run": None,
}


def main() -> int:
    """Run all; the number that failed."""
    photos, failed = os.environ.get("SUREHAND_PHOTOS"), 0
    for module, folder in BENCHMARKS.items():
        print(f"\n=== {module}", flush=True)
        options = ["--photos", str(Path(photos) / folder)] if photos and folder else []
        failed += bool(subprocess.run([sys.executable, "-m", module, *options], check=False).returncode)
    return failed


if __name__ == "__main__":
    sys.exit(main())
