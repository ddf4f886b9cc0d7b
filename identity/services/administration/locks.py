"""Clears locks by username, email or IP."""

from __future__ import annotations

from dataclasses import dataclass

from identity.domain import policy
from identity.domain.events import Event
from identity.domain.limits import UNKNOWN_CLIENT, client_network
from identity.domain.principal import Principal
from identity.services.authentication.throttle import LoginThrottle
from identity.services.work.accounts import find_by_identifier, subject_of
from identity.services.work.transaction import Transaction, Transactions


@dataclass(frozen=True, slots=True)
class Lifted:
    """What was unlocked: the account with this username, and this client network; None if not."""

    username: str | None
    network: str | None


class Locks:
    """Clears locks.

    Args:
        transactions: writes counters and events.
        throttle: clears counters.
    """

    def __init__(self, transactions: Transactions, *, throttle: LoginThrottle) -> None:
        self._transactions = transactions
        self._throttle = throttle

    def lift(self, principal: Principal, text: str) -> Lifted:
        """Clear the counters of a username, an email or an IP, whichever the text can be.

        Raises:
            Forbidden: the caller is not an administrator.
        """
        policy.require_admin(principal)
        network = client_network(text.partition("/")[0])
        known_network = None if network == UNKNOWN_CLIENT else network
        return self._transactions.write(
            principal, lambda tx: self._lift(tx, text, network=known_network)
        )

    def lift_without_ip(self, principal: Principal) -> None:
        """Clear the counters of callers without an IP, such as those on a Unix socket.

        Raises:
            Forbidden: the caller is not an administrator.
        """
        policy.require_admin(principal)
        self._transactions.write(principal, lambda tx: self._lift_network(tx, UNKNOWN_CLIENT))

    def _lift(self, tx: Transaction, text: str, *, network: str | None) -> Lifted:
        if network is not None:
            self._lift_network(tx, network)
        return Lifted(self._lift_name(tx, text), network)

    def _lift_network(self, tx: Transaction, network: str) -> None:
        self._throttle.unlock_network(tx, network)
        tx.audit(Event.IP_UNLOCKED, network=network)

    def _lift_name(self, tx: Transaction, name: str) -> str | None:
        account = find_by_identifier(tx.session, name)
        if account is None:
            self._throttle.unlock_name(tx, name)
            return None
        self._throttle.unlock(tx, account)
        tx.audit(Event.UNLOCKED, subject=subject_of(account))
        return account.username
