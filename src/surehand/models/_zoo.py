"""Image classifiers of the library transformers, from published configurations: new weights, nothing downloaded."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surehand.errors import MissingPartError, UsageError

from ._normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise

# Name -> the class in transformers, without "Config" or "ForImageClassification", and what differs from its defaults;
# parameters are counted with ImageNet's 1000 classes.
#
# Rates of dropout and of dropped paths are 0: transformers draws both from the global generator. All tensors of these
# families belong to layers that `initialise` knows; Swin's and DINOv2's tables of positions do not.
ZOO: dict[str, tuple[str, dict[str, Any]]] = {
    # He et al., CVPR 2016 (arXiv:1512.03385), table 1, with the stride in the 3x3 convolution. 25,557,032 parameters.
    "zoo-resnet50": ("ResNet", {}),
    # Sandler et al., CVPR 2018 (arXiv:1801.04381), table 2. 3,504,872 parameters.
    "zoo-mobilenet_v2": ("MobileNetV2", {"classifier_dropout_prob": 0.0}),
    # Tan and Le, ICML 2019 (arXiv:1905.11946), table 1. 5,288,548 parameters.
    "zoo-efficientnet_b0": (
        "EfficientNet",
        {
            "width_coefficient": 1.0,
            "depth_coefficient": 1.0,
            "hidden_dim": 1280,
            "dropout_rate": 0.0,
            "drop_connect_rate": 0.0,
        },
    ),
    # Radosavovic et al., CVPR 2020 (arXiv:2003.13678), RegNetY-400MF. 4,344,144 parameters.
    "zoo-regnet_y_400mf": (
        "RegNet",
        {"depths": [1, 3, 6, 6], "hidden_sizes": [48, 104, 208, 440], "groups_width": 8},
    ),
    # Mehta and Rastegari, ICLR 2022 (arXiv:2110.02178), MobileViT-S. 5,578,632 parameters.
    "zoo-mobilevit_s": ("MobileViT", {"hidden_dropout_prob": 0.0, "classifier_dropout_prob": 0.0}),
    # Wang et al., 2022 (arXiv:2106.13797), PVT v2-B0. 3,666,760 parameters.
    "zoo-pvt_v2_b0": ("PvtV2", {}),
}

_SHRINK = 32


class Zoo(nn.Module):
    """A network of transformers that reads images in [0, 1] and answers with logits alone.

    Args:
        name: a key of ZOO.
        classes: number of logits, k.
        size: height and width of the images in pixels, at least 32.

    Raises:
        MissingPartError: transformers is not installed.
    """

    def __init__(self, name: str, classes: int, size: int) -> None:
        if size < _SHRINK:
            raise UsageError(
                f"The models of the zoo shrink their images by {_SHRINK}, so they need at least {_SHRINK} pixels; "
                f"got {size}."
            )
        super().__init__()
        family, options = ZOO[name]
        configuration, network = _published(name, family)
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.network = network(configuration(num_labels=classes, **options))
        for layer in self.network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                # Some configurations say what is kept at each step (TensorFlow's 0.99) where torch wants what is new.
                layer.momentum = 0.1

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        return self.network(pixel_values=self.normalise(images)).logits


def _published(name: str, family: str) -> tuple[Any, Any]:
    """The classes of configuration and network."""
    # Not on the device on which models are built: constants that a module makes when imported need memory.
    with torch.device("cpu"):
        try:
            import transformers  # takes seconds, and only the zoo needs it
        except ImportError:
            raise MissingPartError(f"{name} needs transformers. Install it with: pip install 'surehand[zoo]'") from None
        return getattr(transformers, f"{family}Config"), getattr(transformers, f"{family}ForImageClassification")
