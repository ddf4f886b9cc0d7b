"""Checks again, in the transaction that writes, that the principal's credential is still valid.

A principal is authenticated when a request begins. Until the request writes, its body may take
seconds to arrive and a password may have to be hashed. So the check is repeated in the transaction,
under a lock that delays whatever would end the credential.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from identity.domain.credentials import Credential
from identity.domain.errors import Forbidden, Unauthenticated
from identity.domain.principal import Principal
from identity.services.work.session_life import in_force
from identity.store.models import ACCOUNTS, Certificate, LoginSession

# Prepared once; building the statement costs more than running it. The account's row is locked
# before all others, so that requests of one account take turns and cannot deadlock.
_ACCOUNT: Final = (
    select(ACCOUNTS.c.admin)
    .where(
        ACCOUNTS.c.id == bindparam("account"),
        ACCOUNTS.c.version == bindparam("version"),
        ACCOUNTS.c.disabled.is_(False),
    )
    .with_for_update(key_share=True)
)
_ADMINS: Final = (
    select(ACCOUNTS.c.id)
    .where(ACCOUNTS.c.admin, ACCOUNTS.c.disabled.is_(False))
    .order_by(ACCOUNTS.c.id)
    .with_for_update(key_share=True)
)


def _locked(row: type[LoginSession | Certificate], key: InstrumentedAttribute[str]) -> Select[str]:
    return (
        select(key)
        .where(
            key == bindparam("key"),
            row.account_id == bindparam("account"),
            in_force(row, bindparam("version")),
        )
        .with_for_update(read=True)
    )


_SESSION: Final = _locked(LoginSession, LoginSession.id)
_CERTIFICATE: Final = _locked(Certificate, Certificate.serial)


def require_standing(session: Session, principal: Principal) -> None:
    """Require that a principal's account, credential and rights are still valid.

    Anonymous principals and the operator at the command line always pass.

    Raises:
        Unauthenticated: the account was deleted or disabled, its credentials were invalidated, or
            the session or certificate was revoked.
        Forbidden: the account is no longer an administrator.
    """
    subject = principal.subject
    if subject is None or principal.credential is Credential.OPERATOR:
        return
    owner: dict[str, object] = {"account": subject.id, "version": subject.version}
    account = session.execute(_ACCOUNT, owner).first()
    if account is None:
        raise Unauthenticated
    if subject.admin and not account.admin:
        raise Forbidden
    for statement, key in ((_SESSION, principal.session), (_CERTIFICATE, principal.certificate)):
        if key is not None and session.execute(statement, owner | {"key": key}).first() is None:
            raise Unauthenticated


def lock_active_admins(session: Session) -> frozenset[int]:
    """Lock the accounts of all active administrators, always in the same order; return their ids.

    Two administrators who remove each other at the same time take turns, and the second one is
    refused. On SQLite the write transaction is the lock.
    """
    return frozenset(session.scalars(_ADMINS))
