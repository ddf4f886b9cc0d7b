"""Lifting locks by what people know of them: a name or an address."""

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
    """What a text turned out to be: the name of an account, if anybody's, and a group of addresses, if any."""

    username: str | None
    network: str | None


class Locks:
    """Lifts locks."""

    def __init__(self, transactions: Transactions, *, throttle: LoginThrottle) -> None:
        self._transactions = transactions
        self._throttle = throttle

    def lift(self, principal: Principal, what: str) -> Lifted:
        """Forget what is counted for a username, an e-mail address or an IP address; for all that `what` can be.

        Raises:
            Forbidden: the caller is no administrator.
        """
        policy.require_admin(principal)
        group = client_network(what.partition("/")[0])
        network = None if group == UNKNOWN_CLIENT else group

        def lift(tx: Transaction) -> Lifted:
            if network is not None:
                self._lift_network(tx, network)
            return Lifted(self._lift_name(tx, what), network)

        return self._transactions.write(principal, lift)

    def lift_without_ip(self, principal: Principal) -> None:
        """Forget what is counted for callers without an IP, such as those of a Unix socket.

        Raises:
            Forbidden: the caller is no administrator.
        """
        policy.require_admin(principal)

        def lift(tx: Transaction) -> None:
            self._lift_network(tx, UNKNOWN_CLIENT)

        self._transactions.write(principal, lift)

    def _lift_network(self, tx: Transaction, group: str) -> None:
        self._throttle.unlock_network(tx, group)
        tx.audit(Event.IP_UNLOCKED, network=group)

    def _lift_name(self, tx: Transaction, what: str) -> str | None:
        account = find_by_identifier(tx.session, what)
        if account is None:
            self._throttle.unlock_name(tx, what)
            return None
        self._throttle.unlock(tx, account)
        tx.audit(Event.UNLOCKED, subject=subject_of(account))
        return account.username
