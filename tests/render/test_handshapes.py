"""What the hand-shape file must hold, and how it is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import surehand.render
from surehand.errors import DataError
from surehand.render import CLASSES, load_handshapes, render
from surehand.render._handshapes import default_handshapes

ORIGINAL = Path(surehand.render.__file__).with_name("handshapes.json")


@pytest.fixture
def changed(tmp_path):
    """Write a changed copy and return its path."""

    def write(change):
        content = json.loads(ORIGINAL.read_text())
        change(content)
        path = tmp_path / "shapes.json"
        path.write_text(json.dumps(content))
        return path

    return write


def first(content, name):
    return content["classes"][name]["variants"][0]


def test_the_package_knows_29_classes_and_every_letter_has_a_variant():
    shapes = default_handshapes()
    assert tuple(shapes.classes) == CLASSES
    assert len(CLASSES) == 29
    assert all(shapes.classes[name] for name in CLASSES if name != "nothing")


def test_every_orientation_is_a_rotation():
    for variants in default_handshapes().classes.values():
        for variant in variants:
            assert_allclose(variant.orientation @ variant.orientation.T, np.eye(3), atol=1e-9)
            assert np.linalg.det(variant.orientation) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: first(c, "A")["index"].__setitem__(1, 130), ["class A", "index", "pip_flexion", "130", "-4 to 112"]),
        (lambda c: first(c, "T")["thumb"].__setitem__(0, -80), ["class T", "thumb", "cmc_azimuth", "-80", "-25 to 75"]),
        (lambda c: c["classes"].update({"Ä": {"variants": []}}), ["unknown class Ä"]),
        (lambda c: c["classes"].pop("M"), ["class M is missing"]),
        (lambda c: c["classes"]["B"].update(variants=[]), ["class B", "no variant"]),
        (lambda c: first(c, "C").update(weight=0), ["class C", "weight", "positive"]),
        (lambda c: first(c, "D")["ring"].pop(), ["class D", "ring", "4 numbers"]),
        (lambda c: first(c, "D")["ring"].__setitem__(0, "bent"), ["class D", "ring", "numbers"]),
        (lambda c: first(c, "F").update(palm_normal=first(c, "F")["fingers_direction"]), ["class F", "perpendicular"]),
        (lambda c: first(c, "F").update(palm_normal=[0, 0, 0]), ["class F", "length zero"]),
        (lambda c: c["proportions"]["thumb_length"].__setitem__(0, -1), ["thumb_length", "positive"]),
        (lambda c: c.pop("limits"), ["limits", "missing"]),
        (lambda c: first(c, "G")["thumb"].__setitem__(0, float("nan")), ["class G", "thumb", "finite"]),
        (lambda c: first(c, "H").update(weight="often"), ["class H", "weight", "a number", "often"]),
        (lambda c: c["limits"]["ring"].__setitem__(1, [0, 200]), ["ring", "pip_flexion", "-180 to 180", "0 to 200"]),
        (lambda c: c["limits"]["thumb"].__setitem__(0, [75, -25]), ["thumb", "cmc_azimuth", "rise", "75 to -25"]),
        (lambda c: c["idle"]["finger"].__setitem__(1, [0, 140]), ["idle index", "pip_flexion", "140", "-4 to 112"]),
        (lambda c: c["idle"]["abduction"].__setitem__(3, -40), ["idle little", "mcp_abduction", "-40"]),
        (lambda c: c["idle"]["thumb"].__setitem__(4, [5, 100]), ["idle thumb", "ip_flexion", "100"]),
        (lambda c: c["noise"].update(loose_mcp="much"), ["loose_mcp", "a number", "much"]),
    ],
)  # fmt: skip
def test_an_impossible_file_is_refused_by_name(changed, change, words):
    with pytest.raises(DataError) as error:
        load_handshapes(changed(change))
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_file_that_is_not_json_is_refused(tmp_path):
    path = tmp_path / "shapes.json"
    path.write_text("fingers: 5")
    with pytest.raises(DataError, match="cannot read the hand shapes"):
        load_handshapes(path)
    with pytest.raises(DataError, match="cannot read the hand shapes"):
        load_handshapes(tmp_path / "missing.json")


def test_own_hand_shapes_change_the_picture(changed):
    straight = changed(lambda c: first(c, "S").update(index=[0, 0, 0, 0]))
    usual = render("S", seed=0, index=0, size=32, fixed={"variant": 0})
    own = render("S", seed=0, index=0, size=32, fixed={"variant": 0}, shapes=load_handshapes(straight))
    assert own.factors == usual.factors
    assert (own.parts == 2).sum() > (usual.parts == 2).sum()
