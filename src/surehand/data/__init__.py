"""Image files -> manifest -> groups -> split -> uint8 cache -> augmented batches."""

from ._augment import Augmentation, apply_augmentation, augment, draw_augmentation, to_images
from ._cache import cache_folder
from ._check import Check, Known, check, external_warnings, known_from
from ._dataset import Dataset, Samples, Stacked, joined, load, load_external
from ._decode import IMAGE_SUFFIXES, read_image
from ._manifest import Manifest, read_manifest, write_manifest
from ._scan import Quarantined
from ._sheet import sheet
from ._sources import SOURCES, is_rendered, letters_of
from ._split import SPLITS
from ._stream import LetterStream

__all__ = [
    "IMAGE_SUFFIXES",
    "SOURCES",
    "SPLITS",
    "Augmentation",
    "Check",
    "Dataset",
    "Known",
    "LetterStream",
    "Manifest",
    "Quarantined",
    "Samples",
    "Stacked",
    "apply_augmentation",
    "augment",
    "cache_folder",
    "check",
    "draw_augmentation",
    "external_warnings",
    "is_rendered",
    "joined",
    "known_from",
    "letters_of",
    "load",
    "load_external",
    "read_image",
    "read_manifest",
    "sheet",
    "to_images",
    "write_manifest",
]
