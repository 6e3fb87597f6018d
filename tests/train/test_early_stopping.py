"""Early stopping as defined: patience counts consecutive validations not better than the best by min_delta."""

from dataclasses import replace
from math import inf, nan

import pytest

from surehand.train import Stopping, observe, reason_to_stop


def run(losses, patience=5, min_delta=0.0, epochs=100):
    state = Stopping()
    for epoch, loss in enumerate(losses, 1):
        state = observe(state, loss, epoch, min_delta)
        reason = reason_to_stop(state, loss, epoch, epochs, patience)
        if reason:
            return epoch, state, reason
    return None, state, None


def test_it_stops_after_patience_validations_without_a_better_one():
    stopped, state, reason = run([1.0, 0.5, 0.6, 0.7, 0.5, 0.9, 0.8])
    assert stopped == 7
    assert state.best_epoch == 2
    assert "no better validation loss in 5 epochs; the best was epoch 2" in reason


def test_a_new_best_starts_the_count_again():
    stopped, state, _ = run([1.0, 1.1, 1.1, 1.1, 1.1, 0.9, 1, 1, 1, 1])
    assert stopped is None
    assert state.stale == 4


def test_an_improvement_within_min_delta_keeps_its_weights_but_does_not_reset_the_count():
    stopped, state, _ = run([1.0, 0.99, 0.98, 0.97, 0.96, 0.95], min_delta=0.1)
    assert stopped == 6
    assert state.best_epoch == 6
    assert state.best == 0.95


@pytest.mark.parametrize("loss", [nan, inf])
def test_a_loss_that_is_no_number_ends_training_and_is_never_best(loss):
    stopped, state, reason = run([1.0, loss])
    assert stopped == 2
    assert state.best_epoch == 1
    assert str(loss) in reason


def test_the_last_epoch_ends_training():
    assert run([3.0, 2.0, 1.0], epochs=3)[2] == "all 3 epochs done; the best was epoch 3"


def test_patience_comes_before_time_and_time_before_the_last_epoch():
    state = Stopping(best=1.0, best_epoch=2, stale=4)
    patient, tired = (reason_to_stop(replace(state, stale=stale), 1.1, 6, 6, 5, 9.0) for stale in (4, 5))
    assert patient == "the time, 9 min, was over in epoch 6; the best was epoch 2"
    assert tired == "no better validation loss in 5 epochs; the best was epoch 2"
    assert reason_to_stop(state, 1.1, 5, 6, 5, 9.0) is not None
    assert reason_to_stop(state, 1.1, 5, 6, 5, None) is None


def test_every_second_stale_validation_is_a_plateau():
    plateaus = []
    state = Stopping()
    for epoch, loss in enumerate([1.0, 1, 1, 1, 1, 0.5, 1, 1], 1):
        state = observe(state, loss, epoch, 0.0)
        plateaus.append(state.plateaus)
    assert plateaus == [0, 0, 1, 1, 2, 2, 2, 3]
