"""The session directory compared with a model: after any steps on two nodes, no answer is outdated
for over a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from identity.store.postgresql import feed as postgresql_feed
from support.accounts import ADMIN
from support.clock import ManualClock
from support.session_directory.model import Account, Past, Session, Token
from support.session_directory.nodes import Answer, Node, RemoteNode

BOUND: Final = 1.0
DAY: Final = 86_400
# Whole life of a session by the kind of its first token; seconds (docs/architecture.md,
# Credentials).
LIFETIMES: Final = {
    "access": 30 * DAY,
    "jwt": 3600,
    "opaque": 90 * DAY,
    "uuid": 90 * DAY,
    "personal": 365 * DAY,
}
ACCESS_LIFE: Final = 600
UNUSED, SLIDE, GRAIN = 300, 14 * DAY, 60
NAMES: Final = ("hawk", "osprey", "kite", "merlin", "heron")
MOST_ACCOUNTS: Final = 3

Item = TypeVar("Item")


def pick(items: list[Item], number: int) -> Item:
    return items[number % len(items)]


class Model(RuleBasedStateMachine):
    """What happened, as plain values, beside two nodes to which it happens."""

    which, number = st.integers(0, 1), st.integers(0, 99)

    def __init__(self, nodes: list[Any], clocks: list[Any]) -> None:
        super().__init__()
        self.nodes, self.clocks = nodes, clocks
        self.now = self.words = 0
        self.curious = self.patient = False
        self.accounts: list[Account] = []
        self.tokens: list[Token] = []
        self.deaf: set[int] = set()

    @initialize(curious=st.booleans(), patient=st.booleans())
    def begin(self, curious: bool, patient: bool) -> None:
        self.curious, self.patient = curious, patient
        self.create(0, 0)
        self.create(1, 1)
        for number, kind in enumerate(LIFETIMES):
            self.log_in(number % 2, number, kind)

    def teardown(self) -> None:
        try:
            self.hear_again()
            for token in self.tokens:
                for which in (0, 1):
                    self.settled(which, token)
        finally:
            for account in self.living():
                self.nodes[0].delete(account.id)

    def living(self) -> list[Account]:
        return [account for account in self.accounts if not account.gone]

    def sessions(self) -> list[Session]:
        return list({id(token.session): token.session for token in self.tokens}.values())

    def free_names(self) -> list[str]:
        return sorted(set(NAMES) - {account.name for account in self.living()})

    def word(self) -> str:
        self.words += 1
        return f"secret-{self.words}"

    def change(self, which: int, act: Callable[[], object], **values: Any) -> None:
        """Let a node change an account or a session, and note what is true no more from here on."""
        before = [(session, session.expected()) for session in self.sessions()]
        act()
        target = values.pop("target")
        for name, value in values.items():
            setattr(target, name, value)
        for session, answer in before:
            if session.expected() != answer:
                session.past.append(Past(answer, time.monotonic(), which))
        if self.patient:
            for token in self.tokens:
                self.settled(1 - which, token)

    # What is asked, and what may be answered.

    def ask(self, which: int, token: Token) -> tuple[Answer | None, Answer | None]:
        """Ask once; return what was said and what is true. Whatever was said was true a second ago
        or later."""
        session, begin = token.session, time.monotonic()
        said = self.nodes[which].ask(token.text)
        if not (self.now < token.end and session.in_time(self.now)):
            assert said is None, f"{said} by a token that is over"
            return None, None
        true = session.expected()
        if said == true and which not in self.deaf:
            session.heard[which] = begin
        assert said == true or said in self.forgivable(which, session, begin), (which, said, true)
        if said is not None and true is not None:
            self.slide(which, session)
        return said, true

    def forgivable(self, which: int, session: Session, begin: float) -> list[Answer | None]:
        if which in self.deaf:
            return []
        since = max(begin - BOUND, session.heard.get(which, 0))
        return [past.answer for past in session.past if past.by != which and past.until >= since]

    def slide(self, which: int, session: Session) -> None:
        end = min(self.now + SLIDE, session.end)
        if session.idle_end is not None and end - session.idle_end > GRAIN:
            session.idle_end = end
            # A node that has not heard of it may think the session over, should the clock leap now.
            session.past.append(Past(None, time.monotonic(), which))

    def settled(self, which: int, token: Token) -> Answer | None:
        """Ask until the answer is true; `ask` does not let that take longer than the bound."""
        said, true = self.ask(which, token)
        while said != true:
            time.sleep(0.002)
            said, true = self.ask(which, token)
        return true

    @precondition(lambda self: self.tokens)
    @rule(which=which, number=number)
    def look(self, which: int, number: int) -> None:
        self.settled(which, pick(self.tokens, number))

    @invariant()
    def look_at_all_without_waiting(self) -> None:
        """Make both nodes know what they can, so that they have something to forget."""
        if self.curious:
            for token in self.tokens:
                self.ask(0, token)
                self.ask(1, token)

    # Logging in and renewing.

    @precondition(lambda self: self.living())
    @rule(which=which, number=number, kind=st.sampled_from(sorted(LIFETIMES)))
    def log_in(self, which: int, number: int, kind: str) -> None:
        account = pick(self.living(), number)
        text = self.nodes[which].log_in(account.name, account.password, kind)
        assert (text is None) == account.disabled
        if text is not None:
            end = self.now + LIFETIMES[kind]
            idle_end = self.now + UNUSED if kind == "uuid" else None
            session = Session(account, account.version, end, idle_end)
            self.tokens.append(
                Token(text, session, self.now + ACCESS_LIFE if kind == "access" else end)
            )

    @precondition(lambda self: self.living())
    @rule(which=which, number=number)
    def log_in_with_a_wrong_password(self, which: int, number: int) -> None:
        assert (
            self.nodes[which].log_in(pick(self.living(), number).name, "wrong-word", "access")
            is None
        )

    @precondition(lambda self: self.tokens)
    @rule(which=which, number=number)
    def renew(self, which: int, number: int) -> None:
        token = pick(self.tokens, number)
        live = self.settled(which, token) is not None
        text = self.nodes[which].renew(token.text)
        assert (text is not None) == live
        if text is not None:
            self.tokens.append(
                Token(text, token.session, min(self.now + ACCESS_LIFE, token.session.end))
            )

    # What people do with their own account; they ask with a token that is good.

    def own(self, which: int, number: int) -> Token | None:
        live = [token for token in self.tokens if self.settled(which, token) is not None]
        return pick(live, number) if live else None

    @rule(which=which, number=number)
    def log_out(self, which: int, number: int) -> None:
        if token := self.own(which, number):
            self.change(
                which,
                lambda: self.nodes[which].log_out(token.text),
                target=token.session,
                ended=True,
            )

    @rule(which=which, number=number)
    def log_out_everywhere(self, which: int, number: int) -> None:
        if token := self.own(which, number):
            account = token.session.account
            act = self.nodes[which].log_out_everywhere
            self.change(which, lambda: act(token.text), target=account, version=account.version + 1)

    @rule(which=which, number=number)
    def change_password(self, which: int, number: int) -> None:
        if token := self.own(which, number):
            account, new = token.session.account, self.word()

            def act() -> None:
                self.nodes[which].change_password(token.text, account.password, new)
                token.session.version += 1

            self.change(which, act, target=account, version=account.version + 1, password=new)

    @rule(which=which, number=number)
    def rename_oneself(self, which: int, number: int) -> None:
        if token := self.own(which, number):
            account, name = token.session.account, pick(self.free_names(), number)
            act = self.nodes[which].rename_oneself
            self.change(
                which, lambda: act(token.text, name, account.password), target=account, name=name
            )

    # What is done to accounts.

    @precondition(lambda self: len(self.living()) < MOST_ACCOUNTS)
    @rule(which=which, number=number)
    def create(self, which: int, number: int) -> None:
        name, password = pick(self.free_names(), number), self.word()
        self.accounts.append(Account(self.nodes[which].create(name, password), name, password))

    @precondition(lambda self: self.living())
    @rule(which=which, number=number)
    def rename(self, which: int, number: int) -> None:
        account, name = pick(self.living(), number), pick(self.free_names(), number)
        self.change(
            which, lambda: self.nodes[which].rename(account.id, name), target=account, name=name
        )

    @precondition(lambda self: self.living())
    @rule(which=which, number=number, admin=st.booleans())
    def set_admin(self, which: int, number: int, admin: bool) -> None:
        account = pick(self.living(), number)
        self.change(
            which,
            lambda: self.nodes[which].set_admin(account.id, admin),
            target=account,
            admin=admin,
        )

    @precondition(lambda self: self.living())
    @rule(which=which, number=number)
    def set_password(self, which: int, number: int) -> None:
        account, new = pick(self.living(), number), self.word()
        act = self.nodes[which].set_password
        self.change(
            which,
            lambda: act(account.id, new),
            target=account,
            version=account.version + 1,
            password=new,
        )

    @precondition(lambda self: self.living())
    @rule(which=which, number=number)
    def disable(self, which: int, number: int) -> None:
        account = pick(self.living(), number)
        version = account.version + (not account.disabled)
        act = self.nodes[which].disable
        self.change(which, lambda: act(account.id), target=account, disabled=True, version=version)

    @precondition(lambda self: any(account.disabled for account in self.living()))
    @rule(which=which, number=number)
    def enable(self, which: int, number: int) -> None:
        account = pick([account for account in self.living() if account.disabled], number)
        self.change(
            which, lambda: self.nodes[which].enable(account.id), target=account, disabled=False
        )

    @precondition(lambda self: self.living())
    @rule(which=which, number=number)
    def revoke_sessions(self, which: int, number: int) -> None:
        account = pick(self.living(), number)
        act = self.nodes[which].revoke_sessions
        self.change(which, lambda: act(account.id), target=account, version=account.version + 1)

    @precondition(lambda self: self.living())
    @rule(which=which, number=number)
    def delete(self, which: int, number: int) -> None:
        account = pick(self.living(), number)
        self.change(which, lambda: self.nodes[which].delete(account.id), target=account, gone=True)

    # What happens to the nodes.

    @rule(seconds=st.sampled_from([37, 241, 431, 3_001, 50_000, 700_000, 1_300_000]))
    def pass_time(self, seconds: int) -> None:
        for clock in self.clocks:
            clock.advance(seconds)
        self.now += seconds

    @rule(which=which)
    def lose_the_feed(self, which: int) -> None:
        self.nodes[which].lose_feed()

    @rule(which=which)
    def hear_nothing(self, which: int) -> None:
        self.nodes[which].set_deaf(True)
        self.deaf.add(which)
        for session in self.sessions():
            session.heard.pop(
                which, None
            )  # rows are true at once, the memory is again within the bound

    @precondition(lambda self: self.deaf)
    @rule()
    def hear_again(self) -> None:
        for which in self.deaf:
            self.nodes[which].set_deaf(False)
        self.deaf.clear()

    @rule(which=which)
    def wait_for_the_feed(self, which: int) -> None:
        end = time.monotonic() + 60
        while which not in self.deaf and not self.nodes[which].is_current():
            assert time.monotonic() < end, "the feed did not come back"
            time.sleep(0.005)


def judge(nodes: list[Any], clocks: list[Any], *, examples: int) -> None:
    run_state_machine_as_test(
        lambda: Model(nodes, clocks),
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def near(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Node]]:
    """Two nodes in this process; one caches few sessions, and a lost feed soon comes back."""
    monkeypatch.setattr(postgresql_feed, "_RETRY_SECONDS", 0.05)
    clock = ManualClock()
    nodes = [
        Node(database_url, tmp_path / "data", "0", clock),
        Node(database_url, tmp_path / "data", "1", clock, directory_sessions="3"),
    ]
    nodes[0].create_admin(*ADMIN)
    yield nodes
    for node in nodes:
        node.close()


@pytest.fixture
def far(database_url: str, tmp_path: Path) -> Iterator[list[RemoteNode]]:
    """Two nodes in two processes, which share the database and the keys."""
    nodes = [RemoteNode(database_url, tmp_path / "data", str(number)) for number in (0, 1)]
    nodes[0].create_admin(*ADMIN)
    yield nodes
    for node in nodes:
        node.close()


def test_answers_are_true_within_a_second_on_two_nodes(near: list[Node]) -> None:
    judge(near, near[:1], examples=15)


def test_answers_are_true_within_a_second_in_two_processes(far: list[RemoteNode]) -> None:
    judge(far, far, examples=6)
