"""The deployment's configuration: the environment as plain text; `identity.settings` parses it."""

import os


class Config:
    """Every `IDENTITY_…` variable as it was when this module was imported."""

    IDENTITY = {  # noqa: RUF012 - Flask reads classes
        name: value for name, value in os.environ.items() if name.startswith("IDENTITY_")
    }


class TestConfig(Config):
    """For tests only: the password hash is far too cheap for production."""

    TESTING = True
    IDENTITY = {  # noqa: RUF012 - Flask reads classes
        "IDENTITY_DATA_DIR": "instance/test",
        "IDENTITY_ARGON2_MEMORY_KIB": "8",
        "IDENTITY_ARGON2_TIME": "1",
        "IDENTITY_HASH_QUEUE": "64",
        "IDENTITY_NAME": "",
        "IDENTITY_PASSWORD_MEMORY_SECONDS": "0",  # tests count hashes
    }
