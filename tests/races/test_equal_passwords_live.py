"""Many requests with the same right password at the same time are all accepted."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.accounts import ADMIN
from support.live import Live, serving

REAL = {"argon2_memory_kib": "19456", "argon2_time": "2"}
CALLS, AT_ONCE = 60, 30


@pytest.fixture(scope="module")
def costly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service whose hashes cost what they do by default."""
    with serving(tmp_path_factory.mktemp("costly"), **REAL) as running:
        yield running


def status(live: Live, password: str) -> int:
    pair = base64.b64encode(f"{ADMIN[0]}:{password}".encode()).decode()
    request = urllib.request.Request(
        f"{live.base}/api/verify", headers={"Authorization": f"Basic {pair}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_same_right_password_sixty_times_is_never_put_off(costly: Live) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = Counter(pool.map(lambda _: status(costly, ADMIN[1]), range(CALLS)))
    assert statuses == {204: CALLS}


def test_wrong_passwords_stay_wrong_among_right_ones(costly: Live) -> None:
    given = [ADMIN[1], "wrong"] * 20
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda password: status(costly, password), given))
    assert set(statuses[::2]) == {204}
    assert set(statuses[1::2]) <= {401, 503}
