"""An endless stream of scenes, prepared by processes while an accelerator renders and learns.

A process draws factors, poses hands and paints backgrounds, the parts of `surehand.render` that are Python, and leaves
them in one of several slots of shared memory. Start the feed before anything touches the accelerator: processes are
forked. Backgrounds are not those of the same hands: a person in one need not have the skin of the hand before it.
Most hands are nearer than the renderer's own law has them, and they may be freer (docs/results.md, section 5).
"""

import itertools
import mmap
import multiprocessing
import os
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from photograph_on_gpu import NUMBERS, numbers_of

from surehand.alphabet import CLASSES
from surehand.render import _hand_rows as columns
from surehand.render._factors import Factors, draw_factors
from surehand.render._hand_rows import vector
from surehand.render._handshapes import Handshapes, Variant, default_handshapes
from surehand.render._render import background_of, picture_of
from surehand.render._scene import _rotation, bend, scene_of
from surehand.render._skin import skin_of

# Hands in a slot, for so many backgrounds: to paint one takes longer than to pose a hand.
HANDS, BACKGROUNDS = len(CLASSES) * 18, len(CLASSES) * 6
POSE = 27
# Palms over the image's width, in the renderer's law, and at least in most of the pictures here.
SMALLEST_PALM, LARGEST_PALM, _NEAR_PALM = 0.16, 0.62, 0.24
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
    freedom: np.ndarray  # float64 (1,)
    poses: np.ndarray  # float32 (HANDS, POSE): see `pose_of`; nan for `nothing`
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
            freedom=array(np.float64, 1),
            poses=array(np.float32, HANDS, POSE),
            backgrounds=array(np.float16, BACKGROUNDS, size, size, 3),
        )

    def hands(self) -> tuple[np.ndarray, ...]:
        """What `hands_on_gpu.render_hands` takes."""
        return self.rows, self.sleeves, self.views, self.lights, self.skins

    def fill(self, seed: int, size: int, freedom: float) -> None:
        """Scenes of all classes in turn, of the persons of one seed; `freedom` as in `freer` and `turned`."""
        shapes = freer(default_handshapes(), freedom)
        self.freedom[0] = freedom
        for i in range(HANDS):
            name, index = picture_of(i)
            factors = turned(draw_factors(name, shapes, seed=seed, index=index), freedom)
            if i % 4:  # a reader looks closer at small hands, so most need not be small
                factors = nearer(factors)
            if i % 4 == 2:  # and silhouettes are seldom photographed
                factors = replace(factors, back_light=False)
            self.labels[i], self.numbers[i] = CLASSES.index(name), numbers_of(factors)
            if i < BACKGROUNDS:
                self.backgrounds[i] = background_of(factors, size)
            scene = scene_of(name, factors, shapes, size)
            self.poses[i] = np.nan
            if name != "nothing":
                self.poses[i] = pose_of(shapes.classes[name][factors.variant], factors, shapes)
            if scene is None:
                self.rows[i, :, columns.RADIUS], self.rows[i, :, columns.INVERSE] = _NOWHERE, 1.0
                self.views[i, [columns.FOCAL, columns.SIZE]] = 1.0, size
                continue
            self.rows[i], self.sleeves[i] = scene.capsules, scene.sleeve
            self.views[i], self.lights[i] = vector(scene.view), vector(scene.light)
            self.skins[i] = vector(skin_of(factors))


def freer(shapes: Handshapes, freedom: float) -> Handshapes:
    """Hand shapes whose joints stray so many times as far from the forms of the letters, as a stranger's may."""
    noise = shapes.noise
    wider = {name: freedom * getattr(noise, name) for name in ("finger", "thumb", "curl", "spread")}
    return replace(shapes, noise=replace(noise, **wider))


def turned(factors: Factors, freedom: float) -> Factors:
    """A hand turned further than drawn, but never about the view axis, by which letters differ."""
    further = 1.0 + 0.4 * (freedom - 1.0)
    return replace(factors, pitch=further * factors.pitch, yaw=further * factors.yaw)


def nearer(factors: Factors) -> Factors:
    """A hand as if its palm had been drawn from 0.24 of the image on, log-uniform as in the renderer's law."""
    place = np.log(factors.palm_width / SMALLEST_PALM) / np.log(LARGEST_PALM / SMALLEST_PALM)
    return replace(factors, palm_width=float(_NEAR_PALM * (LARGEST_PALM / _NEAR_PALM) ** place))


def pose_of(variant: Variant, factors: Factors, shapes: Handshapes) -> np.ndarray:
    """Joint angles and the directions of fingers and palm in the image (POSE,), each number about as spread as 1."""
    fingers, thumb = bend(variant, factors, shapes)
    to_camera = _rotation(factors.pitch, factors.yaw, factors.roll) @ variant.orientation
    to_camera[0] *= -1.0 if factors.hand == "left" else 1.0
    return np.concatenate([fingers.ravel() / 30, thumb / 20, 2 * to_camera[:, 1], 2 * to_camera[:, 2]])


class SceneFeed:
    """Processes that fill slots without end.

    Args:
        size: of the images in pixels.
        seed: of the first slot; each slot has the next one, so its thousand persons are new.
        workers: processes.
        slots: two for each process are enough.
        freedoms: of the slots, in turn.
    """

    def __init__(self, size: int, seed: int, workers: int, slots: int, freedoms: Sequence[float]) -> None:
        self.size, self.seed, self.workers, self.freedoms = size, seed, workers, freedoms
        self.slots = [Scenes.shared(size) for _ in range(slots)]
        # What is compiled before the fork, no process compiles again.
        Scenes.shared(size).fill(seed, size, freedoms[0])
        context = multiprocessing.get_context("fork")
        self._free, self._ready = context.Queue(), context.Queue()
        for slot in range(slots):
            self._free.put(slot)
        self._processes = [context.Process(target=self._work, args=(i,), daemon=True) for i in range(workers)]
        for process in self._processes:
            process.start()

    def _work(self, number: int) -> None:
        os.nice(5)
        for round_ in itertools.count():
            slot = self._free.get()
            self.slots[slot].fill(*self.task(number, round_))
            self._ready.put(slot)

    def task(self, number: int, round_: int) -> tuple[int, int, float]:
        """Seed, size and freedom of what a process fills in one of its rounds."""
        freedom = self.freedoms[(number + round_) % len(self.freedoms)]
        return self.seed + number + round_ * self.workers, self.size, freedom

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
