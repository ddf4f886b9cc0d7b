"""Whether the account and the credential behind a principal still stand, asked in the transaction that writes.

A principal is read when a request begins. Its body may take seconds to arrive and a password hash takes its time, so
what was true then is asked again where it counts, under a lock that has whatever ends a credential wait.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from identity.domain.credentials import Credential
from identity.domain.errors import Forbidden, Unauthenticated
from identity.domain.principal import Principal, Subject
from identity.store.models import ACCOUNTS, CERTIFICATES, SESSIONS

# Prepared once: building a statement costs more than running it. The account's row is locked before all others,
# so that requests of one account take turns and never wait for each other in a circle.
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


def _alive(table: Any, key: Any) -> Select[Any]:  # noqa: ANN401 - a table and its key column
    return (
        select(key)
        .where(
            key == bindparam("key"),
            table.c.account_id == bindparam("account"),
            table.c.version == bindparam("version"),
            table.c.revoked_at.is_(None),
        )
        .with_for_update(read=True)
    )


_SESSION: Final = _alive(SESSIONS, SESSIONS.c.id)
_CERTIFICATE: Final = _alive(CERTIFICATES, CERTIFICATES.c.serial)


def require_standing(session: Session, principal: Principal) -> None:
    """Refuse a principal whose account or credential has ended, or who is no longer an administrator.

    Anonymous principals and the operator at the command line have nothing that could have ended.

    Raises:
        Unauthenticated: the account is gone, disabled or has new credentials, or the session or
            certificate was revoked.
        Forbidden: the account is no longer an administrator's.
    """
    subject = principal.subject
    if subject is None or principal.credential is Credential.OPERATOR:
        return
    account = session.execute(_ACCOUNT, _asked(subject)).first()
    if account is None:
        raise Unauthenticated
    if subject.admin and not account.admin:
        raise Forbidden
    for statement, key in ((_SESSION, principal.session), (_CERTIFICATE, principal.certificate)):
        if (
            key is not None
            and session.execute(statement, _asked(subject) | {"key": key}).first() is None
        ):
            raise Unauthenticated


def lock_active_admins(session: Session) -> frozenset[int]:
    """Lock the accounts of all active administrators, always in the same order, and return their ids.

    Two administrators who remove each other at the same moment take turns, and the second one no longer
    stands. On SQLite the write transaction is the lock.
    """
    return frozenset(session.scalars(_ADMINS))


def _asked(subject: Subject) -> dict[str, object]:
    return {"account": subject.id, "version": subject.version}
