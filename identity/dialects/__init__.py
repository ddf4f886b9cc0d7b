"""The tongues of other services, one module each; none knows another."""

from __future__ import annotations

from typing import Final

from identity.dialects import azuma, continuous, nerveshub, wekan
from identity.web.dialect import Dialect

DIALECTS: Final[dict[str, Dialect]] = {
    dialect.name: dialect for dialect in (azuma.DIALECT, continuous.DIALECT, nerveshub.DIALECT, wekan.DIALECT)
}
