"""The dialects of other services, one package each, independent of each other."""

from __future__ import annotations

from typing import Final

from identity.dialects import azuma, continuous, nerveshub, wekan
from identity.dialects.azuma import described as azuma_described
from identity.dialects.continuous import described as continuous_described
from identity.dialects.nerveshub import described as nerveshub_described
from identity.dialects.wekan import described as wekan_described
from identity.web.dialect import Dialect
from identity.web.openapi.dialect_document import with_document

_DESCRIBED: Final = (
    with_document(azuma.DIALECT, azuma_described.DESCRIPTION),
    with_document(continuous.DIALECT, continuous_described.DESCRIPTION),
    with_document(nerveshub.DIALECT, nerveshub_described.DESCRIPTION),
    with_document(wekan.DIALECT, wekan_described.DESCRIPTION),
)
DIALECTS: Final[dict[str, Dialect]] = {dialect.name: dialect for dialect in _DESCRIBED}
