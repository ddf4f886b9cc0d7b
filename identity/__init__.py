"""Identity: one identity service for shell scripts, internal services and long-running clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from identity.wiring.application import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> object:
    """Import `create_app` on first use (PEP 562); processes that only start others skip it."""
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from identity.wiring.application import create_app  # noqa: PLC0415 - see above

    return create_app
