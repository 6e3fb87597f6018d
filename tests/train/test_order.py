"""Batches are a pure function of (seed, epoch); shards of a batch are the batch."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from surehand.train import batches, dropout_keys, shard


@given(st.integers(1, 400), st.integers(2, 64), st.integers(0, 3), st.integers(0, 9))
def test_an_epoch_shows_every_image_once_in_nearly_equal_batches(n, batch, seed, epoch):
    plan = batches(n, batch, seed=seed, epoch=epoch)
    sizes = [len(positions) for positions in plan]
    assert sorted(np.concatenate(plan).tolist()) == list(range(n))
    assert len(plan) == -(-n // batch)
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 2 or n == 1 or batch == 2


def test_epochs_and_seeds_have_orders_of_their_own():
    first = np.concatenate(batches(50, 8, seed=0, epoch=0))
    assert not np.array_equal(first, np.concatenate(batches(50, 8, seed=0, epoch=1)))
    assert not np.array_equal(first, np.concatenate(batches(50, 8, seed=1, epoch=0)))
    assert np.array_equal(first, np.concatenate(batches(50, 8, seed=0, epoch=0)))


@given(st.integers(1, 100), st.integers(1, 5))
def test_shards_are_disjoint_and_complete(n, world):
    positions = np.arange(n)
    parts = [shard(positions, rank, world) for rank in range(world)]
    assert sorted(np.concatenate(parts).tolist()) == positions.tolist()


def test_dropout_keys_belong_to_the_sample():
    ids = np.array([5, 9, 11], np.uint64)
    keys = dropout_keys(ids, seed=0, epoch=3)
    assert np.array_equal(keys[1:], dropout_keys(ids[1:], seed=0, epoch=3))
    assert not np.array_equal(keys, dropout_keys(ids, seed=0, epoch=4))
