"""Credentials as real clients send them: curl, requests, Node's fetch, git, npm and pip."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from support import protected_site as guarded_site
from support.accounts import ADMIN
from support.live import Live, serving
from support.protected_site import Site

HAWK = ("hawk", "p\u00e4ssw\u00f6rter")
TAKEN = "admin"  # the name of an account that the token is not of


@dataclass(frozen=True)
class Place:
    """A service, the site that it guards, and tokens of hawk: one that is good, one that was
    revoked."""

    live: Live
    site: Site
    home: Path
    good: str
    revoked: str

    def run(self, *command: str) -> bool:
        """Run a client in an empty home and tell whether it succeeded."""
        program = shutil.which(command[0])
        if program is None:
            reason = f"no {command[0]}: install Debian's package"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_TERMINAL_PROMPT": "0",
        }
        environment |= {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ASKPASS": "true",
            "PIP_CONFIG_FILE": os.devnull,
        }
        done = subprocess.run(
            [str(program), *command[1:]],
            env=environment,
            cwd=self.home,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode == 0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A guarded site; every way to be let in or refused is tried at it."""
    if shutil.which("git") is None and os.environ.get("CI") != "true":
        pytest.skip("no git: install Debian's git")
    folder, home = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("home")
    with (
        serving(tmp_path_factory.mktemp("live")) as live,
        guarded_site.running(folder, live.base) as site,
    ):
        made = requests.post(
            f"{live.base}/api/users", json={"username": HAWK[0], "password": HAWK[1]}, timeout=60
        )
        assert made.status_code == 201
        good, revoked = (personal(live) for _ in range(2))
        ended = requests.delete(f"{live.base}/api/token", auth=("", revoked), timeout=60)
        assert ended.status_code == 204
        yield Place(live, site, home, good, revoked)


def personal(live: Live) -> str:
    body = {"username": HAWK[0], "password": HAWK[1]}
    answer = requests.post(f"{live.base}/nerveshub/users/login", json=body, timeout=60)
    token: str = answer.json()["data"]["token"]
    return token


def by_curl(place: Place, name: str, token: str) -> bool:
    return place.run("curl", "-sf", "-u", f"{name}:{token}", place.site.url("/npm/tiny"))


def by_requests(place: Place, name: str, token: str) -> bool:
    return requests.get(place.site.url("/npm/tiny"), auth=(name, token), timeout=60).ok


def by_fetch(place: Place, name: str, token: str) -> bool:
    program = """
        const [url, pair] = process.argv.slice(1);
        const headers = {Authorization: "Basic " + Buffer.from(pair).toString("base64")};
        fetch(url, {headers}).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(2));
    """
    return place.run("node", "-e", program, place.site.url("/npm/tiny"), f"{name}:{token}")


def by_git(place: Place, name: str, token: str) -> bool:
    return place.run(
        "git", "ls-remote", "--exit-code", place.site.url("/tiny.git", f"{name}:{token}")
    )


def by_npm(place: Place, name: str, token: str) -> bool:
    pair = base64.b64encode(f"{name}:{token}".encode()).decode()
    (place.home / ".npmrc").write_text(
        f"registry={place.site.url('/npm/')}\n//{place.site.host}/npm/:_auth={pair}\n"
    )
    command = ("--fetch-retries=0", "--no-update-notifier", "--cache", str(place.home / "cache"))
    return place.run("npm", "pack", "tiny@1.0.0", *command)


def by_pip(place: Place, name: str, token: str) -> bool:
    index = place.site.url("/simple/", f"{name}:{token}")
    options = (
        "--no-deps",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-input",
        "--retries",
        "0",
    )
    return place.run(
        sys.executable,
        "-m",
        "pip",
        "download",
        *options,
        "--index-url",
        index,
        "-d",
        "got",
        "tiny==1.0",
    )


Client = Callable[[Place, str, str], bool]
CLIENTS: dict[str, Client] = {
    "curl": by_curl,
    "requests": by_requests,
    "fetch": by_fetch,
    "git": by_git,
    "npm": by_npm,
    "pip": by_pip,
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_token_beside_its_own_username_is_accepted(place: Place, client: str) -> None:
    for name in ("oauth2", HAWK[0]):
        assert CLIENTS[client](place, name, place.good), name


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_is_refused_with_a_bad_token_or_anothers_name_and_locks_no_account(
    place: Place, client: str
) -> None:
    for name, token in ((HAWK[0], place.revoked), (TAKEN, place.good)):
        assert not CLIENTS[client](place, name, token), name
    assert requests.get(f"{place.live.base}/api/verify", auth=ADMIN, timeout=60).status_code == 204


def test_sixty_tries_with_a_bad_token_lock_no_account(place: Place) -> None:
    with requests.Session() as session:
        for _ in range(60):
            assert (
                session.get(
                    f"{place.live.base}/api/verify", auth=(HAWK[0], place.revoked)
                ).status_code
                == 401
            )
    assert requests.get(f"{place.live.base}/api/verify", auth=HAWK, timeout=60).status_code == 204


@pytest.mark.parametrize("client", ["requests", "curl", "fetch"])
def test_a_password_beyond_ascii_is_understood_in_the_bytes_that_a_client_sends(
    place: Place, client: str
) -> None:
    assert CLIENTS[client](place, *HAWK)  # requests sends Latin-1, the others UTF-8


def test_npm_is_accepted_with_a_bearer_token(place: Place) -> None:
    (place.home / ".npmrc").write_text(
        f"registry={place.site.url('/npm/')}\n//{place.site.host}/npm/:_authToken={place.good}\n"
    )
    command = ("--fetch-retries=0", "--no-update-notifier", "--cache", str(place.home / "cache"))
    assert place.run("npm", "view", "tiny", "version", *command)


def test_a_json_client_can_read_the_refusal(place: Place) -> None:
    answer = requests.get(
        f"{place.live.base}/api/resource", headers={"Accept": "application/json"}, timeout=60
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")
    axios = {"Accept": "application/json, text/plain, */*"}
    assert (
        requests.get(f"{place.live.base}/api/resource", headers=axios, timeout=60).json()["status"]
        == 401
    )
