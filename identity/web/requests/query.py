"""Reading query strings: typed, bounded, and never a place for credentials."""

from __future__ import annotations

from typing import Final, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from identity.domain.token_kinds import looks_like_token
from identity.web.dialect import current_dialect
from identity.web.problems import BadRequest
from identity.web.requests.body import invalid

_SECRETS: Final = frozenset({"password", "current_password", "access_token"})
Model = TypeVar("Model", bound=BaseModel)


def read_query(model: type[Model]) -> Model:
    """Return the query string as `model`.

    Raises:
        BadRequest: a parameter stands there twice, or holds NUL.
        InvalidInput: a parameter is unknown or not what it must be.
    """
    values = request.args.to_dict(flat=False)
    if any(len(given) > 1 for given in values.values()):
        raise BadRequest("A query parameter stands there twice.")
    if any("\0" in given[0] for given in values.values()):
        raise BadRequest("A query parameter holds NUL.")
    try:
        return model.model_validate_strings(
            {name: given[0] for name, given in values.items()}, strict=True
        )
    except ValidationError as error:
        raise invalid(error) from None


def refuse_credentials_in_query() -> None:
    """Refuse secrets where every proxy writes them down.

    Raises:
        BadRequest: a credential stands in the query string.
    """
    given = {
        name: value for name, value in request.args.items() if name != current_dialect().query_token
    }
    if not _SECRETS.isdisjoint(given) or any(map(looks_like_token, given.values())):
        raise BadRequest(
            "Credentials in a query string end up in logs: send them in a header or the body."
        )
