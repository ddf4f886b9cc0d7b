"""Rotates and replaces signing keys while all nodes keep running."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from identity.domain.events import Event
from identity.domain.keys import KeyUse, KeyView, SigningKey, listed_keys, replaced, rotated
from identity.domain.ports import KeySource, KeyStore
from identity.domain.principal import operator
from identity.domain.token_kinds import Storage, TokenKind
from identity.services.mail import outbox
from identity.services.work.transaction import Transactions

_Keys = tuple[SigningKey, ...]
# The keys after a change, from their use, the present keys, the new key and the time.
_Change = Callable[[KeyUse, _Keys, SigningKey, datetime], _Keys]


class KeyRotation:
    """Rotates the signing keys that this service stores itself.

    Args:
        transactions: writes events.
        sources: of all keys, by use.
        stores: of the keys that can be changed, by use.
        token_life: lifetime of an access token.
    """

    def __init__(
        self,
        transactions: Transactions,
        *,
        sources: Mapping[KeyUse, KeySource],
        stores: Mapping[KeyUse, KeyStore],
        token_life: timedelta,
    ) -> None:
        self._transactions = transactions
        self._sources = sources
        self._stores = stores
        self._lifetimes = {
            KeyUse.TOKENS: max(token_life, *outbox.LIFETIMES.values()),
            KeyUse.JWTS: _jwt_lifetime(),
        }

    def listed(self) -> tuple[KeyView, ...]:
        """Return every key with its state, oldest first for each use."""
        now = self._transactions.now()
        return tuple(
            view
            for use, source in self._sources.items()
            for view in listed_keys(source.load_keys(), use, now)
        )

    def rotate(self, grace: timedelta) -> tuple[KeyView, ...]:
        """Add new keys, and retire the others once all that they signed has expired.

        Args:
            grace: after which the new keys sign; until then they are pending.

        Returns:
            The keys that can be changed.
        """
        return self._change(
            lambda use, keys, new, now: rotated(
                keys, new, now=now, grace=grace, lifetime=self._lifetimes[use]
            )
        )

    def replace(self) -> tuple[KeyView, ...]:
        """Replace all keys by new ones, which invalidates everything that the old ones signed."""
        return self._change(lambda _use, _keys, new, now: replaced(new, now))

    def record(self) -> None:
        """Record a rotation in the audit log.

        This is not part of the rotation, because replacing a leaked key must not need the database.

        Raises:
            Unavailable: the database does not answer.
        """
        self._transactions.write(operator(), lambda tx: tx.audit(Event.KEYS_ROTATED))

    def _change(self, change: _Change) -> tuple[KeyView, ...]:
        for use, store in self._stores.items():
            with store.exclusive():
                keys = store.load_keys()
                store.write(change(use, keys, store.new(), self._transactions.now()))
        return tuple(view for view in self.listed() if view.use in self._stores)


def _jwt_lifetime() -> timedelta:
    lifetimes = [kind.lifetime for kind in TokenKind if kind.storage is Storage.JWT]
    return max(each.absolute for each in lifetimes if each)
