"""`make run` as on a fresh machine, after installation: seconds, with nothing rendered and nothing compiled before.

python -m benchmarks.audit.bench_make_run
"""

import os
import subprocess
import sys
import tempfile
import time

from benchmarks._conditions import conditions

MOST_SECONDS = 480


def main() -> None:
    """Measure and print."""
    print(conditions())
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SUREHAND_CACHE": f"{folder}/cache", "NUMBA_CACHE_DIR": f"{folder}/numba"}
        started = time.perf_counter()
        command = ["make", "--no-print-directory", "run", f"RUN_FLAGS=--out {folder}/run --quiet"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"make run failed: {done.stdout}")
    print(done.stdout.strip())
    print(f"make run    {seconds:7.1f} s   (limit {MOST_SECONDS})")
    sys.exit(0 if seconds <= MOST_SECONDS else 1)


if __name__ == "__main__":
    main()
