"""The signing keys: showing them without telling them, and changing them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from identity.domain.keys import KeyUse, KeyView
from identity.services import Services
from identity.settings import Settings

_BY_SETTING = """\
The keys of access tokens and mails are given by IDENTITY_SECRET_KEYS, so they are changed there, with a restart of
every node after each step:
  1. IDENTITY_SECRET_KEYS=<new>,<old>   the new key is known everywhere, and signs nowhere
  2. IDENTITY_SECRET_KEYS=<old>,<new>   the new key, now the last, signs
  3. IDENTITY_SECRET_KEYS=<new>         a week after step 2: what the old key signed has expired
A new key: openssl rand -hex 32"""
_BY_SETTING_NOW = """\
The keys of access tokens and mails are given by IDENTITY_SECRET_KEYS. If one of them was leaked, put a new one in the
place of all (openssl rand -hex 32) and restart every node."""
_ENDED = """\
Within a second the old keys are worth nothing. That ends, for everybody:
  {}
Passwords, certificates and the other dialects' tokens stay good. Whoever had a leaked key could make tokens of anybody
until now: read the audit trail, and see docs/operations.md for ending all sessions."""
_ENDS = {
    KeyUse.TOKENS: "access tokens: log in again; the tokens in mails: ask for another mail",
    KeyUse.JWTS: "JWTs, the sessions of continuous.sh: log in again",
}


def rotate_keys(options: argparse.Namespace, settings: Settings, services: Services) -> None:
    """Change the keys: with an overlap in which nothing is refused, or at once."""
    keys = services.key_rotation
    changed = keys.replace() if options.now else keys.rotate(timedelta(seconds=options.grace))
    print(*lines(changed), sep="\n")
    if options.now:
        print(
            _ENDED.format(
                "\n  ".join(_ENDS[use] for use in dict.fromkeys(view.use for view in changed))
            )
        )
    else:
        print(
            f"Every node that shares {settings.data_dir} follows by itself; no token is refused meanwhile."
        )
    if settings.secret_keys:
        print(_BY_SETTING_NOW if options.now else _BY_SETTING)
    keys.record()


def lines(views: Iterable[KeyView]) -> Iterator[str]:
    """Return a line for each key: its name, what it signs, its state, its age and its times."""
    now = datetime.now(UTC)
    for view in views:
        made = (
            f"made {_age(now - view.times.created)} ago" if view.times.created else "of unknown age"
        )
        times = [
            ("signs from", view.times.signs_from),
            ("accepted until", view.times.accepted_until),
        ]
        facts = [
            made,
            *(
                f"{word} {time:%Y-%m-%d %H:%M:%S} UTC"
                for word, time in times
                if time and time > now
            ),
        ]
        yield f"  {view.name}  {view.use}: {view.state}  [{', '.join(facts)}]"


def _age(span: timedelta) -> str:
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if span.total_seconds() >= 2 * unit:
            return f"{span.total_seconds() // unit:.0f} {name}"
    return f"{max(span.total_seconds(), 0):.0f} seconds"
