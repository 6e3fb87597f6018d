"""Running statistics that move towards an image's own, against closed forms."""

import pytest
import torch
from torch import nn

from surehand.models._adapted_norm import adapted


@pytest.fixture
def norm():
    layer = nn.BatchNorm2d(3).double().eval()
    layer.running_mean.copy_(torch.tensor([0.5, -1.0, 2.0]))
    layer.running_var.copy_(torch.tensor([0.25, 1.0, 4.0]))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, -0.5]))
        layer.bias.copy_(torch.tensor([0.0, 0.3, 1.0]))
    return layer


def maps_of(*shape):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(0)) * 1.5 + 0.7


@torch.no_grad()
def test_without_a_share_it_is_the_norm_itself(norm):
    maps = maps_of(2, 3, 4, 5)
    torch.testing.assert_close(adapted(maps, norm, 0.0), norm(maps))


@torch.no_grad()
def test_with_all_of_it_an_image_is_normalised_by_itself(norm):
    maps = maps_of(2, 3, 4, 5)
    by_itself = torch.nn.functional.instance_norm(maps, weight=norm.weight, bias=norm.bias, eps=norm.eps)
    torch.testing.assert_close(adapted(maps, norm, 1.0), by_itself)


@torch.no_grad()
def test_a_quarter_of_the_image_is_a_quarter_of_what_is_counted(norm):
    # Three times as many values as the image has, with exactly the running statistics, stand for the training images.
    maps = maps_of(1, 3, 6, 6)
    others = maps_of(3, 3, 6, 6).flip(0, 3)
    others = (others - others.mean((0, 2, 3), keepdim=True)) / others.std((0, 2, 3), correction=0, keepdim=True)
    others = others * norm.running_var.sqrt()[:, None, None] + norm.running_mean[:, None, None]
    together = nn.BatchNorm2d(3).double().train()
    together.load_state_dict(norm.state_dict())
    torch.testing.assert_close(adapted(maps, norm, 0.25), together(torch.cat((maps, others)))[:1])


@torch.no_grad()
def test_an_image_is_read_alike_whatever_stands_beside_it(norm):
    maps = maps_of(4, 3, 5, 5)
    alone = torch.cat([adapted(image[None], norm, 0.2) for image in maps])
    torch.testing.assert_close(adapted(maps, norm, 0.2), alone, rtol=0, atol=1e-12)


@torch.no_grad()
def test_a_single_place_has_no_variance_of_its_own(norm):
    assert adapted(maps_of(2, 3, 1, 1), norm, 0.15).isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(norm, dtype):
    norm = norm.float()
    norm.running_mean.add_(300.0)  # whose square float16 does not hold
    maps = (maps_of(2, 3, 4, 5) + 300.0).to(dtype)
    result = adapted(maps, norm, 0.15)
    assert result.dtype == dtype
    torch.testing.assert_close(result, adapted(maps.float(), norm, 0.15).to(dtype), rtol=0, atol=0)
