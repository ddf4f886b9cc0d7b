"""Every abuse case has an existing test, or a reason for having none."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from support.abuse_cases import SECTIONS, Case

TESTS = Path(__file__).parents[1]
CASES = [
    pytest.param(case, id=f"{section}: {case.words}")
    for section, cases in SECTIONS.items()
    for case in cases
]


@cache
def named_in(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("case", CASES)
def test_a_case_names_its_tests_or_the_reason_for_none(case: Case) -> None:
    assert bool(case.tests) != bool(case.reason)
    for name in case.tests:
        path, _, test = name.partition("::")
        assert test in named_in(path), name
