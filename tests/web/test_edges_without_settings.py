"""Edges know no settings: a rule that import-linter cannot express, as the context holds them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import identity

ROOT = Path(identity.__file__).parent
MODULES = sorted(path for room in ("api", "dialects") for path in (ROOT / room).rglob("*.py"))


def reads_settings(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == "settings" for node in ast.walk(tree)
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_edge_reads_settings(path: Path) -> None:
    assert not reads_settings(ast.parse(path.read_text("utf-8")))


def test_a_use_of_settings_is_found() -> None:
    assert reads_settings(ast.parse("context().settings.public_url"))
