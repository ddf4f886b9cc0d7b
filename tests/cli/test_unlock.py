"""`identity unlock` lets the last administrator log in again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from identity import create_app
from identity.domain.errors import RateLimited, Unauthenticated
from identity.domain.principal import Origin, operator
from identity.services.accounts.registration import NewAccount
from identity.services.administration.audit_query import AuditFilter
from support.accounts import ADMIN
from support.app import ORIGIN, close, config, services
from support.live import environment, identity

LIMITS = {"lockout_failures": "2", "ip_failures": "4"}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("admin", "Unlocked account admin.\n"),
        ("Root@Example.org", "Unlocked account admin.\n"),
        (ORIGIN.ip, f"Unlocked IP {ORIGIN.ip}.\n"),
    ],
)
def test_last_administrator_is_unlocked_and_it_is_recorded(
    tmp_path: Path, database_url: str, what: str, said: str
) -> None:
    app = create_app(config(tmp_path / "data", database_url=database_url, **LIMITS))
    use = services(app)
    use.accounts.create(operator(), NewAccount(*ADMIN, "root@example.org"), admin=True)
    names = (
        ["admin"] * 2
        if "." not in what or "@" in what
        else [f"nobody{number}" for number in range(4)]
    )
    for name in names:
        with pytest.raises(Unauthenticated):
            use.authentication.by_password(name, "wrong", ORIGIN)
    with pytest.raises(RateLimited):
        use.authentication.by_password(*ADMIN, ORIGIN)
    variables = environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": database_url})
    done = identity(variables, "unlock", what)
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    time.sleep(1)  # for so long a process may remember that it refused
    assert use.authentication.by_password(*ADMIN, ORIGIN).account.admin
    kind = "ip.unlocked" if what == ORIGIN.ip else "account.unlocked"
    (event,) = use.audit.list(operator(), AuditFilter(kind=kind), cursor=None, limit=9).items
    assert (event.actor, event.credential, event.outcome) == ("(operator)", "operator", "accepted")
    close(app)


def test_callers_without_an_ip_are_unlocked(tmp_path: Path, database_url: str) -> None:
    app = create_app(config(tmp_path / "data", database_url=database_url, **LIMITS))
    use, here = services(app), Origin("", "test", "native")
    use.accounts.create(operator(), NewAccount(*ADMIN), admin=True)
    for number in range(4):
        with pytest.raises(Unauthenticated):
            use.authentication.by_password(f"nobody{number}", "wrong", here)
    with pytest.raises(RateLimited):
        use.authentication.by_password(*ADMIN, here)
    variables = environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": database_url})
    done = identity(variables, "unlock", "--no-ip")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "Unlocked clients without an IP.\n",
        "",
    )
    time.sleep(1)  # for so long a process may remember that it refused
    assert use.authentication.by_password(*ADMIN, here).account.admin
    assert (
        len(use.audit.list(operator(), AuditFilter(kind="ip.unlocked"), cursor=None, limit=9).items)
        == 1
    )
    close(app)


@pytest.mark.parametrize("words", [(), ("hawk", "--no-ip")])
def test_unlock_wants_one_thing(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert identity(environment(tmp_path, {}), "unlock", *words).returncode == 2


def test_a_name_without_an_account_is_unlocked_too(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "own.sqlite3").write_bytes(sqlite_template.read_bytes())
    (tmp_path / "own.sqlite3").chmod(0o600)
    variables = environment(
        tmp_path / "data", {"IDENTITY_DATABASE_URL": f"sqlite:///{tmp_path / 'own.sqlite3'}"}
    )
    done = identity(variables, "unlock", "nobody")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("No such account; failed attempts")
