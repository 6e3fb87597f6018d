"""What teaches the reader on an accelerator, against what the package does on a processor."""

import copy
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from surehand.models import build
from surehand.render import _render as rendering
from surehand.render._background import background
from surehand.render._factors import draw_factors
from surehand.render._hand import render_hand
from surehand.render._hand_rows import vector
from surehand.render._handshapes import default_handshapes
from surehand.render._scene import scene_of
from surehand.render._skin import skin_of, tone_albedo
from surehand.train._optimizers import muon

TOOLS = Path(__file__).parents[2] / "tools/reader"


@pytest.mark.parametrize("moved", [0.0, 0.06])
def test_photographs_are_those_of_the_processor(moved):
    from photograph_on_gpu import numbers_of, photograph

    wanted, given = [], []
    for index, name in enumerate("ABLWY"):
        factors = draw_factors(name, default_handshapes(), seed=1, index=index)
        factors = replace(factors, noise=0.0, motion_blur=moved, back_light=index == 0)
        scene = scene_of(name, factors, default_handshapes(), 96)
        light = background(factors.background, 1, factors.background_light, 0.01, tone_albedo(factors.tone), 96)
        vectors = vector(scene.view), vector(scene.light), vector(skin_of(factors))
        colour, coverage, _, _ = render_hand(scene.capsules, scene.sleeve, *vectors, 2, 1)
        given.append((light.copy(), colour, coverage, np.array(numbers_of(factors), np.float32)))
        if factors.back_light:
            light = light * np.float32(1.3) + np.float32(0.25)
        rendering.cover_with(light, colour, coverage, rendering._hand_gain(colour, coverage, factors))
        wanted.append(rendering._photograph(light, factors))
    lights, colours, coverages, numbers = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*given, strict=True))
    taken = photograph(lights.permute(0, 3, 1, 2), colours, coverages, numbers).numpy()
    difference = np.abs(taken.astype(int) - np.array(wanted)).mean((1, 2, 3))
    assert difference.max() < 1.5, "grey levels of 255"


def test_steps_made_orthogonal_at_once_are_those_made_one_by_one():
    from muon_at_once import MuonAtOnce

    model = build("reader", 4, 32, seed=0)
    start, other = copy.deepcopy(model.state_dict()), copy.deepcopy(model)
    one_by_one, at_once = muon(model, 1e-2, 0.05), MuonAtOnce(muon(other, 1e-2, 0.05).param_groups)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        for a, b in zip(model.parameters(), other.parameters(), strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        one_by_one.step()
        at_once.step()
    for (name, a), b in zip(model.named_parameters(), other.parameters(), strict=True):
        moved = (a - start[name]).norm()
        assert (a - b).norm() < 0.02 * moved, name  # both round to bfloat16, in another order


def test_a_share_of_the_start_is_kept():
    import teach

    start, end = build("reader", 29, 96, seed=1).state_dict(), build("reader", 29, 96, seed=2)
    kept = teach.between(end, start, 0.25).state_dict()
    for name, tensor in end.state_dict().items():
        torch.testing.assert_close(kept[name].double(), 0.75 * tensor.double() + 0.25 * start[name].double())


def test_either_half_of_a_batch_teaches_one_trunk(monkeypatch):
    import teach

    monkeypatch.setattr(teach, "DEVICE", "cpu")
    model = build("reader", 29, 96)
    logits = teach.logits_while_learning(model, torch.rand(8, 3, 96, 96))
    for half, taught, other in ((slice(4), "plain", "residual"), (slice(4, 8), "residual", "plain")):
        model.zero_grad()
        logits[half].square().sum().backward(retain_graph=True)
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        assert all(g is None or not g.any() for n, g in gradients.items() if n.startswith(other))
        assert any(g is not None and g.any() for n, g in gradients.items() if n.startswith(taught))


IN_THE_SIMULATOR = """
import numpy as np
from surehand.render._factors import draw_factors
from surehand.render._handshapes import default_handshapes
from surehand.render._hand import render_hand
from surehand.render._hand_rows import vector
from surehand.render._scene import scene_of
from surehand.render._skin import skin_of
from hands_on_gpu import TILE, render_hands

shapes, size = default_handshapes(), 16
factors = draw_factors("L", shapes, seed=1, index=0, fixed={"palm_width": 0.3})
scene = scene_of("L", factors, shapes, size)
vectors = vector(scene.view), vector(scene.light), vector(skin_of(factors))
wanted, covered, _, _ = render_hand(scene.capsules, scene.sleeve, *vectors, 2, 1)
colour, coverage = np.zeros((1, size, size, 3), np.float32), np.zeros((1, size, size), np.float32)
given = [np.asarray(values, np.float32)[None] for values in (scene.capsules, scene.sleeve, *vectors)]
render_hands[(size // TILE, size // TILE, 1), (TILE, TILE)](*given, colour, coverage)
assert covered.mean() > 0.05
assert np.abs(coverage[0] - covered).max() <= 0.25, "one of four rays"
assert np.abs(colour[0] - wanted).mean() < 5e-4
"""


def test_hands_are_those_of_the_processor():
    """In the simulator, whose precision is not an accelerator's."""
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(TOOLS)}
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_SIMULATOR], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
