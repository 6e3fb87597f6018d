"""Rendered letters for training: every epoch has new ones, each stays for some epochs, none depends on history."""

import os
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from surehand.alphabet import CLASSES
from surehand.data import LetterStream, Samples, Stacked, joined, load, load_external
from surehand.errors import DataError, UsageError
from surehand.render import render
from surehand.render._render import picture_of


@pytest.fixture
def stream(cache) -> LetterStream:
    return LetterStream(CLASSES, size=16, fresh=31, stay=2, seed=3, scenes="near", cache=cache, run="a")


def test_an_epoch_trains_on_the_letters_of_the_last_epochs(stream):
    numbers = [set(stream.epoch(epoch).ids.tolist()) for epoch in range(3)]
    assert numbers == [set(range(31)), set(range(62)), set(range(31, 93))]


def test_pictures_and_labels_are_those_of_the_renderer(stream):
    samples = stream.epoch(1)
    for position in (0, 30, 31, 61):
        name, index = picture_of(int(samples.ids[position]))
        rendered = render(name, seed=stream._render_seed, index=index, size=16, fixed={"scenes": stream.scenes})
        assert np.array_equal(samples.pixels_of(np.array([position]))[0], rendered.image)
        assert CLASSES[samples.labels[position]] == name


def test_labels_follow_the_names_of_the_model_s_classes(stream):
    other = replace(stream, classes=tuple(name.lower() for name in reversed(CLASSES)))
    ours, theirs = stream.epoch(0), other.epoch(0)
    assert [CLASSES[label].lower() for label in ours.labels] == [other.classes[label] for label in theirs.labels]


def test_what_is_missing_or_cut_short_is_rendered_again_to_the_same_bytes(stream):
    before = stream.epoch(1).pixels_of(np.arange(62))
    first, second = sorted(stream._folder().glob("*.npy"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:1000])
    assert np.array_equal(stream.epoch(1).pixels_of(np.arange(62)), before)


def test_letters_of_runs_that_nobody_goes_on_with_are_removed(stream):
    forgotten, waiting = replace(stream, run="b"), replace(stream, run="c")
    for other in (forgotten, waiting):
        other.epoch(0)
    long_ago = time.time() - 8 * 24 * 3600
    stream._folder().mkdir()
    for other in (forgotten, stream):  # its own it keeps
        os.utime(other._folder(), (long_ago, long_ago))
    stream.epoch(0)
    assert not forgotten._folder().exists()
    assert len(list(waiting._folder().glob("*.npy"))) == len(list(stream._folder().glob("*.npy"))) == 1


def test_the_cache_holds_no_more_than_an_epoch_needs(stream):
    for epoch in range(4):
        stream.epoch(epoch)
    assert [path.stem for path in sorted(stream._folder().glob("*.npy"))] == ["000002", "000003"]


def test_runs_leave_each_other_s_letters_alone(stream):
    other = replace(stream, run="b")
    for epoch in range(3):
        stream.epoch(epoch)
    other.epoch(0)
    assert [path.stem for path in sorted(stream._folder().glob("*.npy"))] == ["000001", "000002"]
    stream.discard()
    assert [path.stem for path in sorted(other._folder().glob("*.npy"))] == ["000000"]


def test_classes_that_are_no_letters_are_refused(stream):
    with pytest.raises(UsageError, match="cannot be mixed with the classes cat, dog"):
        replace(stream, classes=("cat", "dog"))


def test_joined_samples_are_read_as_one():
    draw = np.random.default_rng(0)

    def some(n: int, rows: list[int], first_id: int) -> Samples:
        pixels = draw.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
        ids = np.arange(first_id, first_id + len(rows), dtype=np.uint64)
        return Samples(pixels, np.array(rows), np.array(rows) % 2, ids, tuple(map(str, rows)), ("a", "b"))

    parts = [some(5, [4, 0, 2], 10), some(3, [1], 20), some(4, [3, 2, 1, 0], 30)]
    both = joined([joined(parts[:2]), parts[2]])
    order = np.array([7, 0, 3, 3, 1, 6, 2])
    apart = np.concatenate([part.pixels_of(np.arange(len(part))) for part in parts])
    assert isinstance(both.pixels, Stacked)
    assert both.ids.tolist() == [10, 11, 12, 20, 30, 31, 32, 33]
    assert both.labels.tolist() == [label for part in parts for label in part.labels.tolist()]
    assert np.array_equal(both.pixels_of(order), apart[order])
    assert np.array_equal(both.take(np.array([6, 1])).pixels_of(np.array([1, 0])), apart[[1, 6]])


def test_samples_of_other_classes_cannot_be_joined():
    empty = np.empty(0, np.int64)
    a, b = (
        Samples(np.empty((0, 4, 4, 3), np.uint8), empty, empty, empty.astype(np.uint64), (), classes)
        for classes in (("a", "b"), ("b", "a"))
    )
    with pytest.raises(UsageError, match="same classes"):
        joined([a, b])


def test_an_empty_file_is_rendered_again(stream):
    before = stream.epoch(0).pixels_of(np.arange(31))
    (file,) = stream._folder().glob("*.npy")
    file.write_bytes(b"")
    assert np.array_equal(stream.epoch(0).pixels_of(np.arange(31)), before)


def test_what_an_interrupted_run_left_beyond_this_epoch_goes(stream):
    stream.epoch(3)
    stream.epoch(0)
    assert [path.stem for path in stream._folder().glob("*.npy")] == ["000000"]


def test_discarding_leaves_nothing(stream):
    stream.epoch(0)
    stream.discard()
    assert not stream._folder().exists()


def test_too_little_space_is_told_before_anything_is_rendered(stream, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=50_000))
    monkeypatch.setattr("surehand.data._stream.render_many", pytest.fail)
    with pytest.raises(DataError, match="rendered letters need 0 MB more while training"):
        stream.epoch(0)


def test_letters_to_measure_on_show_nothing_of_those_to_train_on(cache):
    trained = load("letters:1", 16)
    measured = load_external("letters:2", 16, CLASSES)
    assert not set(trained.manifest.sha256) & set(measured.manifest.sha256)
