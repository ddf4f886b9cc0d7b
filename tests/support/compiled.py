"""Routes and statements are compiled once in a process, not once for each application of a test.

An application compiles its 89 routes, and each engine its statements. Most tests make both anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

_compile_builder = Rule._compile_builder
_builders: dict[object, Callable[..., tuple[str, str]]] = {}
_STATEMENTS: LRUCache[Any, Any] = LRUCache(5000)


def install() -> None:
    """Share what is compiled among all applications and engines of this process."""
    Rule._compile_builder = _builder  # type: ignore[method-assign]
    # A compiled statement is kept for its dialect. All engines of one database have equal ones.
    DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
    Engine._compiled_cache = property(  # type: ignore[assignment]
        lambda _engine: _STATEMENTS, lambda _engine, _own: None
    )


def _builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT002 - as in Werkzeug
    """Return the function that builds the URL of a rule; it is given the rule with each call."""
    key = rule.rule, tuple(rule._trace), tuple((rule.defaults or {}).items()), append_unknown
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]
