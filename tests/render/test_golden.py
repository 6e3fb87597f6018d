"""The same seed gives the same pictures, in every release of one `RENDERER`."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest

from surehand.render import RENDERER

from . import golden

HERE = golden.this_platform()


@pytest.fixture(scope="module")
def renderings():
    return golden.render_all()


def test_the_pictures_of_this_renderer_have_not_changed(renderings):
    stored = golden.read()
    remedy = "then run `python tests/render/golden.py --write` and say so in CHANGELOG.md"
    assert stored["renderer"] == RENDERER, f"golden.json is of renderer {stored['renderer']}; {remedy}"
    changed = golden.differences(stored, renderings, HERE)
    assert not changed, f"raise RENDERER in render/_render.py, {remedy}:\n" + "\n".join(changed)


def test_both_hands_are_among_them_small_and_large():
    kinds = {(size, hand) for _, _, size, hand, _ in golden.PICTURES}
    assert kinds == {(size, hand) for size in (64, 200) for hand in ("left", "right")}


def test_one_changed_pixel_is_noticed_on_the_same_platform_and_a_changed_look_on_any(renderings):
    stored = golden.merged(None, renderings, HERE)
    key, original = next(iter(renderings.items()))
    assert golden.differences(stored, renderings, HERE) == []

    image = original.image.copy()
    image[0, 0, 0] ^= 1
    one_pixel = renderings | {key: replace(original, image=image)}
    assert golden.differences(stored, one_pixel, HERE) == [f"{key}: other bytes on the same platform"]
    assert golden.differences(stored, one_pixel, "another") == []

    brighter = np.clip(original.image.astype(int) + 2, 0, 255).astype(np.uint8)
    look = renderings | {key: replace(original, image=brighter)}
    assert golden.differences(stored, look, "another")[0].startswith(f"{key}: ")


def test_a_changed_weight_of_a_hand_shape_is_noticed_on_any_platform_and_a_changed_text_is_not(
    renderings, tmp_path, monkeypatch
):
    stored = golden.merged(None, renderings, HERE)
    content = json.loads(golden.HANDSHAPES.read_text(encoding="utf-8"))
    monkeypatch.setattr(golden, "HANDSHAPES", tmp_path / "handshapes.json")

    content["classes"]["G"]["about"] = "Said in other words."
    golden.HANDSHAPES.write_text(json.dumps(content))
    assert golden.differences(stored, renderings, HERE) == []

    content["classes"]["G"]["variants"][0]["weight"] += 0.01
    golden.HANDSHAPES.write_text(json.dumps(content))
    for platform in (HERE, "another"):
        (changed,) = golden.differences(stored, renderings, platform)
        assert changed.startswith("handshapes.json: other numbers")
    with pytest.raises(SystemExit, match="raise RENDERER"):
        golden.merged(stored, renderings, HERE)


def test_other_pictures_are_not_written_under_the_same_version(renderings):
    stored = golden.merged(None, renderings, HERE)
    key, original = next(iter(renderings.items()))
    other = renderings | {key: replace(original, image=255 - original.image)}
    with pytest.raises(SystemExit, match="raise RENDERER"):
        golden.merged(stored, other, HERE)
    older = copy.deepcopy(stored) | {"renderer": RENDERER - 1}
    assert golden.differences(golden.merged(older, other, HERE), other, HERE) == []
    both = golden.merged(stored, renderings, "another")
    assert all(set(entry["sha256"]) == {HERE, "another"} for entry in both["pictures"].values())
