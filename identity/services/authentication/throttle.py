"""Login throttling: which counters an attempt increments, and how locks are cleared.

An attempt usually counts for the name and for the IP. Attackers could use both to lock the owner
out. So an account has a separate counter at each known IP, and each session and certificate has its
own. This is OWASP's defence with device cookies, with the IP in place of the cookie.
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
_HALF: Final = 32  # hex digits: one half of a key for the owner, one for the counter
_NO_ACCOUNT: Final = 0
_UNREACHABLE: Final = 2**31 - 1


class ThrottleKeys(NamedTuple):
    """The counters of an attempt; `seen_recently` if the IP was recorded as known within a day."""

    counts: tuple[Count, ...]
    seen_recently: bool = False


class LoginThrottle:
    """Chooses the counters of password attempts, and clears locks.

    Args:
        limits: the counters.
        password: limit of consecutive failures for a name, an account at a known IP, or a session.
        by_ip: limit of failures from one IP.
        clock: the time.
    """

    def __init__(self, limits: Limits, *, password: Limit, by_ip: Limit, clock: Clock) -> None:
        self._limits = limits
        self._password = password
        self._by_ip = by_ip
        self._decoy = replace(by_ip, most=_UNREACHABLE if by_ip.most else 0)
        self._clock = clock

    def keys_for(self, session: Session, candidate: LoginCandidate, origin: Origin) -> ThrottleKeys:
        """Return the counters of a login: the same for every identifier of an account.

        An unknown name has a counter of its own. Constant work: see docs/security.md#enumeration.

        Raises:
            RateLimited: an attempt was refused before in the same window.
        """
        account_id = candidate.subject.id if candidate.exists else _NO_ACCOUNT
        network = client_network(origin.ip)
        own = Count(self._password, _own(account_id, f"from:{network}"))
        decoy = Count(self._decoy, digest("beside", network))  # never refuses; constant work
        others = (Count.of(self._by_ip, network), self._of_name(candidate.counted_as))
        known_key = _known(account_id, network)
        standing = self._limits.standing(
            session, [known_key, own.key, *(each.key for each in others)]
        )
        known_until, now = standing[known_key].ends_at, self._clock.now()
        counts = (decoy, own) if known_until > now else others
        self._limits.require(standing, *counts)
        return ThrottleKeys(counts, known_until > now + _KNOWN_FOR - _REFRESHED_AFTER)

    def own_counter(self, principal: Principal) -> tuple[Count, ...]:
        """Return the counter for confirming a password with a session or a certificate.

        There is none for a caller who sent a password: that is a login like any other.
        """
        by_certificate = principal.credential is Credential.CERTIFICATE
        vouching = principal.session or (principal.credential if by_certificate else None)
        if not vouching:
            return ()
        return (Count(self._password, _own(principal.account.id, f"by:{vouching}")),)

    def remember(self, tx: Transaction, account_id: int, origin: Origin) -> None:
        """Record an IP as known for an account, for thirty days."""
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
        """Let the owner of an account log in from an IP again, and record it as known.

        For stronger evidence than a login, such as a reset by mail. Locks elsewhere stay.
        """
        self.remember(tx, account_id, origin)
        network = client_network(origin.ip)
        self._limits.lift(tx, account_id, Counter.key == _own(account_id, f"from:{network}"))

    def unlock(self, tx: Transaction, account: Account) -> None:
        """Clear the failures of an account: of its name, at known IPs, and of its sessions."""
        mine = or_(Counter.key == self._of_name(account.username_canonical).key, _owned(account))
        self._limits.lift(tx, account.id, mine)

    def unlock_name(self, tx: Transaction, name: str) -> None:
        """Clear the failures of a name that no account has."""
        self._limits.lift(tx, _NO_ACCOUNT, Counter.key == self._of_name(canonical_email(name)).key)

    def unlock_network(self, tx: Transaction, network: str) -> None:
        """Clear the counters of a client: failures, registrations, resets and requested mails."""
        keys = [digest(name, network) for name in (IP, REGISTRATION, RESET, REQUESTED_MAIL)]
        self._limits.lift(tx, _NO_ACCOUNT, Counter.key.in_(keys))

    def locked_until(self, session: Session, accounts: Sequence[Account]) -> dict[int, datetime]:
        """Return the end of the lock for each account that is locked anywhere, by account id."""
        owners = {_owner(each.id): each.id for each in accounts}
        names = {self._of_name(each.username_canonical).key: each.id for each in accounts}
        parameters = {"names": list(names), "most": self._password.most, "now": self._clock.now()}
        for index, owner in enumerate(owners):
            parameters[f"first{index}"], parameters[f"last{index}"] = _range(owner)
        rows = session.execute(_locked(len(owners)), parameters)
        return {names.get(key) or owners[key[:_HALF]]: ends_at for key, ends_at in rows}

    def _of_name(self, canonical_name: str) -> Count:
        return Count(self._password, digest("login", canonical_name))


@lru_cache  # building the statement costs more than running it, nearly always for one account
def _locked(accounts: int) -> Select[str, datetime]:
    table = COUNTERS.c
    own = (
        table.key.between(bindparam(f"first{index}"), bindparam(f"last{index}"))
        for index in range(accounts)
    )
    mine = or_(table.key.in_(bindparam("names", expanding=True)), *own)
    locked = (
        table.count >= bindparam("most"),
        table.ends_at > bindparam("now", type_=UtcDateTime()),
    )
    return select(table.key, table.ends_at).where(mine, *locked).order_by(table.ends_at)


def _known(account_id: int, network: str) -> str:
    return digest("known", f"{account_id}:{network}")


def _own(account_id: int, item: str) -> str:
    return _owner(account_id) + digest("own", item)[:_HALF]


def _owner(account_id: int) -> str:
    return digest("account", str(account_id))[:_HALF]


def _range(owner: str) -> tuple[str, str]:
    return owner + "0" * _HALF, owner + "f" * _HALF


def _owned(account: Account) -> ColumnElement[bool]:
    return Counter.key.between(*_range(_owner(account.id)))
