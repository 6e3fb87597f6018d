"""A few pictures that must not change unnoticed, and the command that makes their file again.

    python tests/render/golden.py            # say what differs
    python tests/render/golden.py --write    # write golden.json

The file holds a SHA-256 of pixels and parts for each platform on which it was written, and a thumbnail of 8 x 8 for all
others: processors and mathematical libraries round the last bits differently. A few pictures cannot show every hand
shape or how often it is drawn, so the file also holds a SHA-256 of the numbers in handshapes.json. The command refuses
to write other pictures or numbers under the same `RENDERER`; to replace those of a version that nobody has used yet,
remove the file first.
"""

import base64
import hashlib
import json
import platform
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import PIL
from PIL import features

import surehand.render
from surehand.render import RENDERER, Rendering, render

FILE = Path(__file__).with_name("golden.json")
HANDSHAPES = Path(surehand.render.__file__).with_name("handshapes.json")

# On other platforms, the mean absolute difference of a thumbnail may be this many of 255 grey levels. Other processors
# alone need none of it: with numba for the oldest x86-64 and numpy without AVX, not one byte differed.
TOLERANCE = 0.5
THUMBNAIL = 8  # pixels a side

# Class, index, size, hand, background: small and large, both hands, every background.
PICTURES = (
    ("A", 0, 64, "right", "plain"),
    ("K", 1, 64, "left", "room"),
    ("R", 2, 64, "right", "planks"),
    ("Y", 3, 64, "left", "texture"),
    ("nothing", 4, 64, "right", "clutter"),
    ("space", 5, 64, "left", "room"),
    ("F", 0, 200, "left", "planks"),
    ("M", 1, 200, "right", "room"),
    ("del", 2, 200, "left", "clutter"),
    ("W", 3, 200, "right", "texture"),
    ("B", 4, 200, "left", "outdoors"),
    ("C", 5, 64, "right", "folds"),
    ("X", 6, 200, "left", "things"),
)


def this_platform() -> str:
    """Everything that the last bits depend on, as far as known."""
    libraries = f"numba {numba.__version__}, numpy {np.__version__}, Pillow {PIL.__version__}"
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    return f"{platform.system()} {platform.machine()} {llvmlite.binding.get_host_cpu_name()}, {libraries}, JPEG {jpeg}"


def golden_rendering(name: str, index: int, size: int, hand: str, background: str) -> Rendering:
    return render(name, seed=0, index=index, size=size, fixed={"hand": hand, "background": background})


def digest(rendering: Rendering) -> str:
    return hashlib.sha256(rendering.image.tobytes() + rendering.parts.tobytes()).hexdigest()


def handshapes_digest() -> str:
    """SHA-256 over the numbers of handshapes.json by name, whatever the layout and the texts beside them."""
    numbers = json.loads(
        HANDSHAPES.read_text(encoding="utf-8"),
        object_hook=lambda entry: {name: value for name, value in entry.items() if not isinstance(value, str)},
    )
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()


def thumbnail(rendering: Rendering) -> np.ndarray:
    """Block means, uint8 (8, 8, 3)."""
    block = len(rendering.image) // THUMBNAIL
    blocks = rendering.image.reshape(THUMBNAIL, block, THUMBNAIL, block, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)


def stored_thumbnail(entry: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(entry["thumbnail"]), np.uint8).reshape(THUMBNAIL, THUMBNAIL, 3)


def read() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def differences(golden: dict[str, Any], renderings: dict[str, Rendering], here: str) -> list[str]:
    """What has changed, a line each: pictures exactly on a platform of the file, within the tolerance on another."""
    same_shapes = golden.get("handshapes") == handshapes_digest()
    found = [] if same_shapes else ["handshapes.json: other numbers, which change pictures that are not among these"]
    for key, rendering in renderings.items():
        entry = golden["pictures"].get(key, {"sha256": {}})
        expected = entry["sha256"].get(here)
        if "thumbnail" not in entry:
            found.append(f"{key}: not in the file")
        elif expected is not None:
            if expected != digest(rendering):
                found.append(f"{key}: other bytes on the same platform")
        else:
            mean = np.abs(stored_thumbnail(entry).astype(float) - thumbnail(rendering)).mean()
            if mean > TOLERANCE:
                found.append(f"{key}: {mean:.2f} grey levels off")
    return found


def render_all() -> dict[str, Rendering]:
    return {" ".join(map(str, picture)): golden_rendering(*picture) for picture in PICTURES}


def merged(golden: dict[str, Any] | None, renderings: dict[str, Rendering], here: str) -> dict[str, Any]:
    """The file with this platform added, or begun anew for a new renderer.

    Raises:
        SystemExit: the pictures or the hand shapes have changed and `RENDERER` has not.
    """
    known: dict[str, Any] = {}
    if golden is not None and golden["renderer"] == RENDERER:
        if changed := differences(golden, renderings, here):
            raise SystemExit(
                f"The pictures have changed, but not their version: raise RENDERER in render/_render.py "
                f"(now {RENDERER}), then repeat the command.\n" + "\n".join(changed)
            )
        known = golden["pictures"]
    pictures = {}
    for key, rendering in renderings.items():
        # The first platform's thumbnail stays, so that tolerances do not add up.
        kept = known.get(key) or {
            "sha256": {},
            "thumbnail": base64.b64encode(thumbnail(rendering).tobytes()).decode(),
        }
        pictures[key] = kept | {"sha256": {**kept["sha256"], here: digest(rendering)}}
    return {"renderer": RENDERER, "handshapes": handshapes_digest(), "pictures": pictures}


def main(arguments: list[str]) -> None:
    golden = read() if FILE.exists() else None
    if arguments == ["--write"]:
        new = merged(golden, render_all(), this_platform())
        FILE.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
        print(f"{FILE}: renderer {RENDERER}, {this_platform()}")
    elif not arguments:
        print("\n".join(differences(golden or {"pictures": {}}, render_all(), this_platform())) or "nothing differs")
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
