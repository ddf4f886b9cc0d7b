"""Every case of the abuse catalogue is held by a test that exists, or says why not."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from support.abuse_cases import SECTIONS, Case

TESTS = Path(__file__).parents[1]
CASES = [(number, case) for section in SECTIONS.values() for number, case in section.items()]
# The numbers of the catalogue, so that none is lost on the way.
NUMBERS = {
    "A": "1 2 4 5 7 8 10 11 13 14 16 17 19 20 22 23 25 26 28 29 31 32 34 35 37 38 40 41 43 44",
    "B": "46 47 49 50 52 53 55 56 58 59 61 62 64 65 67 68 70 71 73",
    "C": "74 76 77 79 80 82 83 85 86 88 89 91 92 94 95 97 98 100 101 103 104 106 107 109 110 112 113 115 116",
    "D": "118 119 121 122 124 125 127 128 130 131 133",
    "E": "134 136 137 139 140 142 143 145 146 148 149",
    "F": "151 152 154 155 157 158 160 161 163 164 166 167",
    "G": "169 170 172 173 175 176 178 179 181 182 184 185 187 188 190 191 193",
    "H": "194 196 197 199 200 202 203 205 206 208 209 211 212",
    "I": "214 215 217 218 220 221 223 224 226 227 229 230 232 233 235 236 238 239",
    "J": "241 242 244 245 247 248 250 251 253 254 256 257 259 260 262 263",
    "K": "265 266 268 269 271 272 274 275 277",
    "L": "278 280 281 283 284 286 287",
}


@cache
def named_in(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_case_of_a_section_is_in_the_table(section: str) -> None:
    assert sorted(SECTIONS[section]) == [int(number) for number in NUMBERS[section].split()]


@pytest.mark.parametrize(
    ("number", "case"), CASES, ids=lambda part: str(part) if isinstance(part, int) else ""
)
def test_a_case_is_held_by_a_test_or_says_why_not(number: int, case: Case) -> None:
    assert bool(case.tests) != bool(case.reason), number
    for name in case.tests:
        path, _, test = name.partition("::")
        assert test in named_in(path), name
