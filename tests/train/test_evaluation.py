"""Scores against scikit-learn and against values worked out by hand."""

from dataclasses import astuple

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import precision_recall_fscore_support
from torch import nn

from surehand.errors import DataError
from surehand.randomness import generator
from surehand.train import (
    Confusion,
    Evaluation,
    evaluate,
    expected_calibration_error,
    fit_temperature,
    predict,
    reliability,
)


def random_evaluation(n=300, k=5, seed=0) -> Evaluation:
    draw = generator(seed, "evaluation")
    logits = draw.normal(size=(n, k)).astype(np.float32)
    labels = draw.integers(0, k, n)
    logits[np.arange(n), labels] += 1
    return Evaluation(logits, labels, tuple(map(str, range(n))), tuple("abcde"[:k]))


def test_confusion_and_scores_equal_scikit_learn():
    found = random_evaluation()
    assert np.array_equal(found.confusion, sklearn_confusion(found.labels, found.predictions))
    expected = precision_recall_fscore_support(found.labels, found.predictions)
    ours = np.array([astuple(score)[1:] for score in found.class_scores]).T
    assert np.allclose(ours, expected)


def test_most_confused_lists_mistakes_by_count():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predictions = np.array([1, 1, 1, 0, 1, 0, 2, 2])
    found = Evaluation(np.eye(3, dtype=np.float32)[predictions], labels, ("",) * 8, ("a", "b", "c"))
    assert found.most_confused() == (Confusion("a", "b", 3, 0.75), Confusion("b", "a", 1, 0.5))


def test_accuracy_without_some_classes_leaves_their_images_out():
    found = random_evaluation()
    kept = found.labels != 2
    assert found.accuracy_without(("c",)).value == (found.predictions == found.labels)[kept].mean()
    assert found.accuracy_without(("c",)).n == kept.sum()


def test_calibration_error_by_hand():
    # Two images with confidence 0.9, one right; two with 0.6, both right: 0.5 * |0.9 - 0.5| + 0.5 * |0.6 - 1|.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    labels = np.array([0, 1, 0, 1])
    assert expected_calibration_error(reliability(probabilities, labels)) == pytest.approx(0.4)


def test_bins_hold_every_image_once():
    found = random_evaluation()
    assert sum(b.count for b in found.reliability()) == len(found.labels)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_fitted_temperature_is_that_of_the_labels(true_temperature):
    draw = generator(1, "temperature")
    logits = 3 * draw.normal(size=(20_000, 6))
    scaled = np.exp(logits / true_temperature)
    cumulative = np.cumsum(scaled / scaled.sum(1, keepdims=True), 1)
    labels = (draw.random((len(logits), 1)) > cumulative).sum(1).clip(0, 5)
    assert fit_temperature(logits, labels) == pytest.approx(true_temperature, rel=0.05)


def test_temperature_changes_no_prediction():
    found = random_evaluation()
    warm = Evaluation(found.logits, found.labels, found.paths, found.classes, temperature=4.0)
    assert np.array_equal(found.predictions, warm.probabilities.argmax(1))


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.seen = nn.BatchNorm2d(3), 0

    def forward(self, images):
        self.seen += len(images)
        return torch.nn.functional.pad(self.norm(images).mean((2, 3)), (0, 1))


def test_every_image_is_predicted_once_and_the_model_is_left_as_it_was(images):
    model = Counting().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    logits = predict(model, images, batch=10)
    assert logits.shape == (97, 4)
    assert model.seen == 97
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_predictions_do_not_depend_on_the_batch_size(images):
    model = Counting()
    assert np.allclose(predict(model, images, batch=7), predict(model, images, batch=64), atol=1e-6)


def test_an_empty_set_is_refused(images):
    with pytest.raises(DataError, match="no images"):
        evaluate(Counting(), images.take(np.array([], np.int64)))
