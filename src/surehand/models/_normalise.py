"""The first layer of every model: from pixels in [0, 1] to what the network was made for."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

RGB = tuple[float, float, float]

# Of ImageNet's training images: what networks with published weights expect, and near the statistics of photographs.
IMAGENET_MEAN: RGB = (0.485, 0.456, 0.406)
IMAGENET_STD: RGB = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """(images - mean) / std, each colour channel by itself.

    It is part of the model, so that everywhere outside it epsilon, masks and hidden pixels mean pixels.

    Args:
        mean: subtracted from red, green and blue; in units of the pixel range [0, 1].
        std: what they are then divided by; the same units.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: RGB, std: RGB) -> None:
        super().__init__()
        self._constants = {"mean": mean, "std": std}
        self.register_buffer("mean", torch.empty(3, 1, 1))
        self.register_buffer("std", torch.empty(3, 1, 1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the constants into the buffers, as a model that was built without memory needs."""
        for name, constants in self._constants.items():
            self.get_buffer(name).copy_(torch.tensor(constants, device="cpu").reshape(3, 1, 1))

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Images in [0, 1] to normalised images."""
        return (images - self.mean) / self.std


def around_grey() -> Normalise:
    """Mean 0.5: the zeros that pad each convolution are then mid-grey, the least surprising surrounding."""
    return Normalise(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
