"""Milliseconds a picture, scene and camera included, and how long the first one takes.

    python -m benchmarks.render.bench_render

Pictures of all classes in turn, as a training set has them. Sizes and numbers of workers take turns within a round, so
that whatever else runs weighs on all alike. The first picture is timed in processes of their own: with the compiled
kernels on disk, and with an empty cache. About a minute on 2 cores.
"""

import os
import subprocess
import sys
import tempfile
import time

from benchmarks._conditions import conditions, spread
from surehand.processors import cores
from surehand.render import render_many

ROUNDS = 5
# Pictures a round, and what they may cost on two cores, milliseconds each.
SIZES = {64: (116, 3.0), 200: (58, 15.0)}
FIRST_WARM, FIRST_COLD = 2.0, 15.0


def milliseconds(size: int, pictures: int, workers: int, start: int) -> tuple[float, float]:
    """Of wall time and of processor time a picture; the second tells what the first is when nothing else runs."""
    begin, begin_processor = time.perf_counter(), processor_time()
    render_many(range(start, start + pictures), seed=0, size=size, workers=workers)
    return (time.perf_counter() - begin) / pictures * 1e3, (processor_time() - begin_processor) / pictures * 1e3


def processor_time() -> float:
    """Seconds of this process and of those it has waited for."""
    return sum(os.times()[:4])


def first_picture(cache: str) -> float:
    """Seconds from starting Python to the first picture, with a folder for compiled kernels."""
    code = "from surehand.render import render; print(render('A', seed=0, index=0).image.shape, flush=True)"
    begin = time.perf_counter()
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shape = process.stdout.readline()
        seconds = time.perf_counter() - begin  # Python takes a third of a second more to end
    assert shape == "(64, 64, 3)\n", "no picture"
    return seconds


def main() -> None:
    workers = sorted({1, min(2, cores()), cores()})
    times: dict[tuple[int, int], list[tuple[float, float]]] = {(size, count): [] for size in SIZES for count in workers}
    for size in SIZES:
        render_many(4, seed=0, size=size)
    for turn in range(ROUNDS):
        for (size, count), values in times.items():
            pictures = SIZES[size][0]
            values.append(milliseconds(size, pictures, count, turn * pictures))

    print(
        f"{'what':<34}{'ours: median [least most]':<28}{'processor time':<28}{'n':>3}{'limit':>8}{'ours / limit':>14}"
    )
    for (size, count), values in times.items():
        limit = SIZES[size][1] * 2 / min(count, 2)
        what = f"{size} px, {count} worker{'s' if count > 1 else ''}, ms a picture"
        wall, processor = ([pair[i] for pair in values] for i in (0, 1))
        ratio = sorted(wall)[ROUNDS // 2] / limit
        print(f"{what:<34}{spread(wall):<28}{spread(processor):<28}{ROUNDS:>3}{limit:>8.1f}{ratio:>14.2f}")
    with tempfile.TemporaryDirectory() as cache:
        cold = first_picture(cache)
        first_picture(cache)  # while a second process may still compile what the first picture did not need
        warm = [first_picture(cache) for _ in range(3)]
    for what, values, limit in (("cold", [cold], FIRST_COLD), ("warm", warm, FIRST_WARM)):
        ratio = sorted(values)[len(values) // 2] / limit
        print(f"{f'first picture, {what} cache, s':<34}{spread(values):<56}{len(values):>3}{limit:>8.1f}{ratio:>14.2f}")
    print(conditions("numba", "pillow"))


if __name__ == "__main__":
    main()
