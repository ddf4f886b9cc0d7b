"""Accounts and their sessions as plain values: the model that nodes are compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

from support.session_directory.nodes import Answer


@dataclass
class Account:
    id: int
    name: str
    password: str
    version: int = 1
    admin: bool = False
    disabled: bool = False
    gone: bool = False


@dataclass
class Past:
    """What was true until a moment, and the node that ended it."""

    answer: Answer | None
    until: float
    by: int


@dataclass
class Session:
    account: Account
    version: int
    end: int
    idle_end: int | None
    ended: bool = False
    past: list[Past] = field(default_factory=list)
    heard: dict[int, float] = field(default_factory=dict)  # by node: since when it may not go back

    def expected(self) -> Answer | None:
        """What every node has to say in the end, while the session's time is not over."""
        account = self.account
        if self.ended or account.gone or account.disabled or account.version != self.version:
            return None
        return account.id, account.name, account.admin, account.version

    def in_time(self, now: int) -> bool:
        return now < self.end and (self.idle_end is None or now < self.idle_end)


@dataclass
class Token:
    text: str
    session: Session
    end: int
