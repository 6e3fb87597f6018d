import numpy as np
import pytest
import torch

from surehand.attack import DEFAULT_EPSILONS, FGSM, Threat, run, sweep
from surehand.errors import UsageError


def test_a_sweep_of_20_budgets_costs_one_backward_and_at_most_21_forward_passes_an_image(cnn, images, labels, counting):
    with counting(cnn) as seen:
        curve = sweep(cnn, images, labels)
    assert len(curve.epsilons) == 20
    assert seen.backward == 64
    assert seen.forward == 64 * 20 + 8  # eight images are seen twice, to find models that do not repeat themselves
    assert curve.backward_passes.tolist() == [1] * 64
    assert curve.forward_passes.tolist() == [21] * 8 + [20] * 56


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_a_sweep_is_one_attack_at_each_budget(cnn, images, labels, norm, targeted):
    epsilons = (0, 2 / 255, 10 / 255, 0.3) if norm == "linf" else (0, 0.1, 0.5, 3.0)
    targets = (labels + 1) % 5 if targeted else None
    curve = sweep(cnn, images, labels, FGSM(), norm, epsilons, targets)
    for column, epsilon in enumerate(epsilons[1:], 1):
        result = run(cnn, images, labels, FGSM(), Threat(norm, epsilon), targets)
        open_ = ~curve.reached[:, 0]
        assert (curve.predictions[open_, column] == result.adversarial_prediction[open_]).all()
        assert (curve.reached[open_, column] == result.success[open_]).all()
    assert curve.reached.any(axis=0)[-1]


def test_both_definitions_of_accuracy_by_hand(cnn, images, labels):
    labels = torch.where(torch.arange(64) % 4 == 0, (labels + 1) % 5, labels)
    curve = sweep(cnn, images, labels)
    correct = curve.predictions == labels.numpy()[:, None]
    for column in range(20):
        assert curve.accuracy[column].value == correct[:, column].mean()
        assert curve.robust[column].value == correct[:, : column + 1].all(axis=1).mean()
        assert curve.robust[column].low <= curve.robust[column].value <= curve.robust[column].high
    for row, critical in zip(correct, curve.critical_epsilon, strict=True):
        first = next((e for e, right in zip(DEFAULT_EPSILONS, row, strict=True) if not right), np.inf)
        assert critical == first
    values = [share.value for share in curve.robust]
    assert values == sorted(values, reverse=True)
    steps = np.diff(curve.epsilons) * (np.array(values[1:]) + values[:-1]) / 2
    assert curve.area == pytest.approx(steps.sum() / curve.epsilons[-1])


def test_a_sweep_does_not_depend_on_batch_size_or_order(cnn, images, labels):
    whole = sweep(cnn, images, labels, batch_size=64)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    for size in (3, 50):
        part = sweep(cnn, images[order], labels[order], batch_size=size)
        assert (part.predictions == whole.predictions[order.numpy()]).all()


@pytest.mark.parametrize("epsilons", [(), (0,), (0.1, 0.2), (0, 0.2, 0.1), (0, 0.1, 0.1)])
def test_budgets_that_do_not_rise_from_zero_are_refused(cnn, images, labels, epsilons):
    with pytest.raises(UsageError, match="rise, and start with 0"):
        sweep(cnn, images, labels, epsilons=epsilons)


def test_budgets_outside_the_pixel_range_are_refused(cnn, images, labels):
    with pytest.raises(UsageError, match="pass 8/255"):
        sweep(cnn, images, labels, epsilons=(0, 8))


def test_a_method_without_a_shared_direction_is_refused(cnn, images, labels, identity):
    with pytest.raises(UsageError, match="call run for each epsilon"):
        sweep(cnn, images, labels, identity(shared_direction=False))
