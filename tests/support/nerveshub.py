"""What the tests of NervesHub's dialect share."""

from __future__ import annotations

USER = {"username": "user1234", "email": "user@domain.com", "password": "correct horse"}
FORBIDDEN = {"status": "forbidden", "errors": "forbidden"}
