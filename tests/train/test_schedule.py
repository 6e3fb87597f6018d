"""Schedules are pure functions with known values at known moments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehand.train import SCHEDULES, Moment


@pytest.mark.parametrize("name", SCHEDULES)
@given(done=st.floats(0, 1), plateaus=st.integers(0, 9))
def test_every_schedule_stays_within_zero_and_the_full_rate(name, done, plateaus):
    value = SCHEDULES[name](Moment(done, plateaus))
    assert 0 <= value <= 1
    assert value > 0 or (name == "cosine" and done > 0.999)


def test_step_divides_by_ten_at_half_and_at_three_quarters():
    rates = [SCHEDULES["step"](Moment(done)) for done in (0, 0.49, 0.5, 0.74, 0.75, 0.99)]
    assert rates == [1, 1, 0.1, 0.1, 0.01, 0.01]


def test_cosine_is_half_way_down_in_the_middle_of_its_fall():
    assert SCHEDULES["cosine"](Moment(0.05 + 0.95 / 2)) == pytest.approx(0.5)
    assert SCHEDULES["cosine"](Moment(0.05)) == pytest.approx(1)


def test_one_cycle_peaks_at_thirty_percent():
    assert SCHEDULES["one-cycle"](Moment(0)) == pytest.approx(1 / 25)
    assert SCHEDULES["one-cycle"](Moment(0.3)) == pytest.approx(1)
    assert SCHEDULES["one-cycle"](Moment(0.999999)) == pytest.approx(1e-4, rel=0.01)


def test_plateau_halves_with_every_plateau_and_ignores_time():
    assert [SCHEDULES["plateau"](Moment(0.9, p)) for p in range(4)] == [1, 0.5, 0.25, 0.125]
