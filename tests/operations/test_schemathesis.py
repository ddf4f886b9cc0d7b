"""Schemathesis compares the running service with its OpenAPI document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.engine import events, from_schema
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import UnsupportedMethodResponse

from identity import create_app
from identity.domain.errors import Unauthenticated
from identity.domain.principal import operator
from identity.services import Services
from identity.services.accounts.registration import NewAccount
from support.app import ORIGIN, close, config, services
from support.live import Live, serving

PASSWORD = "canary-Pass-w0rd"
CONFIG = {
    "seed": 4,
    "workers": 1,
    "continue-on-failure": True,
    "generation": {"max-examples": 12, "deterministic": True, "database": "none"},
    "checks": {
        # No schema can say which names and emails are taken, whose password is the current one,
        # or who is the
        # last administrator: that a well-formed request is refused for such a reason is no finding.
        "positive_data_acceptance": {"enabled": False},
    },
}
# Ids, passwords, mailed tokens and signed requests cannot be guessed; what they open is told
# elsewhere.
UNGUESSABLE = {
    "DELETE /api/admin/users/{account_id}/sessions/{session_id}",
    "DELETE /api/admin/users/{account_id}/certificates/{serial}",
    "POST /api/password-changes",
    "DELETE /api/sessions/{session_id}",
    "DELETE /api/certificates/{serial}",
    "POST /api/certificates",
    "POST /api/certificates/renew",
    "POST /api/activations",
    "POST /api/password-resets/redeem",
}


class Prober:
    """An administrator who is made anew whenever a call has removed, demoted or logged out the last
    one."""

    use: Services
    number = 0
    token = ""

    def get(self, _case: object, _context: object) -> str:
        """Return a token that is good at this moment."""
        try:
            good = self.use.authentication.by_token(self.token, ORIGIN).account.admin
        except Unauthenticated:
            good = False
        if not good:
            self._renew()
        return self.token

    def set(self, case: Any, token: str, _context: object) -> None:
        """Put the token where the call carries it."""
        case.headers = dict(case.headers or {}) | {"Authorization": f"Bearer {token}"}

    def _renew(self) -> None:
        self.number += 1
        wanted = NewAccount(f"prober{self.number}", PASSWORD)
        self.use.accounts.create(operator(), wanted, admin=True)
        principal = self.use.authentication.by_password(wanted.username, PASSWORD, ORIGIN)
        self.token = self.use.tokens.issue(principal).token


@dataclass
class Answerable:
    """Lets well-formed calls succeed that could do so once only, or by chance.

    The example names of the document are taken after the first call, and account 1 is deleted
    before other calls
    ask for it. In stories names and ids come from the answers before, and stay.
    """

    use: Services
    number: int = 0

    def prepare(self, case: Any) -> None:
        """Give a call a name that is free and an account that is there."""
        if case.meta is None or case.meta.phase.name is TestPhase.STATEFUL:
            return
        self.number += 1
        if isinstance(case.body, dict):
            case.body = {name: self._free(value) for name, value in case.body.items()}
        if str((case.path_parameters or {}).get("account_id")) == "1":
            wanted = NewAccount(f"asked{self.number}", PASSWORD)
            made = self.use.accounts.create(operator(), wanted, admin=False)
            case.path_parameters |= {"account_id": made.id}

    def _free(self, value: Any) -> Any:
        taken = {"hawk": f"hawk{self.number}", "hawk@example.org": f"hawk{self.number}@example.org"}
        return taken.get(value, value) if isinstance(value, str) else value


@dataclass
class Findings:
    """What a run of Schemathesis saw."""

    problems: list[str] = field(default_factory=list)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def hear(self, event: object) -> None:
        """Remember what an event of the run tells."""
        if isinstance(event, events.ScenarioFinished):
            self._remember(event.recorder)
        elif isinstance(event, events.NonFatalError):
            self.problems.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            self.problems.append(repr(event.exception))

    def _remember(self, recorder: Any) -> None:
        for name, interaction in recorder.interactions.items():
            if interaction.response is not None:
                case = recorder.cases[name].value
                if case.method == case.operation.method.upper():
                    self.statuses[case.operation.label, interaction.response.status_code] += 1
        for checks in recorder.checks.values():
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    if isinstance(failure, UnsupportedMethodResponse) and " /api/verify" in str(
                        failure.operation
                    ):
                        # proxies ask by whatever method they forward; the document shows GET
                        continue
                    self.problems.append(
                        f"{failure.operation}: "
                        f"{failure.title}\n{failure.message}\n{check.failure_info.code_sample}"
                    )


@pytest.fixture
def live(tmp_path: Path, empty_database_url: str) -> Iterator[Live]:
    """A service on a throwaway database."""
    with serving(tmp_path, database_url=empty_database_url) as running:
        yield running


@contextmanager
def before_each_call(prepare: Callable[[Any], None]) -> Iterator[None]:
    """Have a function called with each case before it is sent; such hooks are for the whole
    process."""

    @schemathesis.hook
    def before_call(_context: object, case: Any, _options: object) -> None:
        prepare(case)

    try:
        yield
    finally:
        schemathesis.hooks.unregister(before_call)


@pytest.mark.timeout(600)  # hundreds of requests
def test_the_service_does_what_its_document_says(
    live: Live, tmp_path: Path, empty_database_url: str
) -> None:
    schema = schemathesis.openapi.from_url(
        f"{live.base}/openapi.json", config=schemathesis.Config.from_dict(CONFIG)
    )
    app = create_app(config(tmp_path, database_url=empty_database_url))

    @schema.auth(refresh_interval=None)
    class Caller(Prober):
        use = services(app)

    findings = Findings()
    with before_each_call(Answerable(services(app)).prepare):
        for event in from_schema(schema).execute():
            findings.hear(event)
    close(app)
    operations = {operation.ok().label for operation in schema.get_all_operations()}
    succeeded = {
        label for label, status in findings.statuses if status < HTTPStatus.MULTIPLE_CHOICES
    }
    assert operations - succeeded <= UNGUESSABLE
    assert "Traceback" not in live.output()
    assert findings.problems == [], "\n\n".join(findings.problems)
