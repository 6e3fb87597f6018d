"""Models whose every parameter and statistic matters."""

import numpy as np
import pytest
import torch

from surehand.models import build


@pytest.fixture(scope="session")
def unlike_new():
    """Build a model, in double precision, in which no scale is 1 and no shift 0, as training leaves them."""

    def make(name: str, classes: int, size: int) -> torch.nn.Module:
        model, random = build(name, classes, size), np.random.default_rng(0)
        with torch.no_grad():
            for key, tensor in model.state_dict().items():
                if tensor.ndim == 1 and not key.startswith("normalise."):
                    tensor.add_(torch.from_numpy(random.uniform(0.1, 0.3, len(tensor)).astype("float32")))
        return model.eval().double()

    return make
