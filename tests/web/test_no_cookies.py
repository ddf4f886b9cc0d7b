"""No room but `pages` reads or sets cookies: a contract that import-linter cannot express."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import identity

ROOT = Path(identity.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if "pages" not in path.relative_to(ROOT).parts)
NAMES = {"session", "set_cookie", "delete_cookie", "cookies", "SecureCookieSessionInterface"}


def uses_of_cookies(tree: ast.AST) -> set[str]:
    """Return the names by which a module would use cookies."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if (isinstance(node, ast.ImportFrom) and node.module in {"flask", "flask.sessions"}) or (
            isinstance(node, ast.ImportFrom) and node.module == "http"
        ):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.name.rpartition(".")[2] for each in node.names}
        elif isinstance(node, ast.Attribute) and node.attr.endswith(("_cookie", "cookies")):
            found.add(node.attr)
    return found & NAMES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_uses_cookies(path: Path) -> None:
    assert not uses_of_cookies(ast.parse(path.read_text("utf-8")))


def test_a_use_of_cookies_is_found() -> None:
    source = "from flask import session\nfrom http import cookies\nresponse.set_cookie('a', 'b')"
    assert uses_of_cookies(ast.parse(source)) == {"session", "cookies", "set_cookie"}
