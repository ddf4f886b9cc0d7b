"""Notes on a view what it takes and returns, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from identity.web.requests.body import JSON_TYPE

_NOTE: Final = "identity_operation"
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Reply:
    """One documented response: the model of its body or, if not JSON, its media type.

    An empty media type means no body.
    """

    status: int = 200
    model: type[BaseModel] | None = None
    media_type: str = JSON_TYPE
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """The description of a view."""

    name: str | Mapping[str, str]
    summary: str
    replies: tuple[Reply, ...]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    refusals: tuple[int, ...]


def describes(
    summary: str,
    *replies: Reply,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    refusals: Iterable[int] = (),
    name: str | Mapping[str, str] = "",
) -> Callable[[View], View]:
    """Attach an OpenAPI operation to a view.

    Args:
        summary: what the operation does, in a few words.
        replies: its successful responses, and errors with a body of their own.
        body: the model of its body; only JSON is described, although forms are accepted too.
        query: the model of its query string.
        refusals: error statuses other than those that follow from its access and its body.
        name: the operation id, from which generators name a method, or one id for each HTTP method
            or route; by default the name of the view. If several HTTP methods share one name, each
            but GET is appended to it.
    """

    def note(view: View) -> View:
        setattr(
            view,
            _NOTE,
            Operation(name or view.__name__, summary, replies, body, query, tuple(refusals)),
        )
        return view

    return note


def operation_of(view: object) -> Operation | None:
    """Return what `describes` attached to a view, or None."""
    note: Operation | None = getattr(view, _NOTE, None)
    return note
