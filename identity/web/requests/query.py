"""Parses query strings, and refuses credentials in them."""

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
        BadRequest: a parameter is repeated, or contains NUL.
        InvalidInput: a parameter is unknown or has an invalid value.
    """
    parameters = request.args.to_dict(flat=False)
    if any(len(values) > 1 for values in parameters.values()):
        raise BadRequest("Repeated query parameter.")
    if any("\0" in values[0] for values in parameters.values()):
        raise BadRequest("Query parameters must not contain NUL.")
    try:
        return model.model_validate_strings(
            {name: values[0] for name, values in parameters.items()}, strict=True
        )
    except ValidationError as error:
        raise invalid(error) from None


def refuse_credentials_in_query() -> None:
    """Refuse credentials in the query string, because proxies write it to their logs.

    Raises:
        BadRequest: the query string contains a credential.
    """
    allowed = current_dialect().query_token
    parameters = {name: value for name, value in request.args.items() if name != allowed}
    if not _SECRETS.isdisjoint(parameters) or any(map(looks_like_token, parameters.values())):
        raise BadRequest("Send credentials in a header or the body, not in the query string.")
