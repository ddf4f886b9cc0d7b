"""The user tests that python-wekan's authors ship with it, as they are, against our service."""

from __future__ import annotations

import importlib.util
from importlib.metadata import files
from pathlib import Path
from types import ModuleType

import pytest

from support.live import serving

# In their order: each goes on with what the one before left. The others of that file are about
# boards.
OWN = (
    "test_parse_iso_date",
    "test_wekan_client",
    "test_get_users",
    "test_add_user",
    "test_delete_user",
)


def own_tests() -> ModuleType:
    shipped = [
        Path(str(file.locate()))
        for file in files("python-wekan") or []
        if file.name == "test_cases.py"
    ]
    found = importlib.util.spec_from_file_location("python_wekan_own_tests", shipped[0])
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_its_own_user_tests_pass(tmp_path: Path, database_url: str) -> None:
    own = own_tests()
    with serving(tmp_path, "--workers", "1", admin_username="", database_url=database_url) as live:
        vars(own)["wekan_base_url"] = f"{live.base}/wekan"
        for name in OWN:
            getattr(own, name)()
