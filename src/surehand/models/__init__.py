"""Networks from images to logits: building, saving, loading and exporting them.

A model maps float32 images (n, 3, h, w), RGB in [0, 1], to logits (n, k); its first layer normalises.
"""

from ._classifier import Classifier, find_classifier, load, save
from ._cnn import CNN
from ._convnext import ConvNeXt
from ._darknet53 import Darknet53
from ._darknet_weights import DarknetHeader, read_darknet_weights, write_darknet_weights
from ._dropout import Dropout, sample_keys
from ._evaluating import device_of, evaluating
from ._export import export_onnx
from ._normalise import Normalise
from ._reader import Reader
from ._resnet18 import ResNet18
from ._small_reader import SmallReader
from ._table import ARCHITECTURES, MODELS, blank, build
from ._vit import ViT
from ._zoo import ZOO

__all__ = [
    "ARCHITECTURES",
    "CNN",
    "MODELS",
    "ZOO",
    "Classifier",
    "ConvNeXt",
    "Darknet53",
    "DarknetHeader",
    "Dropout",
    "Normalise",
    "Reader",
    "ResNet18",
    "SmallReader",
    "ViT",
    "blank",
    "build",
    "device_of",
    "evaluating",
    "export_onnx",
    "find_classifier",
    "load",
    "read_darknet_weights",
    "sample_keys",
    "save",
    "write_darknet_weights",
]
