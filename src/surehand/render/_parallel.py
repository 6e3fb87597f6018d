"""Many pictures by all cores, in order: the same pictures, whoever renders them.

Half of a small picture's time is Python's own and holds its lock, so that threads wait for each other. Processes do
not, and a forked one has the compiled kernels and the tasks at once. Where none can be forked, threads render.
"""

import gc
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from itertools import islice
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int64, UInt8

from surehand.alphabet import CLASSES
from surehand.errors import SurehandError, UsageError
from surehand.processors import cores
from surehand.progress import Progress, silent

from ._compile_beside import compile_kernels
from ._handshapes import Handshapes
from ._render import Rendering, check_size, picture_of, render, render_image

if sys.platform == "linux":
    import fcntl

T = TypeVar("T")
Task = tuple[str, int, int, int, Mapping[str, Any] | None, Handshapes | None]

# A process sends some pictures at a time, so that sending costs little: as many as have so many pixels.
_MOST_AT_ONCE, _PIXELS_AT_ONCE = 8, 400_000
# With so many parts each, no process has much more to do than another.
_LEAST_PARTS = 16
# Bytes that may wait to be read, so that a process that is ahead need not: what Linux grants everybody.
_PIPE_BYTES = 2**20


def render_many(
    numbers: int | Sequence[int],
    *,
    seed: int,
    size: int = 64,
    fixed: Mapping[str, Any] | None = None,
    shapes: Handshapes | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[UInt8[np.ndarray, "n h w 3"], Int64[np.ndarray, " n"]]:
    """Render many pictures in parallel, all classes in turn; the same bytes for any number of workers.

    Args:
        numbers: how many, or which pictures of the endless set (see `picture_of`).
        seed: of the data set.
        size: of the square pictures in pixels, 16 to 2048.
        fixed: factors by name that are not drawn.
        shapes: hand shapes; the package's own by default.
        workers: processes, where they can be forked, or threads; as many as there are cores by default.
        progress: told after every picture.

    Returns:
        Pictures uint8 (n, size, size, 3) and labels int64 (n,), places in `CLASSES`.

    Raises:
        UsageError: no pictures asked for, or what `render` raises.
        SurehandError: a worker was killed.
    """
    chosen = range(numbers) if isinstance(numbers, int) else [int(number) for number in numbers]
    if len(chosen) == 0:
        raise UsageError("no pictures asked for: pass a number of at least 1, or a list that is not empty")
    check_size(size)
    images = np.empty((len(chosen), size, size, 3), np.uint8)
    tasks = [(*picture_of(number), seed, size, fixed, shapes) for number in chosen]
    for place, image in enumerate(_in_parallel(render_image, tasks, workers)):
        images[place] = image
        progress(place + 1, len(chosen), "rendering")
    return images, np.array([number % len(CLASSES) for number in chosen], np.int64)


def in_parallel(tasks: Sequence[Task], workers: int | None = None) -> Iterator[Rendering]:
    """Renderings of (class, index, seed, size, fixed, shapes), in order, by processes or threads.

    Args:
        tasks: what to render.
        workers: how many of them; as many as there are cores by default.

    Raises:
        UsageError: fewer workers than one, or what `render` raises.
        SurehandError: a process was killed.
    """
    return _in_parallel(render, tasks, workers)


def _in_parallel(what: Callable[..., T], tasks: Sequence[Task], workers: int | None) -> Iterator[T]:
    """What `render` or `render_image` make of each task."""
    if workers is not None and workers < 1:
        raise UsageError(f"workers must be at least 1; got {workers}")
    workers = min(workers or cores(), len(tasks))

    def done(task: Task) -> T:
        name, index, seed, size, fixed, shapes = task
        return what(name, seed=seed, index=index, size=size, fixed=fixed, shapes=shapes)

    if workers <= 1:
        return map(done, tasks)
    return _by_processes(done, tasks, workers) if _can_fork() else _by_threads(done, tasks, workers)


def _by_threads(done: Callable[[Task], T], tasks: Sequence[Task], workers: int) -> Iterator[T]:
    with ThreadPoolExecutor(workers) as pool:
        # A window of a few pictures a worker: a million must not all lie finished in memory.
        remaining = iter(tasks)
        waiting: list[Future[T]] = []
        try:
            waiting += [pool.submit(done, task) for task in islice(remaining, 4 * workers)]
            while waiting:
                result = waiting.pop(0).result()
                waiting += [pool.submit(done, task) for task in islice(remaining, 1)]
                yield result
        finally:
            for future in waiting:
                future.cancel()


def _can_fork() -> bool:
    """Where forked processes can be relied upon: macOS forks, too, but its libraries do not survive it.

    A daemon, such as a worker that loads another library's batches, may have no processes of its own.
    """
    return sys.platform == "linux" and not current_process().daemon


def _by_processes(done: Callable[[Task], T], tasks: Sequence[Task], workers: int) -> Iterator[T]:
    """Each process renders every `workers`-th part of the tasks, and sends it through a pipe of its own."""
    check_size(tasks[0][3])
    _load_kernels()
    step = max(1, min(_MOST_AT_ONCE, _PIXELS_AT_ONCE // tasks[0][3] ** 2, len(tasks) // (_LEAST_PARTS * workers)))
    parts = [tasks[start : start + step] for start in range(0, len(tasks), step)]
    team: list[tuple[BaseProcess, Connection]] = []
    try:
        started = _start(team, done, [parts[number::workers] for number in range(workers)])
        for number in range(len(parts) if started else 0):
            yield from _received(team[number % workers][1])
    finally:
        _end(team)
    if not started:
        yield from _by_threads(done, tasks, workers)


# A process forked by another thread meanwhile would hold this one's pipes open.
_starting = Lock()


def _start(
    team: list[tuple[BaseProcess, Connection]],
    done: Callable[[Task], Any],
    shares: Sequence[Sequence[Sequence[Task]]],
) -> bool:
    """Fork a process for each share of the parts; each stands in `team` at once, with the pipe to read from.

    Returns:
        Whether there are memory and numbers for them all.
    """
    context = get_context("fork")
    with _starting:
        # Whoever interrupts a program from a terminal interrupts all of its processes, and only this is to answer.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for share in shares:
                reader, writer = context.Pipe(duplex=False)
                # With its only writer gone, a pipe ends when its process does.
                with writer:
                    readers = [reader, *(other for _, other in team)]
                    process = context.Process(target=_render_parts, args=(done, share, writer, readers), daemon=True)
                    process.start()
                team.append((process, reader))
        except OSError:
            return False
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return True


def _end(team: list[tuple[BaseProcess, Connection]]) -> None:
    """End what still runs; nobody reads it any more."""
    for process, reader in team:
        reader.close()
        process.kill()
    while team:
        team.pop()[0].join()


@cache
def _load_kernels() -> None:
    """Compile or load every kernel once, so that forked processes have them all."""
    render("A", seed=0, index=0, size=144)
    compile_kernels()


def _received(reader: Connection) -> list[Any]:
    """The next part of a process."""
    try:
        part: list[Any] | Exception = reader.recv()
    except (EOFError, OSError) as error:
        raise SurehandError(
            "A process that rendered was killed, perhaps for lack of memory. Free some, then repeat the command."
        ) from error
    if isinstance(part, Exception):
        raise part
    return part


def _render_parts(
    done: Callable[[Task], Any],
    parts: Sequence[Sequence[Task]],
    writer: Connection,
    readers: Sequence[Connection],
) -> None:
    """What a forked process does: render and send, until all is sent, something is wrong, or nobody reads any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # what the parent left to collect is not this process's to close
    # As long as a process holds its reader, a pipe is not closed to its writer.
    for reader in readers:
        reader.close()
    with suppress(OSError):
        fcntl.fcntl(writer.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    with suppress(BrokenPipeError):
        for part in parts:
            try:
                results = [done(task) for task in part]
            except Exception as error:
                writer.send(error)
                return
            writer.send(results)
