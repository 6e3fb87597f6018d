"""Accuracy by value of one factor of rendered letters."""

import numpy as np
import pytest
import torch
from torch import nn

from surehand.alphabet import CLASSES
from surehand.audit import STRESS, stress
from surehand.errors import UsageError
from surehand.models import Classifier
from surehand.render import BACKGROUNDS, FACTOR_NAMES, HANDS


class ReadsBrightness(nn.Module):
    """Says the first class of dark pictures, and the second of bright ones."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        bright = (images.mean((1, 2, 3)) > 0.5).float()
        return torch.cat([1 - bright[:, None], bright[:, None], torch.zeros(len(images), 27) - 1], 1)


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(ReadsBrightness().eval(), "reader", CLASSES, 16)


def test_every_series_holds_a_factor_that_exists_at_values_it_can_take(classifier):
    assert set(STRESS) <= set(FACTOR_NAMES)
    for factor in STRESS:
        found = stress(classifier, factor, per_class=1)
        assert [accuracy.n for accuracy in found.accuracy] == [29] * len(STRESS[factor])


def test_series_of_hands_and_backgrounds_are_those_of_the_renderer():
    assert STRESS["hand"] is HANDS
    assert STRESS["background"] is BACKGROUNDS


def test_the_gap_is_between_the_mean_and_the_worst(classifier):
    found = stress(classifier, "tone", per_class=2)
    values = [accuracy.value for accuracy in found.accuracy]
    assert found.mean == pytest.approx(np.mean(values))
    assert found.gap == pytest.approx(np.mean(values) - min(values))


def test_labels_follow_the_names_of_the_classifier_s_classes(classifier):
    names = tuple(name.lower() for name in (*CLASSES[2:], *CLASSES[:2]))
    turned = Classifier(Turned(classifier.model), "reader", names, 16)
    one, other = stress(classifier, "hand", per_class=2), stress(turned, "hand", per_class=2)
    assert one.accuracy == other.accuracy


class Turned(nn.Module):
    """The same with its first two logits last."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images).roll(-2, 1)


def test_what_cannot_be_measured_is_refused_in_a_sentence(classifier):
    with pytest.raises(UsageError, match="no series of letters by weather; choose from tone"):
        stress(classifier, "weather")
    with pytest.raises(UsageError, match="at least 1; got 0"):
        stress(classifier, "tone", per_class=0)
    with pytest.raises(UsageError, match="29 classes of the alphabet"):
        stress(Classifier(classifier.model, "reader", ("cat", "dog"), 16), "tone")
