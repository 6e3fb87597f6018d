"""Tools are scripts in a folder of their own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="module")
def _tools_can_be_imported():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "tools/reader"))
        yield
