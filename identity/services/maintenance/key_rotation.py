"""Changing the keys that sign, while every node goes on."""

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

_Successor = Callable[
    [KeyUse, tuple[SigningKey, ...], SigningKey, datetime], tuple[SigningKey, ...]
]


class KeyRotation:
    """Rotates the keys of all kinds that this service keeps itself.

    Args:
        transactions: where the trail is written.
        sources: all kinds of keys.
        stores: those of them that can be changed here.
        token_life: life of an access token.
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
        self._lives = {
            KeyUse.TOKENS: max(token_life, *outbox.LIFETIMES.values()),
            KeyUse.JWTS: _jwt_life(),
        }

    def listed(self) -> tuple[KeyView, ...]:
        """Return every key for people, oldest first within its kind."""
        now = self._transactions.now()
        return tuple(
            view
            for use, source in self._sources.items()
            for view in listed_keys(source.load_keys(), use, now)
        )

    def rotate(self, grace: timedelta) -> tuple[KeyView, ...]:
        """Add new keys, which sign after `grace`, and end the others once nothing they signed can be alive."""

        def successor(
            use: KeyUse, keys: tuple[SigningKey, ...], new: SigningKey, now: datetime
        ) -> tuple[SigningKey, ...]:
            return rotated(keys, new, now=now, grace=grace, lifetime=self._lives[use])

        return self._change(successor)

    def replace(self) -> tuple[KeyView, ...]:
        """Put new keys in the place of all others, whose signatures are worth nothing from then on."""
        return self._change(lambda _use, _keys, new, now: replaced(new, now))

    def record(self) -> None:
        """Write a change into the trail; apart from it, because a leaked key does not wait for the database.

        Raises:
            Unavailable: the database does not answer.
        """
        acting = operator()
        self._transactions.write(acting, lambda tx: tx.audit(Event.KEYS_ROTATED))

    def _change(self, successor: _Successor) -> tuple[KeyView, ...]:
        for use, store in self._stores.items():
            with store.exclusive():
                store.write(
                    successor(use, store.load_keys(), store.new(), self._transactions.now())
                )
        return tuple(view for view in self.listed() if view.use in self._stores)


def _jwt_life() -> timedelta:
    lifetimes = [kind.lifetime for kind in TokenKind if kind.storage is Storage.JWT]
    return max(each.absolute for each in lifetimes if each)
