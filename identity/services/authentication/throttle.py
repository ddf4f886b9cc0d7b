"""In which counters a password that somebody tries is counted, and who lifts a lock.

Usually that is the counter of the name and that of the address. Others could use both against the owner, so whoever has
proven himself from an address before has a counter of his own there, and so has each session (OWASP's device
cookies, with the address in the place of the cookie).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, or_, select
from sqlalchemy.orm import Session

from identity.domain.credentials import Credential
from identity.domain.limits import (
    IP,
    REGISTRATION,
    REQUESTED_MAIL,
    RESET,
    Limit,
    client_network,
)
from identity.domain.ports import Clock
from identity.domain.principal import Origin, Principal
from identity.domain.values import canonical_email
from identity.services.authentication.identifiers import LoginCandidate
from identity.services.limits.counters import digest
from identity.services.limits.limits import Count, Limits
from identity.services.work.transaction import Transaction
from identity.store.models import COUNTERS, Account, Counter
from identity.store.types import UtcDateTime
from identity.store.upsert import insert

_KNOWN_FOR: Final = timedelta(days=30)
_REFRESHED_AFTER: Final = timedelta(days=1)
_HALF: Final = 32  # digits of a key: half of it says whose it is, the other half which one
_NOBODY: Final = 0
_UNREACHED: Final = 2**31 - 1


class ThrottleKeys(NamedTuple):
    """Where a try is counted; `seen_recently` if its address is known as the account's and that was noted lately."""

    counts: tuple[Count, ...]
    seen_recently: bool = False


class LoginThrottle:
    """Counts tries of passwords."""

    def __init__(self, limits: Limits, *, password: Limit, by_ip: Limit, clock: Clock) -> None:
        self._limits = limits
        self._password = password
        self._by_ip = by_ip
        self._decoy = replace(by_ip, most=_UNREACHED if by_ip.most else 0)
        self._clock = clock

    def keys_for(self, session: Session, named: LoginCandidate, origin: Origin) -> ThrottleKeys:
        """Return where a login is counted: one counter for an account, however it is called.

        A name that nobody has gets one of its own, by the same work.

        Raises:
            RateLimited: it was refused before in the same window.
        """
        account_id, group = (
            named.subject.id if named.exists else _NOBODY,
            client_network(origin.ip),
        )
        own = Count(self._password, _own(account_id, f"from:{group}"))
        beside = Count(
            self._decoy, digest("beside", group)
        )  # refuses nobody: one counter less would tell
        others = (Count.of(self._by_ip, group), self._of_name(named.counted_as))
        known_key = _known(account_id, group)
        standing = self._limits.standing(
            session, [known_key, own.key, *(each.key for each in others)]
        )
        known_until, now = standing[known_key].ends_at, self._clock.now()
        counts = (beside, own) if known_until > now else others
        self._limits.require(standing, *counts)
        return ThrottleKeys(counts, known_until > now + _KNOWN_FOR - _REFRESHED_AFTER)

    def own_counter(self, principal: Principal) -> tuple[Count, ...]:
        """Return where somebody is counted who confirms a password while his session or certificate vouches for him.

        Nothing for a caller who came with a password: that is a login like any other.
        """
        vouching = principal.session or (
            principal.credential if principal.credential is Credential.CERTIFICATE else None
        )
        return (
            (Count(self._password, _own(principal.account.id, f"by:{vouching}")),)
            if vouching
            else ()
        )

    def remember(self, tx: Transaction, account_id: int, origin: Origin) -> None:
        """Note that the owner of an account has proven himself at this address, for the next thirty days."""
        now = tx.now
        known = insert(tx.session.get_bind().dialect.name, COUNTERS).values(
            key=_known(account_id, client_network(origin.ip)),
            count=0,
            ends_at=now + _KNOWN_FOR,
        )
        tx.session.execute(
            known.on_conflict_do_update(
                index_elements=[COUNTERS.c.key], set_={"ends_at": known.excluded.ends_at}
            )
        )

    def admit(self, tx: Transaction, account_id: int, origin: Origin) -> None:
        """Let the owner of an account log in from an IP again, whatever was tried there or elsewhere.

        For a stronger proof than a login, such as a reset by mail. What is locked elsewhere stays so.
        """
        self.remember(tx, account_id, origin)
        group = client_network(origin.ip)
        self._limits.lift(tx, account_id, Counter.key == _own(account_id, f"from:{group}"))

    def unlock(self, tx: Transaction, account: Account) -> None:
        """Forget the failures for this account: for its name, at known addresses, and of its sessions."""
        mine = or_(Counter.key == self._of_name(account.username_canonical).key, _owned(account))
        self._limits.lift(tx, account.id, mine)

    def unlock_name(self, tx: Transaction, name: str) -> None:
        """Forget the failures for a name that no account has."""
        self._limits.lift(tx, _NOBODY, Counter.key == self._of_name(canonical_email(name)).key)

    def unlock_network(self, tx: Transaction, group: str) -> None:
        """Forget what is counted for a group of addresses: failures, registrations and requests for mail."""
        keys = [digest(name, group) for name in (IP, REGISTRATION, RESET, REQUESTED_MAIL)]
        self._limits.lift(tx, _NOBODY, Counter.key.in_(keys))

    def locked_until(self, session: Session, accounts: Sequence[Account]) -> dict[int, datetime]:
        """Return, for those of the accounts that are locked somewhere, until when, by their ids."""
        owners = {_owner(each.id): each.id for each in accounts}
        names = {self._of_name(each.username_canonical).key: each.id for each in accounts}
        given = {"names": list(names), "most": self._password.most, "now": self._clock.now()}
        for place, owner in enumerate(owners):
            given[f"first{place}"], given[f"last{place}"] = _range(owner)
        found = session.execute(_locked(len(owners)), given)
        return {names.get(key) or owners[key[:_HALF]]: ends_at for key, ends_at in found}

    def _of_name(self, canonical_name: str) -> Count:
        return Count(self._password, digest("login", canonical_name))


@lru_cache  # making one takes longer than asking it, and nearly always it is one account
def _locked(accounts: int) -> Select[str, datetime]:
    table = COUNTERS.c
    own = (
        table.key.between(bindparam(f"first{place}"), bindparam(f"last{place}"))
        for place in range(accounts)
    )
    mine = or_(table.key.in_(bindparam("names", expanding=True)), *own)
    locked = (
        table.count >= bindparam("most"),
        table.ends_at > bindparam("now", type_=UtcDateTime()),
    )
    return select(table.key, table.ends_at).where(mine, *locked).order_by(table.ends_at)


def _known(account_id: int, group: str) -> str:
    return digest("known", f"{account_id}:{group}")


def _own(account_id: int, what: str) -> str:
    return _owner(account_id) + digest("own", what)[:_HALF]


def _owner(account_id: int) -> str:
    return digest("account", str(account_id))[:_HALF]


def _range(owner: str) -> tuple[str, str]:
    return owner + "0" * _HALF, owner + "f" * _HALF


def _owned(account: Account) -> ColumnElement[bool]:
    return Counter.key.between(*_range(_owner(account.id)))
