"""The whole audit of a folder as a user runs it: seconds and peak memory of `surehand run DIR --models cnn --size 64`.

    python -m benchmarks.audit.bench_run [--photos DIR]

One run, cold cache, nothing kept. The limits are 8 minutes and 3 GB on 2 cores for the 17,400 photographs of the public
"ASL Alphabet" reduced to 64 px; without --photos the run is on rendered letters.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._conditions import conditions


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="class folders; rendered letters without it")
    arguments = parser.parse_args()
    print(conditions())
    with tempfile.TemporaryDirectory() as folder:
        source = [str(arguments.photos)] if arguments.photos else []
        command = [
            "run",
            *source,
            "--models",
            "cnn",
            "--size",
            "64",
            "--cache",
            f"{folder}/cache",
            "--out",
            f"{folder}/run",
        ]
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", "from surehand.cli import main; main()", *command, "--json", "--quiet"],
            stdout=subprocess.PIPE,
        )
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            sys.exit(f"surehand run failed: {output.decode()}")
        result = json.loads(output)["result"]
    found = result["models"]["cnn"]
    accuracy = ", ".join(f"{name} {100 * found['accuracy'][name]['value']:.1f} %" for name in ("random", "grouped"))
    print(f"surehand run, cnn, 64 px, {result['data']['images']:,} images, {found['epochs']} epochs: {accuracy}")
    print(f"  whole run    {seconds:7.1f} s   (limit 480)")
    print(f"  peak memory  {usage.ru_maxrss / 2**20:7.2f} GB  (limit 3)")


if __name__ == "__main__":
    main()
