"""Rendered letters as a folder of class folders, with the ground truth beside it when asked for."""

import csv
import io
import json
import shutil
from collections.abc import Mapping
from glob import escape as glob_escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from surehand.alphabet import CLASSES
from surehand.errors import DataError, UsageError
from surehand.files import remove_abandoned, unfinished
from surehand.progress import Progress, silent

from ._factors import draw_factors, held_while_varying
from ._handshapes import Handshapes, default_handshapes
from ._kinematics import JOINTS
from ._parallel import Task, in_parallel
from ._record import write_record
from ._render import Rendering, check_size

FORMATS: dict[str, dict[str, Any]] = {"jpg": {"quality": 95, "subsampling": 0}, "png": {}}
# Generous, masks included: noise hardly shrinks in PNG files.
_BYTES_A_PIXEL = {"jpg": 1.0, "png": 3.5}
_BYTES_A_PICTURE = 4096


def write_letters(
    folder: str | Path,
    per_class: int,
    size: int,
    seed: int,
    *,
    masks: bool = False,
    boxes: bool = False,
    joints: bool = False,
    vary: str | None = None,
    fixed: Mapping[str, Any] | None = None,
    shapes: Handshapes | None = None,
    image_format: str = "jpg",
    workers: int | None = None,
    progress: Progress = silent,
) -> Path:
    """Write pictures of all classes into class folders: all of them, or nothing.

    Pictures are named by person and place, such as ``A/p0012_A00001.jpg``; of each class, a larger set begins with the
    pictures of a smaller one. Beside the class folders: ``letters.json``, what was asked for; ``factors.csv``, what was
    drawn for every picture; ``masks/A/p0012_A00001.png``, parts from 0 to 7 as `Rendering.parts`, passed over by
    `surehand.data`; ``boxes.json`` in COCO's form; ``joints.csv``, x, y and visible of 21 joints.

    Args:
        folder: made if missing; must be empty.
        per_class: pictures a class, at least 1.
        size: of the square pictures in pixels, 16 to 2048.
        seed: of the data set.
        masks: write part maps.
        boxes: write the boxes of the hands.
        joints: write the joints.
        vary: a factor or a name of `FACTOR_GROUPS`; everything else stays the same within a class.
        fixed: factors by name that are not drawn; also in a series.
        shapes: hand shapes; the package's own by default.
        image_format: "jpg" (quality 95) or "png".
        workers: processes, or threads where these cannot be forked; as many as there are cores by default.
        progress: told after every picture.

    Returns:
        The folder.

    Raises:
        UsageError: an argument out of range, a series in which nothing is left to vary, or a folder that is not empty
            or is the current one.
        DataError: the folder cannot be written, or there is no space left.
        SurehandError: a process that rendered was killed.
    """
    folder = Path(folder).resolve()
    check_size(size)
    if per_class < 1:
        raise UsageError(f"per_class must be at least 1; got {per_class}")
    if image_format not in FORMATS:
        raise UsageError(f"the format must be one of {', '.join(FORMATS)}; got {image_format!r}")
    if workers is not None and workers < 1:
        raise UsageError(f"workers must be at least 1; got {workers}")
    shapes = shapes or default_handshapes()
    held = {name: _held(name, vary, dict(fixed or {}), shapes, seed) for name in CLASSES}
    parent, making = folder.parent, unfinished(folder)
    try:
        if folder.exists():
            if not folder.is_dir() or any(folder.iterdir()):
                raise UsageError(f"{folder} is not an empty folder: name another one, or remove it first")
            if folder == Path.cwd():
                raise UsageError(f"{folder} is the current folder, which cannot be replaced: name one in it")
            folder.rmdir()  # what cannot be replaced in the end, such as a mount point, is told before the work
            folder.mkdir()
        parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(parent, glob_escape(folder.name))
        _check_space(parent, per_class * len(CLASSES), size, image_format)
        making.mkdir()
        tasks: list[Task] = [
            (name, index, seed, size, held[name], shapes) for name in CLASSES for index in range(per_class)
        ]
        writer = _Writer(making, image_format, masks, boxes, joints)
        for done, (task, rendering) in enumerate(zip(tasks, in_parallel(tasks, workers), strict=True), 1):
            writer.add(rendering, task[1])
            progress(done, len(tasks), "rendering letters")
        writer.close()
        write_record(making, made_from(per_class, size, seed, vary, fixed))
        if folder.exists():
            folder.rmdir()
        making.rename(folder)
    except OSError as error:
        raise DataError(
            f"Could not write letters into {folder}: {error.strerror or error}. Nothing was left there; free some "
            "space or name another place, then repeat the command."
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def made_from(
    per_class: int, size: int, seed: int, vary: str | None = None, fixed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What `write_letters` was asked for, as ``letters.json`` tells it."""
    plain = {name: np.asarray(value).tolist() for name, value in (fixed or {}).items()}
    return {"per_class": per_class, "size": size, "seed": seed, "vary": vary, "fixed": plain}


def _held(name: str, vary: str | None, fixed: dict[str, Any], shapes: Handshapes, seed: int) -> dict[str, Any]:
    """The factors that are the same in all pictures of a class, checked before the first one is rendered."""
    if vary is None:
        draw_factors(name, shapes, seed=seed, index=0, fixed=fixed)
        return fixed
    return held_while_varying(vary, name, shapes, seed=seed, fixed=fixed)


def _check_space(parent: Path, pictures: int, size: int, image_format: str) -> None:
    needed = pictures * (size * size * _BYTES_A_PIXEL[image_format] + _BYTES_A_PICTURE)
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise DataError(
            f"{parent} has {free / 1e6:,.0f} MB left and {pictures:,} pictures may need {needed / 1e6:,.0f} MB: "
            "free some space, or ask for fewer or smaller pictures"
        )


class _Writer:
    """Collects the tables while pictures are written."""

    def __init__(self, folder: Path, image_format: str, masks: bool, boxes: bool, joints: bool) -> None:
        self.folder, self.image_format = folder, image_format
        self.masks, self.boxes, self.joints = masks, boxes, joints
        self.factor_rows: list[dict[str, Any]] = []
        self.joint_rows: list[list[Any]] = []
        self.coco: dict[str, list[dict[str, Any]]] = {
            "images": [],
            "annotations": [],
            "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES, 1)],
        }
        for name in CLASSES:
            (folder / name).mkdir()
            if masks:
                (folder / "masks" / name).mkdir(parents=True)
        if masks:
            # Masks are no class of pictures: this tells so to whoever reads the folder.
            (folder / "masks" / ".nomedia").touch()

    def add(self, rendering: Rendering, index: int) -> None:
        name = rendering.class_name
        stem = f"{name}/p{rendering.factors.person:04d}_{name}{index + 1:05d}"
        path = f"{stem}.{self.image_format}"
        self._save(rendering.image, path, **FORMATS[self.image_format])
        self.factor_rows.append({"path": path, **vars(rendering.factors)})
        if self.masks:
            self._save(rendering.parts, f"masks/{stem}.png")
        if self.joints:
            rounded = [f"{value:.3f}" for value in np.asarray(rendering.joints).ravel()]
            numbers = [[rounded[2 * j], rounded[2 * j + 1], int(rendering.visible[j])] for j in range(len(JOINTS))]
            self.joint_rows.append([path, *(value for row in numbers for value in row)])
        if self.boxes:
            self._add_coco(rendering, path)

    def _save(self, pixels: NDArray[np.uint8], path: str, **options: Any) -> None:
        # Pillow's own writing says "encoder error -2" of a full disk.
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(pixels)).save(buffer, path.rpartition(".")[2].replace("jpg", "jpeg"), **options)
        (self.folder / path).write_bytes(buffer.getvalue())

    def _add_coco(self, rendering: Rendering, path: str) -> None:
        height, width = rendering.image.shape[:2]
        image = len(self.coco["images"]) + 1
        self.coco["images"].append({"id": image, "file_name": path, "width": width, "height": height})
        if rendering.box is not None and rendering.class_name != "nothing":
            x0, y0, x1, y1 = rendering.box
            self.coco["annotations"].append(
                {
                    "id": len(self.coco["annotations"]) + 1,
                    "image_id": image,
                    "category_id": CLASSES.index(rendering.class_name) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": int(rendering.mask.sum()),
                    "iscrowd": 0,
                }
            )

    def close(self) -> None:
        with (self.folder / "factors.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(self.factor_rows[0]))
            table.writeheader()
            table.writerows(self.factor_rows)
        if self.joints:
            with (self.folder / "joints.csv").open("w", newline="", encoding="utf-8") as file:
                header = [f"{joint}_{column}" for joint in JOINTS for column in ("x", "y", "visible")]
                csv.writer(file).writerows([["path", *header], *self.joint_rows])
        if self.boxes:
            (self.folder / "boxes.json").write_text(json.dumps(self.coco), encoding="utf-8")
