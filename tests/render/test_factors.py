"""Factors are drawn by name, one without the other."""

import re
from dataclasses import asdict, fields

import numpy as np
import pytest

from surehand.errors import UsageError
from surehand.render import FACTOR_GROUPS, FACTOR_NAMES, SCENES, Factors, render
from surehand.render._factors import _PICTURE_LAWS, _SIGNER_LAWS, draw_factors, held_while_varying
from surehand.render._handshapes import default_handshapes

SHAPES = default_handshapes()


def draw(name="A", seed=0, index=0, **fixed):
    return draw_factors(name, SHAPES, seed=seed, index=index, fixed=fixed)


def test_every_factor_is_drawn_and_documented():
    assert set(asdict(draw())) == set(FACTOR_NAMES) == {field.name for field in fields(Factors)}
    entries = re.findall(r"^        (\w[\w, \n]*?):", Factors.__doc__.partition("Attributes:")[2], re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(entries))) == set(FACTOR_NAMES)
    assert all(name in FACTOR_NAMES for group in FACTOR_GROUPS.values() for name in group)


def test_factors_depend_on_seed_class_and_index_alone():
    assert draw() == draw()
    assert len({draw(name, seed, index).yaw for name in "AB" for seed in (0, 1) for index in (0, 1)}) == 8


@pytest.mark.parametrize("name", FACTOR_NAMES)
def test_fixing_a_factor_changes_no_other(name):
    other = getattr(draw(index=1), name)
    usual, fixed = asdict(draw()), asdict(draw(**{name: other}))
    assert fixed.pop(name) == other
    if name == "person":  # brings along what belongs to the signer
        signer = ("hand", *FACTOR_GROUPS["signer"])
        fixed = {key: value for key, value in fixed.items() if key not in signer}
    assert fixed.items() <= usual.items()


def test_a_fixed_value_of_another_type_is_the_same_factor():
    plain = draw(jpeg_quality=80, background_scene=7, joint_noise=(0.5,) * 21, tone=8.0, person=3)
    other = draw(
        jpeg_quality=np.int64(80), background_scene=7.0, joint_noise=[0.5] * 21, tone=np.float32(8), person=3.0
    )
    assert repr(other) == repr(plain)


@pytest.mark.parametrize("name", ["person", "variant", "background_scene", "noise_scene", "jpeg_quality"])
def test_half_of_what_is_counted_is_refused(name):
    with pytest.raises(UsageError, match=f"the factor {name} must be a whole number; got 1.5"):
        draw(**{name: 1.5})


def test_scenes_change_the_factors_whose_laws_they_have_and_no_others():
    usual = asdict(draw(index=4))
    for scenes, laws in SCENES.items():
        drawn = asdict(draw(index=4, scenes=scenes))
        assert {name for name in usual if drawn[name] != usual[name]} <= {"scenes", *laws}
        assert drawn["scenes"] == scenes
        for law in laws:
            assert {**_PICTURE_LAWS, **_SIGNER_LAWS}[law].numbers == laws[law].numbers, law
    near = [draw(index=index, scenes="near") for index in range(300)]
    assert min(factors.palm_width for factors in near) == pytest.approx(0.22, abs=0.01)
    assert {factors.background for factors in near}.isdisjoint({"folds", "things"})
    assert 0.06 < sum(factors.hand == "left" for factors in near) / len(near) < 0.15
    assert {draw(index=index, scenes="studio").background for index in range(20)} == {"plain"}


def test_scenes_are_asked_for_and_never_vary():
    with pytest.raises(UsageError, match="no factor or group 'scenes' to vary"):
        held_while_varying("scenes", "A", SHAPES, seed=0)
    with pytest.raises(UsageError, match="scenes must be one of any, shown, near, studio; got 'moon'"):
        draw(scenes="moon")


def test_what_belongs_to_a_person_is_the_same_in_every_picture():
    first, second = draw("A", index=3, person=17), draw("W", index=9, person=17)
    for name in (*FACTOR_GROUPS["signer"], "hand"):
        assert getattr(first, name) == getattr(second, name)
    assert draw("A", index=3, person=18).tone != first.tone


def test_variants_tones_and_hands_are_drawn_as_often_as_the_laws_say():
    drawn = [draw("A", index=index) for index in range(1500)]
    weights = [variant.weight for variant in SHAPES.classes["A"]]
    share = sum(factors.variant == 0 for factors in drawn) / len(drawn)
    assert share == pytest.approx(weights[0] / sum(weights), abs=0.05)
    assert sum(factors.hand == "left" for factors in drawn) / len(drawn) == pytest.approx(0.3, abs=0.04)
    assert sum(factors.tone < 5.5 for factors in drawn) / len(drawn) == pytest.approx(0.5, abs=0.06)
    assert sum(draw("nothing", index=index).idle for index in range(1000)) == pytest.approx(500, abs=50)
    assert not any(factors.idle for factors in drawn)


@pytest.mark.parametrize("group", ["light", "tone", "background", "rotation", "signer", "distance"])
def test_a_series_varies_its_group_and_nothing_else(group):
    held = held_while_varying(group, "K", SHAPES, seed=0)
    series = [asdict(draw("K", index=index, **held)) for index in range(1, 5)]
    differing = {name for name in FACTOR_NAMES if len({repr(factors[name]) for factors in series}) > 1}
    allowed = set(FACTOR_GROUPS.get(group, (group,)))
    # With the signer's own factors free, the person is, too.
    assert differing
    assert differing <= allowed | ({"person"} if group == "tone" else set())
    assert group in differing or group in FACTOR_GROUPS


@pytest.mark.parametrize("name", dict.fromkeys((*FACTOR_GROUPS, *FACTOR_NAMES[1:])))
def test_every_series_has_more_than_one_picture(name):
    # Only "nothing" may be idle, and A is formed in two ways. What is rare, such as nail polish, is seen among 60.
    letter = "nothing" if name == "idle" else "A"
    held = held_while_varying(name, letter, SHAPES, seed=0)
    series = [asdict(draw(letter, index=index, **held)) for index in range(60)]
    differing = {factor for factor in FACTOR_NAMES if len({repr(factors[factor]) for factors in series}) > 1}
    # A number in the file's name is no other picture.
    assert differing - {"person"}
    assert differing >= {name} & set(FACTOR_NAMES)


def test_a_series_of_persons_varies_all_that_belongs_to_a_person():
    held = held_while_varying("person", "A", SHAPES, seed=0)
    for index in range(3):
        drawn = draw("A", index=index, **held)
        assert drawn == draw("A", index=0, person=drawn.person)
    pictures = [render("A", seed=0, index=index, size=16, fixed=held).image.tobytes() for index in range(3)]
    assert len(set(pictures)) == 3


@pytest.mark.parametrize("group", ["hand", "tone", "shape", "signer"])
def test_what_belongs_to_a_fixed_person_cannot_vary(group):
    with pytest.raises(UsageError, match=f"{group} cannot vary while the person is fixed: .* do not fix person"):
        held_while_varying(group, "A", SHAPES, seed=0, fixed={"person": 3})


def test_a_fixed_person_may_sign_in_any_light():
    held = held_while_varying("light", "A", SHAPES, seed=0, fixed={"person": 3})
    series = [draw("A", index=index, **held) for index in range(3)]
    assert {(factors.person, factors.tone) for factors in series} == {(3, draw("A", person=3).tone)}
    assert len({factors.light_azimuth for factors in series}) == 3


@pytest.mark.parametrize(
    ("group", "fixed"),
    [
        ("tone", {"tone": 3}),
        ("person", {"person": 3}),
        ("person", {name: getattr(draw(), name) for name in FACTOR_GROUPS["person"] if name != "person"}),
        ("place", {"place_x": 0.1, "place_y": 0.1}),
    ],
    ids=["tone", "person", "all of a person", "place"],
)  # fmt: skip
def test_what_is_fixed_cannot_vary(group, fixed):
    with pytest.raises(UsageError, match=f"{group} cannot vary while it is fixed"):
        held_while_varying(group, "A", SHAPES, seed=0, fixed=fixed)


def test_a_variant_that_one_class_lacks_is_refused_with_the_name_of_the_class():
    with pytest.raises(UsageError, match=r"variant must lie in 0 to 0 for class I, which has no others; got 1"):
        draw("I", variant=1)


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ({"lihgt": 1}, "no factor 'lihgt'"),
        ({"tone": 11}, "tone must lie in 1 to 10; got 11"),
        ({"variant": 9}, "variant must lie in 0 to 2 for class A, which has no others; got 9"),
        ({"hand": "both"}, "hand must be one of right, left; got 'both'"),
        ({"background": "beach"}, "background must be one of plain"),
        ({"joint_noise": (0.0,)}, "joint_noise needs 21 numbers"),
        ({"jpeg_quality": 0}, "jpeg_quality must lie in 1 to 95"),
        ({"yaw": "left"}, "yaw must lie in"),
    ],
)
def test_an_impossible_fixed_factor_is_refused(fixed, words):
    with pytest.raises(UsageError, match=words):
        draw(**fixed)


def test_an_unknown_group_is_refused():
    with pytest.raises(UsageError, match="no factor or group 'weather'"):
        held_while_varying("weather", "A", SHAPES, seed=0)
