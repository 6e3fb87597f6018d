"""From a folder of JPEG files to a checked, split and cached set: index + check + split + cache, cold, then warm.

python -m benchmarks.data.bench_index [--photos DIR]

The photographs are those of `--photos`, else 17,400 pictures made here.
The peer is what an ordinary loader does in every single epoch: open each file with Pillow, convert, resize.
"""

import argparse
import resource
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._conditions import conditions, spread
from surehand.data import check, load
from surehand.processors import cores

SIZE, RUNS = 64, 3


def made(folder: Path, classes: int = 29, per_class: int = 600) -> Path:
    """Films of smooth noise: as many files, of the same kind and size, as the photographs."""
    for label in range(classes):
        (folder / f"c{label:02d}").mkdir(parents=True)
        for n in range(per_class):
            scene = np.random.default_rng([label, n // 30]).integers(0, 256, (8, 8, 3))
            frame = np.clip(scene + np.random.default_rng([label, n]).integers(-9, 10, (8, 8, 3)), 0, 255)
            image = Image.fromarray(frame.astype(np.uint8)).resize((64, 64), Image.Resampling.BICUBIC)
            image.save(folder / f"c{label:02d}" / f"c{label:02d}_{n}.jpg", quality=75)
    return folder


def ordinary(paths: list[Path]) -> int:
    def read(path: Path) -> int:
        with Image.open(path) as image:
            return len(np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)))

    with ThreadPoolExecutor(cores()) as pool:
        return sum(pool.map(read, paths, chunksize=64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="class folders; pictures made here without it")
    photos = parser.parse_args().photos
    with tempfile.TemporaryDirectory() as scratch:
        folder = photos or made(Path(scratch) / "set")
        measure(folder, Path(scratch), "photographs" if photos else "made pictures")


def measure(folder: Path, scratch: Path, kind: str) -> None:
    paths = sorted(folder.rglob("*.jpg"))
    load(folder, 16, cache=scratch / "compiling")  # compiles, and warms the page cache for everybody
    seconds: dict[str, list[float]] = {name: [] for name in ("index + split + cache", "check", "both", "warm", "peer")}
    processor = []
    for run in range(RUNS):
        started, used = time.perf_counter(), time.process_time()
        dataset = load(folder, SIZE, cache=scratch / f"cache{run}")
        indexed = time.perf_counter()
        found = check(dataset)
        checked = time.perf_counter()
        processor.append(time.process_time() - used)
        load(folder, SIZE, cache=scratch / f"cache{run}")
        warm = time.perf_counter()
        ordinary(paths)
        for name, value in zip(
            seconds,
            (indexed - started, checked - indexed, checked - started, warm - checked, time.perf_counter() - warm),
            strict=True,
        ):
            seconds[name].append(value)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(conditions("pillow", "numba"))
    print(f"{len(paths):,} {kind} at {SIZE} px, {RUNS} interleaved runs, seconds, median [lowest highest]\n")
    print(f"| {'what':<62} | {'seconds':<20} |\n|{'-' * 64}|{'-' * 22}|")
    for name, text in (
        ("index + split + cache", "index + split + cache, cold"),
        ("check", "check: duplicates, leaks, nearest neighbour"),
        ("both", "index + check + split + cache (must be under 10)"),
        ("warm", "load again (must be under 1)"),
        ("peer", "peer: Pillow opens, converts and resizes every file, threads"),
    ):
        print(f"| {text:<62} | {spread(seconds[name], 2):<20} |")
    print(f"| {'processor seconds of the first two':<62} | {spread(processor, 2):<20} |")
    ratio = statistics.median(seconds["peer"]) / statistics.median(seconds["warm"])
    print(f"| {'ratio of peer to warm, which is what every later run pays':<62} | {ratio:<20.1f} |")
    print(f"\npeak memory {peak:,.0f} MB, mapped pictures and libraries included")
    print(
        f"nearest neighbour on thumbnails: random {found.nearest_random}; grouped {found.nearest_grouped}\n"
        f"images with a twin in training: random {found.leak_random}; grouped {found.leak_grouped}"
    )


if __name__ == "__main__":
    main()
