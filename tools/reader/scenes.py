"""An endless stream of scenes, prepared by processes while an accelerator renders and learns.

A process draws factors, poses hands and paints backgrounds, the parts of `surehand.render` that are Python, and leaves
them in one of several slots of shared memory. Start the feed before anything touches the accelerator: processes are
forked. Backgrounds are not those of the same hands: a person in one need not have the skin of the hand before it.
"""

import mmap
import multiprocessing
import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from photograph_on_gpu import NUMBERS, numbers_of

from surehand.alphabet import CLASSES
from surehand.render import _hand_rows as columns
from surehand.render._factors import draw_factors
from surehand.render._hand_rows import vector
from surehand.render._handshapes import default_handshapes
from surehand.render._render import background_of, picture_of
from surehand.render._scene import scene_of
from surehand.render._skin import skin_of

# Hands in a slot, for so many backgrounds: to paint one takes longer than to pose a hand.
HANDS, BACKGROUNDS = len(CLASSES) * 18, len(CLASSES) * 6
_CAPSULES = 29
# An absent hand is of capsules that no ray meets.
_NOWHERE = -1e6


@dataclass(frozen=True)
class Scenes:
    """What a slot holds; all arrays lie in shared memory."""

    rows: np.ndarray  # float32 (HANDS, 29, COLUMNS)
    sleeves: np.ndarray  # float32 (HANDS,)
    views: np.ndarray  # float32 (HANDS, _), as are lights and skins: vectors as `render_hand` takes them
    lights: np.ndarray
    skins: np.ndarray
    numbers: np.ndarray  # float32 (HANDS, len(NUMBERS))
    labels: np.ndarray  # int64 (HANDS,)
    backgrounds: np.ndarray  # float16 (BACKGROUNDS, size, size, 3), linear light

    @classmethod
    def shared(cls, size: int) -> "Scenes":
        """Empty, in memory that forked processes share."""

        def array(dtype: type, *shape: int) -> np.ndarray:
            memory = mmap.mmap(-1, int(np.prod(shape)) * np.dtype(dtype).itemsize)
            return np.frombuffer(memory, dtype).reshape(shape)

        return cls(
            rows=array(np.float32, HANDS, _CAPSULES, columns.COLUMNS),
            sleeves=array(np.float32, HANDS),
            views=array(np.float32, HANDS, columns.SIZE + 1),
            lights=array(np.float32, HANDS, columns.OCCLUSION + 1),
            skins=array(np.float32, HANDS, columns.OFFSET + 1),
            numbers=array(np.float32, HANDS, len(NUMBERS)),
            labels=array(np.int64, HANDS),
            backgrounds=array(np.float16, BACKGROUNDS, size, size, 3),
        )

    def hands(self) -> tuple[np.ndarray, ...]:
        """What `hands_on_gpu.render_hands` takes."""
        return self.rows, self.sleeves, self.views, self.lights, self.skins

    def fill(self, seed: int, size: int) -> None:
        """Scenes of all classes in turn, of the persons of one seed."""
        shapes = default_handshapes()
        for i in range(HANDS):
            name, index = picture_of(i)
            factors = draw_factors(name, shapes, seed=seed, index=index)
            self.labels[i], self.numbers[i] = CLASSES.index(name), numbers_of(factors)
            if i < BACKGROUNDS:
                self.backgrounds[i] = background_of(factors, size)
            scene = scene_of(name, factors, shapes, size)
            if scene is None:
                self.rows[i, :, columns.RADIUS], self.rows[i, :, columns.INVERSE] = _NOWHERE, 1.0
                self.views[i, [columns.FOCAL, columns.SIZE]] = 1.0, size
                continue
            self.rows[i], self.sleeves[i] = scene.capsules, scene.sleeve
            self.views[i], self.lights[i] = vector(scene.view), vector(scene.light)
            self.skins[i] = vector(skin_of(factors))


class SceneFeed:
    """Processes that fill slots without end.

    Args:
        size: of the images in pixels.
        seed: of the first slot; each slot has the next one, so its thousand persons are new.
        workers: processes.
        slots: two for each process are enough.
    """

    def __init__(self, size: int, seed: int, workers: int, slots: int) -> None:
        self.size, self.seed, self.workers = size, seed, workers
        self.slots = [Scenes.shared(size) for _ in range(slots)]
        # What is compiled before the fork, no process compiles again.
        Scenes.shared(size).fill(seed, size)
        context = multiprocessing.get_context("fork")
        self._free, self._ready = context.Queue(), context.Queue()
        for slot in range(slots):
            self._free.put(slot)
        self._processes = [context.Process(target=self._work, args=(i,), daemon=True) for i in range(workers)]
        for process in self._processes:
            process.start()

    def _work(self, number: int) -> None:
        os.nice(5)
        seed = self.seed + number
        while True:
            slot = self._free.get()
            self.slots[slot].fill(seed, self.size)
            self._ready.put(slot)
            seed += self.workers

    @contextmanager
    def next(self, wait: bool) -> Iterator[Scenes | None]:
        """A filled slot, to be filled anew afterwards; None where there is none and `wait` is not asked for."""
        try:
            slot = self._ready.get(block=wait, timeout=60)
        except queue.Empty:
            if wait:
                raise RuntimeError("no scene was made in a minute: see above what ended the processes") from None
            yield None
            return
        yield self.slots[slot]
        self._free.put(slot)

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.terminate()
