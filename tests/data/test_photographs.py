"""On real video frames of held letters: a random split leaks, the grouped one does not."""

import numpy as np
import pytest

from surehand.data import SPLITS, check, load

pytestmark = pytest.mark.photos


@pytest.mark.parametrize(
    ("name", "images", "margin", "random", "grouped"),
    [("asl-kaggle64/train", 17_400, 0.10, 0.90, 0.45), ("asl-phone224/train", 5_800, 0.01, 0.45, 0.40)],
)
def test_a_memory_shines_on_the_random_split_only(photos, name, images, margin, random, grouped):
    dataset = load(photos / name, 64)
    found = check(dataset)
    assert found.images == images
    assert len(found.classes) == 29
    assert found.quarantined == ()
    assert found.leak_grouped.value <= 0.001
    assert found.splits["margin"] <= margin * images
    assert found.nearest_random.value > random
    assert found.nearest_grouped.value < grouped
    labels, splits = dataset.manifest.labels, np.array(dataset.manifest.splits)
    for split in SPLITS[:4]:
        assert np.bincount(labels[splits == split], minlength=29).min() > 0
