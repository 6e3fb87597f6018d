"""Dropout whose masks are a pure function of key, layer and feature."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from surehand.errors import UsageError
from surehand.models import Dropout, build, sample_keys
from surehand.models._dropout import dropout_mask

WORD = (1 << 64) - 1


def splitmix(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & WORD
    return x ^ (x >> 31)


def kept_by_hand(key: int, position: int, feature: int, p: float) -> bool:
    """The same in Python's unbounded integers, one feature at a time."""
    golden = 0x9E3779B97F4A7C15
    state = splitmix((key + (position + 1) * golden) & WORD)
    bits = splitmix((state + (feature // 4 + 1) * golden) & WORD)
    lane = bits >> 16 * (feature % 4) & 0xFFFF
    signed = lane - (1 << 16) if lane >= 1 << 15 else lane
    return signed >= p * (1 << 16) - (1 << 15)


@given(
    key=st.integers(-(2**63), 2**63 - 1),
    position=st.integers(0, 5),
    features=st.integers(1, 11),
    p=st.sampled_from((0.0, 0.25, 0.5, 0.9375)),
)
def test_mask_is_splitmix64_of_key_layer_and_feature(key, position, features, p):
    mask = dropout_mask(torch.tensor([key]), position, features, p)
    assert mask.tolist() == [[kept_by_hand(key, position, feature, p) for feature in range(features)]]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_masks_keep_the_right_share_and_are_uncorrelated(p):
    keys = torch.arange(1000)  # the worst keys: neighbours
    mask = dropout_mask(keys, 0, 1000, p).double()
    # A million draws: five standard deviations.
    assert abs(mask.mean() - (1 - p)) < 5 * (p * (1 - p)) ** 0.5 / 1000
    centred = (mask - (1 - p)) / (p * (1 - p)) ** 0.5
    for shifted in (centred.roll(1, 0), centred.roll(1, 1), centred.roll(4, 1)):
        assert abs((centred * shifted).mean()) < 0.005
    other = (dropout_mask(keys, 1, 1000, p).double() - (1 - p)) / (p * (1 - p)) ** 0.5
    assert abs((centred * other).mean()) < 0.005


def test_dropped_features_are_zero_and_the_others_scaled_so_that_the_mean_stays():
    layer = Dropout(0.75)
    with sample_keys(layer, torch.arange(64)):
        values = layer(torch.ones(64, 1000))
    assert set(values.unique().tolist()) == {0.0, 4.0}
    assert abs(values.mean() - 1) < 0.05


def test_a_row_depends_on_its_own_key_alone():
    layer, features = Dropout(0.5), torch.rand(5, 40)
    keys = torch.tensor([11, -7, 3, 2**62, 0])
    with sample_keys(layer, keys):
        whole = layer(features)
    for order in ([0], [3, 1], [4, 3, 2, 1, 0]):
        with sample_keys(layer, keys[order]):
            assert torch.equal(layer(features[order]), whole[order])


def test_two_layers_of_a_model_drop_different_features():
    layers = nn.ModuleList([Dropout(0.5), Dropout(0.5)])
    with sample_keys(layers, torch.zeros(1, dtype=torch.int64)):
        one, two = (layer(torch.ones(1, 400)) for layer in layers)
    assert 100 < (one != two).sum() < 300


def test_gradient_is_that_of_the_mask():
    layer, features = Dropout(0.5), torch.rand(3, 8, requires_grad=True)
    with sample_keys(layer, torch.arange(3)):
        values = layer(features)
    (gradient,) = torch.autograd.grad(values.sum(), features)
    assert torch.equal(gradient, 2.0 * (values != 0))


def test_evaluation_is_the_identity_without_keys():
    layer, features = Dropout(0.5).eval(), torch.rand(3, 8)
    assert layer(features) is features


def test_training_without_keys_or_with_too_few_is_refused():
    model = build("cnn", 3, 8)
    with pytest.raises(UsageError, match="sample_keys"):
        model(torch.rand(2, 3, 8, 8))
    with pytest.raises(UsageError, match="1 keys for 2 samples"), sample_keys(model, torch.arange(1)):
        model(torch.rand(2, 3, 8, 8))


def test_keys_are_gone_after_the_block_also_on_failure():
    layer = Dropout(0.5)
    with pytest.raises(KeyError), sample_keys(layer, torch.arange(1)):
        raise KeyError
    assert layer.keys is None


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_impossible_probabilities_are_refused(p):
    with pytest.raises(UsageError, match="dropout probability"):
        Dropout(p)
