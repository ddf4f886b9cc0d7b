"""Identity: one identity service for a shell script, an internal service and a token-refresh loop."""

from identity.wiring import create_app

__all__ = ["create_app"]
