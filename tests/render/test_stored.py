"""Letters are rendered once, and again when anything of them is missing or of another version."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from surehand.errors import DataError, UsageError
from surehand.render import CLASSES, stored_letters
from surehand.render import _letters as letters
from surehand.render import _record as record
from surehand.render import _stored as stored


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return stored_letters(home, 2, 16, 3)


@pytest.fixture
def kept(clean, tmp_path):
    """A copy of stored letters, in a home of its own."""
    return shutil.copytree(clean, tmp_path / "home" / clean.name)


def again(kept):
    return stored_letters(kept.parent, 2, 16, 3)


def forbid_rendering(monkeypatch):
    monkeypatch.setattr(stored, "write_letters", lambda *_, **__: pytest.fail("rendered again"))


def test_whole_letters_are_not_rendered_again(kept, monkeypatch):
    forbid_rendering(monkeypatch)
    assert again(kept) == kept


def test_number_size_seed_and_scenes_have_folders_of_their_own(kept):
    others = [stored_letters(kept.parent, 1, 16, 3), stored_letters(kept.parent, 2, 20, 3)]
    others.append(stored_letters(kept.parent, 2, 16, 4))
    others.append(stored_letters(kept.parent, 2, 16, 3, scenes="near"))
    assert len({kept, *others}) == 5
    assert len(list(others[0].rglob("*.jpg"))) == len(CLASSES)


def first_picture(folder):
    return min((folder / "K").iterdir())


def cut(folder):
    picture = first_picture(folder)
    picture.write_bytes(picture.read_bytes()[:-1])


def of_another_renderer(folder):
    told = json.loads((folder / "letters.json").read_text())
    (folder / "letters.json").write_text(json.dumps(told | {"renderer": told["renderer"] + 1}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: first_picture(folder).unlink(),
        lambda folder: first_picture(folder).write_bytes(b""),
        cut,
        lambda folder: first_picture(folder).rename(folder / "L" / "p0000_L00001.jpg"),
        lambda folder: shutil.copy(first_picture(folder), folder / "K" / "more.jpg"),
        lambda folder: shutil.rmtree(folder / "Z"),
        lambda folder: (folder / "letters.json").unlink(),
        lambda folder: (folder / "letters.json").write_text("{"),
        of_another_renderer,
    ],
    ids=["lost", "empty", "cut", "moved", "added", "class lost", "no record", "half a record", "another renderer"],
)  # fmt: skip
def test_damaged_letters_are_rendered_anew(kept, clean, damage):
    damage(kept)
    assert contents(again(kept)) == contents(clean)


def test_a_new_renderer_leaves_the_letters_of_the_old_one_alone(kept, clean, monkeypatch):
    for module in (stored, record):
        monkeypatch.setattr(module, "RENDERER", stored.RENDERER + 1)
    newer = again(kept)
    assert newer != kept
    assert json.loads((newer / "letters.json").read_text())["renderer"] == record.RENDERER
    assert contents(kept) == contents(clean)


def test_a_process_that_was_faster_is_not_disturbed(clean, tmp_path):
    def finish_elsewhere(done, total, text=""):
        if done == total:
            shutil.copytree(clean, tmp_path / clean.name)

    assert contents(stored_letters(tmp_path, 2, 16, 3, progress=finish_elsewhere)) == contents(clean)
    assert [path.name for path in tmp_path.iterdir()] == [clean.name]


def right_after_the_first_look(monkeypatch, event):
    """Let another process do something once this one has found letters missing or damaged."""
    looks = []

    def look(folder, wanted):
        whole = record.is_whole(folder, wanted)
        looks.append(whole)
        if len(looks) == 1:
            assert not whole
            event()
        return whole

    monkeypatch.setattr(stored, "is_whole", look)


def test_letters_that_another_process_finishes_right_after_the_first_look_are_kept(clean, tmp_path, monkeypatch):
    right_after_the_first_look(monkeypatch, lambda: shutil.copytree(clean, tmp_path / clean.name))
    folder = stored_letters(tmp_path, 2, 16, 3, progress=lambda *_: pytest.fail("rendered again"))
    assert contents(folder) == contents(clean)


def test_damaged_letters_that_another_process_removes_first_are_rendered(kept, clean, monkeypatch):
    first_picture(kept).unlink()
    right_after_the_first_look(monkeypatch, lambda: shutil.rmtree(kept))
    assert contents(again(kept)) == contents(clean)


def test_damaged_letters_go_at_once_and_leave_nothing(kept, monkeypatch):
    first_picture(kept).unlink()
    rmtree = shutil.rmtree
    seen = []
    monkeypatch.setattr(
        stored.shutil, "rmtree", lambda path, **options: seen.append(kept.exists()) or rmtree(path, **options)
    )
    again(kept)
    assert not seen[0]
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_damaged_letters_that_cannot_be_removed_are_named(kept, monkeypatch):
    first_picture(kept).unlink()

    def refuse(path, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(DataError, match=rf"{kept.name} are damaged .* Permission denied\. Remove that folder by hand"):
        again(kept)


def test_no_space_left_leaves_no_letters(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(letters.shutil, "disk_usage", lambda _: usage(100, 100, 1000))
    with pytest.raises(DataError, match=r"0 MB left .* free some space"):
        stored_letters(tmp_path, 2, 16, 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("per_class", "size"), [(0, 16), (1, 15), (1, 2049)])
def test_arguments_out_of_range_are_refused(tmp_path, per_class, size):
    with pytest.raises(UsageError, match=r"must (be|lie)"):
        stored_letters(tmp_path, per_class, size, 0)
    assert list(tmp_path.iterdir()) == []
