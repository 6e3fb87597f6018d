"""What the verdict says to what was measured; `run.json` in, words out."""

import copy

import pytest

from surehand.report import LEVELS, epsilon_of_half, verdict


def found(record, check):
    return [reason for reason in verdict(record)["reasons"] if reason["check"] == check]


def proportion_of(value, width=0.02, n=1000):
    return {"value": value, "low": max(0.0, value - width / 2), "high": min(1.0, value + width / 2), "n": n}


@pytest.fixture
def good(record):
    """A run against which nothing speaks."""
    record["data"].update(quarantined=0, leak_rate=0.01, nearest_neighbour={"random": 0.5, "grouped": 0.45})
    del record["models"]["darknet53"]
    model = record["models"]["cnn"]
    model["accuracy"] = {
        "random": proportion_of(0.95),
        "grouped": proportion_of(0.94),
        "external": {"world": proportion_of(0.93)},
    }
    model["calibration"]["external"] = {"world": 0.05}
    model["fgsm"].update(robust=[0.94] * 6, accuracy=[0.94] * 6, warnings=[])
    return record


def test_a_run_against_which_nothing_speaks_is_trusted_without_being_certified(good):
    judgement = verdict(good)
    assert judgement["level"] == "trust"
    assert {reason["level"] for reason in judgement["reasons"]} == {"trust"}
    assert "certif" not in str(judgement)


def test_the_level_is_the_worst_of_the_reasons_and_the_worst_comes_first(record):
    judgement = verdict(record)
    ranks = [LEVELS.index(reason["level"]) for reason in judgement["reasons"]]
    assert judgement["level"] == LEVELS[max(ranks)]
    assert ranks == sorted(ranks, reverse=True)
    assert judgement["sentence"] == judgement["reasons"][0]["text"]


def test_a_collapse_on_an_external_set_is_not_to_be_trusted_and_names_both_accuracies(good):
    good["models"]["cnn"]["accuracy"]["external"]["world"] = proportion_of(0.105)
    assert verdict(good)["level"] == "do not trust"
    assert "94.0 %" in verdict(good)["sentence"]
    assert "10.5 % of “world”" in verdict(good)["sentence"]


@pytest.mark.parametrize(("external", "level"), [(0.85, "trust"), (0.80, "caution"), (0.62, "do not trust")])
def test_what_is_kept_elsewhere_decides_the_level(good, external, level):
    good["models"]["cnn"]["accuracy"]["external"]["world"] = proportion_of(external)
    [reason] = found(good, "external")
    assert reason["level"] == level


def test_a_small_set_does_not_condemn_by_chance_but_is_named_as_small(good):
    good["models"]["cnn"]["accuracy"]["external"]["world"] = proportion_of(0.6, width=0.5, n=12)
    assert found(good, "external")[0]["level"] == "caution"
    [reason] = found(good, "small-test-set")
    assert "12 images" in reason["text"]


def test_of_two_classes_a_handful_read_rightly_is_no_guessing(good):
    good["data"]["classes"] = 2
    accuracy = good["models"]["cnn"]["accuracy"]
    accuracy["external"]["world"] = {"value": 1.0, "low": 0.478, "high": 1.0, "n": 5}
    assert [reason["level"] for reason in found(good, "chance")] == ["caution"]
    assert verdict(good)["level"] == "caution"
    accuracy["external"]["world"] = {"value": 0.5, "low": 0.45, "high": 0.55, "n": 400}
    assert [reason["level"] for reason in found(good, "chance")] == ["do not trust"]


def test_without_an_external_set_the_verdict_says_what_is_not_known(good, alphabet_record):
    good["external"] = {}
    [reason] = found(good, "no-external-set")
    assert "nothing here says how it does on images from elsewhere" in reason["text"]
    alphabet_record["external"] = {}
    assert "on other people's hands" in found(alphabet_record, "no-external-set")[0]["text"]
    assert verdict(good)["level"] == "caution"


def test_leaks_are_told_by_the_random_split_and_condemn_in_the_grouped_one(good):
    good["data"]["leak_rate"] = 0.85
    assert [reason["level"] for reason in found(good, "leak")] == ["caution"]
    good["data"]["leak_rate_grouped"] = 0.2
    assert [reason["level"] for reason in found(good, "leak-grouped")] == ["do not trust"]


def test_a_nearest_neighbour_that_does_as_well_is_named(good):
    good["data"]["nearest_neighbour"] = {"random": 0.935, "grouped": 0.437}
    [reason] = found(good, "nearest-neighbour")
    assert "93.5 %" in reason["text"]
    assert "43.7 %" in reason["text"]


def test_the_epsilon_that_halves_the_accuracy_is_read_between_the_measured_ones(good):
    good["models"]["cnn"]["fgsm"].update(epsilons=[0, 4 / 255], robust=[0.8, 0.0], accuracy=[0.8, 0.0])
    [reason] = found(good, "adversarial")
    assert "of 2/255 halves" in reason["text"]
    assert reason["level"] == "caution"


def test_half_is_half_of_the_clean_accuracy_and_of_what_stays_robust():
    assert epsilon_of_half([0, 0.1, 0.2], [0.8, 0.6, 0.2]) == pytest.approx(0.15)
    assert epsilon_of_half([0, 0.1, 0.2], [0.4, 0.3, 0.25]) is None
    assert epsilon_of_half([0, 0.1], [0.0, 0.0]) is None


@pytest.mark.parametrize(("levels", "level"), [(4, "caution"), (15, "caution"), (17, "trust")])
def test_who_wants_to_fool_it_can_only_below_the_usual_budget(good, levels, level):
    good["models"]["cnn"]["fgsm"].update(epsilons=[0, levels / 255], robust=[0.8, 0.0], accuracy=[0.8, 0.3])
    [reason] = found(good, "adversarial")
    assert reason["level"] == level  # half is reached in the middle
    assert ("anyone who wants to fool it can" in reason["text"]) == (reason["level"] == "caution")


def test_a_model_that_is_never_right_has_nothing_to_lose(good):
    good["models"]["cnn"]["fgsm"].update(robust=[0.0] * 6, accuracy=[0.0] * 6)
    [reason] = found(good, "adversarial")
    assert reason["level"] == "caution"
    assert "does not halve" not in reason["text"]


def test_an_attack_that_warns_of_itself_earns_no_trust(good):
    good["models"]["cnn"]["fgsm"]["warnings"] = ["900 of 1000 gradients are exactly zero."]
    assert found(good, "adversarial")[0]["level"] == "caution"


def test_an_external_set_with_images_of_the_training_source_is_not_to_be_trusted(good):
    good["external"]["world"]["known_images"] = 3
    [reason] = found(good, "external-known")
    assert reason["level"] == verdict(good)["level"] == "do not trust"
    assert "3 images of “world” are in the training source too" in reason["text"]


@pytest.mark.parametrize(("near", "reasons"), [(21, 0), (22, 1)])
def test_near_twins_of_training_images_are_a_reason_above_one_in_twenty(good, near, reasons):
    good["external"]["world"].update(images=435, near_images=near)
    assert [reason["level"] for reason in found(good, "external-near")] == ["caution"] * reasons


def test_sets_are_named_in_words(record):
    record["models"]["cnn"]["never_recognised"] = {"grouped": ["circle"], "random": ["cross"], "world": ["square"]}
    texts = " ".join(reason["text"] for reason in found(record, "class-never-recognised"))
    assert all(f"On {name}, cnn" in texts for name in ("held-back groups", "a random split", "“world”"))


def test_a_model_that_is_wrong_on_most_images_is_not_called_fine(good):
    accuracy = good["models"]["cnn"]["accuracy"]
    assert not found(good, "mostly-wrong")
    accuracy.update(random=proportion_of(0.49, width=0.04), grouped=proportion_of(0.49, width=0.04))
    assert not found(good, "mostly-wrong")  # it may as well be half
    accuracy.update(random=proportion_of(0.106), grouped=proportion_of(0.111), external={})
    [reason] = found(good, "mostly-wrong")
    assert reason["level"] == "caution"
    assert "more often wrong than right (11.1 %)" in reason["text"]


def test_guessing_is_called_guessing(good):
    good["models"]["cnn"]["accuracy"]["grouped"] = proportion_of(0.25, width=0.05)
    assert found(good, "chance")[0]["level"] == "do not trust"


def test_poor_calibration_quarantine_and_silent_classes_are_reasons(good):
    good["models"]["cnn"]["calibration"] = {"ece": 0.2, "temperature": 1.0}
    good["models"]["cnn"]["never_recognised"] = {"world": ["circle"], "phone": []}
    good["data"].update(images=100, quarantined=5)
    levels = {reason["check"]: reason["level"] for reason in verdict(good)["reasons"]}
    assert levels["calibration"] == levels["class-never-recognised"] == levels["quarantine"] == "caution"


def test_confidence_is_judged_where_it_was_measured(good):
    good["models"]["cnn"]["calibration"] = {"ece": 0.01, "temperature": 1.0, "external": {"world": 0.318}}
    held_back, elsewhere = sorted(found(good, "calibration"), key=lambda reason: reason["level"], reverse=True)
    assert held_back["level"] == "trust"
    assert "On held-back groups, the confidence that cnn states" in held_back["text"]
    assert elsewhere["level"] == "caution"
    assert "On “world”" in elsewhere["text"]
    assert "31.8 %" in elsewhere["text"]


def test_letters_that_move_are_marked_in_the_verdict(alphabet_record):
    alphabet_record["models"]["cnn"]["never_recognised"] = {"world": ["J", "K"]}
    assert "J (still frame only) and K" in found(alphabet_record, "class-never-recognised")[0]["text"]


def test_an_interrupted_run_without_models_has_a_verdict():
    judgement = verdict({"schema": 1, "status": "interrupted", "data": {}, "models": {}})
    assert judgement["level"] == "caution"
    assert [reason["check"] for reason in judgement["reasons"]] == ["unfinished", "no-model", "no-external-set"]


def test_the_verdict_is_pure(record):
    before = copy.deepcopy(record)
    assert verdict(record) == verdict(record)
    assert record == before
