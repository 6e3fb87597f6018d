"""What a classifier's file says of the licence of what it learned from."""

import pytest

from surehand.audit._model_stages import _licence

OURS, UNKNOWN = "Apache-2.0", "not stated"


@pytest.mark.parametrize(
    ("source", "start", "licence"),
    [
        ("letters", None, OURS),
        ("letters:100:near", {"data_licence": OURS}, OURS),
        ("letters:100:near", {"data_licence": UNKNOWN}, UNKNOWN),
        ("letters:100:near", {}, UNKNOWN),
        ("letters-of-mine", None, UNKNOWN),
        ("photographs", {"data_licence": OURS}, UNKNOWN),
    ],
)
def test_it_is_known_of_rendered_letters_alone(source, start, licence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _licence(source, start) == licence


def test_a_folder_called_letters_is_not_ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letters").mkdir()
    assert _licence("letters", None) == UNKNOWN
