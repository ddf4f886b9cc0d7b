"""Django's Argon2 at the cost that Identity uses."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):  # type: ignore[misc]
    """19 MiB, two passes, parallelism of one."""

    time_cost = 2
    memory_cost = 19456
    parallelism = 1
