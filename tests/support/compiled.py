"""Routes and statements are compiled once in a process, not once for each application of a test.

An application compiles its 89 routes, and each engine its statements. Most tests make both anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

_compile_rule = Rule.compile
_rules: dict[object, Rule] = {}
_STATEMENTS: LRUCache[Any, Any] = LRUCache(5000)


def install() -> None:
    """Share what is compiled among all applications and engines of this process."""
    Rule.compile = _compile  # type: ignore[method-assign, assignment]
    # A compiled statement is kept for its dialect. All engines of one database have equal ones.
    DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
    Engine._compiled_cache = property(  # type: ignore[assignment]
        lambda _engine: _STATEMENTS, lambda _engine, _own: None
    )


def _compile(rule: Rule) -> None:
    """Compile a rule, or take everything from an equal one."""
    equal = _rules.setdefault(_key(rule), rule)
    if equal is rule:
        _compile_rule(rule)
        return
    rule._parts, rule._trace, rule._converters = equal._parts, equal._trace, equal._converters
    rule.arguments |= equal.arguments
    rule._build = equal._build.__func__.__get__(rule)  # type: ignore[attr-defined]
    rule._build_unknown = equal._build_unknown.__func__.__get__(rule)  # type: ignore[attr-defined]


def _key(rule: Rule) -> object:
    """Return all that `Rule.compile` reads."""
    assert rule.map is not None
    place = rule.rule, rule.subdomain, rule.host, rule.merge_slashes, rule.map.host_matching
    return place, tuple((rule.defaults or {}).items()), tuple(rule.map.converters.items())
