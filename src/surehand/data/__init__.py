"""Image files -> manifest -> groups -> split -> uint8 cache -> augmented batches."""

from surehand.data._augment import Augmentation, augment, to_images
from surehand.data._cache import cache_folder
from surehand.data._check import Check, check, external_warnings
from surehand.data._dataset import Dataset, Samples, load, load_external
from surehand.data._decode import read_image
from surehand.data._manifest import Manifest, read_manifest, write_manifest
from surehand.data._scan import Quarantined
from surehand.data._sheet import sheet
from surehand.data._sources import SOURCES
from surehand.data._split import SPLITS

__all__ = [
    "SOURCES",
    "SPLITS",
    "Augmentation",
    "Check",
    "Dataset",
    "Manifest",
    "Quarantined",
    "Samples",
    "augment",
    "cache_folder",
    "check",
    "external_warnings",
    "load",
    "load_external",
    "read_image",
    "read_manifest",
    "sheet",
    "to_images",
    "write_manifest",
]
