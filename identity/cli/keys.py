"""The command `identity rotate-keys`, and the listing of keys, which shows no key material."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from identity.domain.keys import KeyUse, KeyView
from identity.services import Services
from identity.settings import Settings

_BY_SETTING = """\
IDENTITY_SECRET_KEYS sets the keys of access tokens and mails. Rotate them there, and restart every
node after each step:
  1. IDENTITY_SECRET_KEYS=<new>,<old>   every node accepts the new key, none signs with it
  2. IDENTITY_SECRET_KEYS=<old>,<new>   the new key, now the last, signs
  3. IDENTITY_SECRET_KEYS=<new>         a week after step 2, when tokens of the old key have expired
To generate a key: openssl rand -hex 32"""
_BY_SETTING_NOW = """\
IDENTITY_SECRET_KEYS sets the keys of access tokens and mails. If one of them was leaked, replace
them all by a new one (openssl rand -hex 32) and restart every node."""
_REVOKED = """\
The old keys stop working within one second. This invalidates:
  {}
Passwords, certificates and the tokens of other dialects stay valid. With a leaked key, an attacker
could create tokens for any account: read the audit log, and see docs/operations.md for how to
revoke all sessions."""
_INVALIDATED = {
    KeyUse.TOKENS: "access tokens: log in again; tokens in mails: request another mail",
    KeyUse.JWTS: "JWTs, the sessions of continuous.sh: log in again",
}


def rotate_keys(options: argparse.Namespace, settings: Settings, services: Services) -> None:
    """Rotate the keys with an overlap, or replace them at once."""
    keys = services.key_rotation
    if options.now:
        changed = keys.replace()
        uses = dict.fromkeys(view.use for view in changed)
        notice = _REVOKED.format("\n  ".join(_INVALIDATED[use] for use in uses))
        advice = _BY_SETTING_NOW
    else:
        changed = keys.rotate(timedelta(seconds=options.grace))
        notice = (
            f"Every node that shares {settings.data_dir} follows within seconds;"
            " no token is refused meanwhile."
        )
        advice = _BY_SETTING
    print(*lines(changed), notice, sep="\n")
    if settings.secret_keys:
        print(advice)
    keys.record()


def lines(views: Iterable[KeyView]) -> Iterator[str]:
    """Return a line for each key: its name, what it signs, its state, its age and its times."""
    now = datetime.now(UTC)
    for view in views:
        times = view.times
        age = f"created {_age(now - times.created)} ago" if times.created else "age unknown"
        notes = [age]
        if times.signs_from and times.signs_from > now:
            notes.append(f"signs from {_utc(times.signs_from)}")
        if times.accepted_until and times.accepted_until > now:
            notes.append(f"accepted until {_utc(times.accepted_until)}")
        yield f"  {view.name}  {view.use}: {view.state}  [{', '.join(notes)}]"


def _utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _age(span: timedelta) -> str:
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if span.total_seconds() >= 2 * unit:
            return f"{span.total_seconds() // unit:.0f} {name}"
    return f"{max(span.total_seconds(), 0):.0f} seconds"
