"""Tours of the docs: cut out of a page, typed into a shell, and compared with the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.accounts import ADMIN
from support.live import COMMAND, Live
from support.postgresql import free_port

ROOT = Path(__file__).parents[2]
BASE = "http://127.0.0.1:5000"
TLS_BASE = "https://127.0.0.1:5000"
END = "\036"  # ASCII's record separator, printed after every block
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# People read their mail; here the service prints it, and it may take a moment.
MAILED = r"""
mailed() {
    for _ in $(seq 200); do
        found=$(sed -n 's/.*Choose a new password".*Token: \([A-Za-z0-9._-]*\).*/\1/p' "$LOG" | tail -n 1)
        [ -z "$found" ] || break
        command sleep 0.1
    done
    printf '%s' "$found"
}
"""


@dataclass
class Step:
    typed: str
    kind: str = "text"
    shown: str = ""


def read_page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def section(text: str, heading: str, *, level: int = 2) -> str:
    marks = "#" * level
    return text.partition(f"\n{marks} {heading}\n")[2].partition(f"\n{marks} ")[0]


def steps(text: str) -> list[Step]:
    found: list[Step] = []
    for kind, block in FENCED.findall(text):
        if kind == "sh":
            found.append(Step(block))
        elif kind == "python":
            found.append(Step(f"'{sys.executable}' - <<'END_OF_PROGRAM'\n{block}END_OF_PROGRAM\n"))
        else:
            assert not found[-1].shown, f"two answers beneath one command: {block}"
            found[-1].kind, found[-1].shown = kind, block
    return found


def take(
    tour: list[Step],
    live: Live,
    folder: Path,
    *,
    shell: str = "",
    places: Mapping[str, str] | None = None,
) -> None:
    """Type a tour into one shell and require what it shows; `places` stand in the page for what
    differs here."""
    known = {
        "PASSWORD": ADMIN[1],
        "THE-TOKEN-IN-THE-MAIL": "$(mailed)",
        BASE: live.base,
        **(places or {}),
    }
    typed = "".join(f"{step.typed}\nprintf '{END}'\n" for step in tour)
    for shown, here in known.items():
        typed = typed.replace(shown, here)
    done = subprocess.run(
        ["sh", "-u"],
        input=MAILED + shell + typed,
        env=live.environment | {"BASE": live.base, "HOME": str(folder), "LOG": str(live.log)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    seen = done.stdout.replace(live.base, BASE).split(END)[:-1]
    assert len(seen) == len(tour), done.stderr
    for step, output in zip(tour, seen, strict=True):
        assert answers(step, output), f"typed:\n{step.typed}\nshown:\n{step.shown}\nseen:\n{output}"


def fits(shown: Any, seen: Any) -> bool:
    if isinstance(shown, str) and "…" in shown:
        pattern = ".+".join(map(re.escape, shown.split("…")))
        return seen is not None and re.fullmatch(pattern, str(seen), re.DOTALL) is not None
    if isinstance(shown, dict) and isinstance(seen, dict):
        return shown.keys() == seen.keys() and all(fits(shown[name], seen[name]) for name in shown)
    if isinstance(shown, list) and isinstance(seen, list):
        return len(shown) == len(seen) and all(map(fits, shown, seen))
    return type(shown) is type(seen) and shown == seen


def body(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text.strip()


def response(text: str) -> tuple[str, list[tuple[str, str]], Any]:
    head, _, rest = text.replace("\r\n", "\n").strip().partition("\n\n")
    status, *lines = head.split("\n")
    headers = [
        (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
    ]
    return status.strip(), headers, body(rest)


def answers(step: Step, seen: str) -> bool:
    if step.kind != "http":
        return fits(body(step.shown), body(seen))
    status, headers, content = response(step.shown)
    seen_status, seen_headers, seen_content = response(seen)
    named = all(
        any(name == other and fits(value, given) for other, given in seen_headers)
        for name, value in headers
    )
    return status == seen_status and named and fits(content, seen_content)


@contextmanager
def beside_over_tls(live: Live) -> Iterator[str]:
    """Serve the same accounts over TLS as well, and return the base."""
    port, authority = free_port(), Path(live.environment["IDENTITY_DATA_DIR"], "tls", "ca.pem")
    command = [COMMAND, "serve", "--tls", "--port", str(port), "--workers", "1"]
    with live.log.with_name("tls.log").open("wb") as output:
        process = subprocess.Popen(command, env=live.environment, stdout=output, stderr=output)
    try:
        base = f"https://127.0.0.1:{port}"
        _wait_until_ready(process, base, authority)
        yield base
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_until_ready(process: subprocess.Popen[bytes], base: str, authority: Path) -> None:
    end = time.monotonic() + 60
    probe = [
        "curl",
        "-sf",
        "-o",
        "/dev/null",
        "--max-time",
        "5",
        "--cacert",
        str(authority),
        f"{base}/readyz",
    ]
    while subprocess.run(probe, check=False, capture_output=True).returncode:
        assert process.poll() is None, "the service over TLS has ended"
        assert time.monotonic() < end, "the service over TLS is not ready"
        time.sleep(0.1)
