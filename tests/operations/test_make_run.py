"""`make run` sets the public URL, so that the links in its mails work."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPE = (
    f'include {ROOT / "Makefile"}\nshow:\n\t@$(call OWN_URL,http) echo "$$IDENTITY_PUBLIC_URL"\n'
)


def public_url(folder: Path, **settings: str) -> str:
    makefile = folder / "Makefile"
    makefile.write_text(RECIPE)
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("IDENTITY_", "MAKE"))
    }
    command = [shutil.which("make") or "make", "-s", "-C", str(ROOT), "-f", str(makefile), "show"]
    return subprocess.run(
        command, env=clean | settings, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"HOST": "127.0.0.1", "PORT": "8080"}, "http://127.0.0.1:8080"),
        ({"HOST": "::1", "PORT": "8080"}, "http://[::1]:8080"),
        (
            {"HOST": "localhost", "PORT": "8080", "IDENTITY_HARDENED": "false"},
            "http://localhost:8080",
        ),
        ({"HOST": "0.0.0.0", "PORT": "8080"}, ""),  # noqa: S104 - others reach it by another name
        (
            {"HOST": "127.0.0.1", "PORT": "8080", "IDENTITY_HARDENED": "true"},
            "",
        ),  # which http:// would stop
        (
            {"HOST": "127.0.0.1", "PORT": "8080", "IDENTITY_PUBLIC_URL": "https://id.example.org"},
            "https://id.example.org",
        ),
        ({"HOST": "127.0.0.1", "PORT": "8080", "IDENTITY_PUBLIC_URL": ""}, ""),
    ],
)
def test_make_run_sets_its_own_public_url_unless_another_is_set(
    tmp_path: Path, settings: dict[str, str], url: str
) -> None:
    assert public_url(tmp_path, **settings) == url


def test_make_run_serves_with_that_url() -> None:
    text = (ROOT / "Makefile").read_text()
    assert "@$(call OWN_URL,http) exec $(BIN)/identity serve\n" in text
    assert "@$(call OWN_URL,https) exec $(BIN)/identity serve --tls\n" in text
