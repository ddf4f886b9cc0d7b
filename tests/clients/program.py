"""Uses the generated Python client: logs in, creates, lists and disables users, and shows refusals
as data.

The suite generates the package `identity_client`, checks this program against its types and runs
it.
"""

from __future__ import annotations

import base64
import sys

from identity_client import AuthenticatedClient
from identity_client.api.administration import create_user, disable_user, list_users
from identity_client.api.tokens import get_token, list_sessions, log_out
from identity_client.models import NewUserByAdmin, ProblemDetails, Sessions, Token, User, Users


def main(base: str, name: str, password: str) -> None:
    """Show an administrator's session."""
    credential = base64.b64encode(f"{name}:{password}".encode()).decode()
    login = get_token.sync(
        client=AuthenticatedClient(base_url=base, token=credential, prefix="Basic")
    )
    assert isinstance(login, Token), login
    client = AuthenticatedClient(base_url=base, token=login.token)

    wanted = NewUserByAdmin(username="hawk", password="newpwd", email="hawk@example.org")
    created = create_user.sync(client=client, body=wanted)
    assert isinstance(created, User), created
    taken = create_user.sync(client=client, body=wanted)
    assert isinstance(taken, ProblemDetails), taken

    page = list_users.sync(client=client, search="hawk", limit=10)
    assert isinstance(page, Users), page
    (hawk,) = page.users
    disabled = disable_user.sync(client=client, account_id=hawk.id)
    assert isinstance(disabled, User), disabled
    sessions = list_sessions.sync(client=client)
    assert isinstance(sessions, Sessions), sessions

    refusal = disable_user.sync(client=client, account_id=999)
    assert isinstance(refusal, ProblemDetails), refusal
    print(
        f"{disabled.username} disabled: {disabled.disabled}; {hawk.created_at:%Y} "
        f"{len(sessions.sessions)} session"
    )
    print(f"refused: {taken.status} {taken.code}, {refusal.status} {refusal.code}")

    ended = log_out.sync_detailed(client=client)
    dead = list_users.sync_detailed(client=client)
    print(f"logged out: {ended.status_code.value}; then {dead.status_code.value} {dead.parsed}")


if __name__ == "__main__":
    main(*sys.argv[1:])
