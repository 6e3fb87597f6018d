"""Numbers depend on their key and sample id alone, and are uniform."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from surehand.randomness import generator, uniforms


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20), st.integers(0, 100))
def test_a_row_does_not_depend_on_its_neighbours(ids, seed):
    ids = np.array(ids, np.uint64)
    together = uniforms(seed, "x", ids=ids, columns=3)
    alone = np.concatenate([uniforms(seed, "x", ids=ids[i : i + 1], columns=3) for i in range(len(ids))])
    assert np.array_equal(together, alone)


def test_a_shorter_row_is_the_start_of_a_longer_one():
    ids = np.arange(5, dtype=np.uint64)
    assert np.array_equal(uniforms(0, ids=ids, columns=2), uniforms(0, ids=ids, columns=9)[:, :2])


def test_values_are_uniform_and_uncorrelated_over_neighbouring_ids():
    values = uniforms(7, "test", ids=np.arange(200_000, dtype=np.uint64), columns=3)
    assert values.min() >= 0
    assert values.max() < 1
    for column in values.T:
        counts = np.histogram(column, 100, (0, 1))[0]
        assert ((counts - 2000) ** 2 / 2000).sum() < 160  # chi-squared, 99 degrees: 1 in 10,000
    assert np.abs(np.corrcoef(values.T) - np.eye(3)).max() < 0.01
    assert abs(np.corrcoef(values[1:, 0], values[:-1, 0])[0, 1]) < 0.01


def test_other_keys_give_other_numbers():
    assert generator(0, "order", 1).random() != generator(0, "order", 2).random()
    assert generator(0, "order", 1).random() == generator(0, "order", 1).random()


def test_no_global_generator_is_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (it is the one that must stay)
    generator(0).normal(size=10)
    uniforms(0, ids=np.arange(3, dtype=np.uint64), columns=2)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
