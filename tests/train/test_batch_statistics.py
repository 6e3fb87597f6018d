"""Settled statistics are those of the batches, and nothing else changes."""

import torch
from torch import nn

from surehand.train._batch_statistics import ENOUGH_BATCHES, lagging, settle
from surehand.train._batches import Batch


def batch(seed: int) -> Batch:
    images = torch.rand(8, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return Batch(images, torch.zeros(8, dtype=torch.int64), torch.zeros(8, dtype=torch.int64))


def test_statistics_become_the_plain_average_over_the_batches():
    model = nn.Sequential(nn.BatchNorm2d(3, momentum=0.01)).eval()
    batches = [batch(i) for i in range(5)]
    settle(model, batches, lambda b: model(b.images))
    expected = torch.stack([b.images.mean((0, 2, 3)) for b in batches]).mean(0)
    assert torch.allclose(model[0].running_mean, expected, atol=1e-6)
    variances = torch.stack([b.images.transpose(0, 1).flatten(1).var(1) for b in batches]).mean(0)
    assert torch.allclose(model[0].running_var, variances, atol=1e-6)
    assert model[0].momentum == 0.01


def test_only_enough_batches_are_used():
    model, seen = nn.Sequential(nn.BatchNorm2d(3)), []
    settle(model, (batch(i) for i in range(50)), seen.append)
    assert len(seen) == ENOUGH_BATCHES


def test_darknets_slow_averages_lag_in_short_epochs_and_usual_ones_do_not():
    assert lagging(nn.BatchNorm2d(3, momentum=0.01), 100)
    assert not lagging(nn.BatchNorm2d(3, momentum=0.01), 400)
    assert not lagging(nn.BatchNorm2d(3, momentum=0.1), 80)
    assert not lagging(nn.Linear(2, 2), 1)
