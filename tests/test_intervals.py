"""Clopper-Pearson against its definition and against scipy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from surehand.intervals import proportion


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_equals_the_quantiles_of_the_beta_distribution(trial):
    k, n = trial
    found = proportion(k, n)
    assert found.low == pytest.approx(0.0 if k == 0 else beta.ppf(0.025, k, n - k + 1), abs=1e-9)
    assert found.high == pytest.approx(1.0 if k == n else beta.ppf(0.975, k + 1, n - k), abs=1e-9)
    assert found.low <= found.value <= found.high


def test_no_trials_say_nothing():
    found = proportion(0, 0)
    assert (found.low, found.high, found.n) == (0.0, 1.0, 0)
    assert found.value != found.value
    assert str(found) == "not measured"


def test_more_successes_than_trials_are_refused():
    with pytest.raises(ValueError, match="got 3 of 2"):
        proportion(3, 2)
