"""How many workers there are by default: by affinity, and by the quota of either version of
cgroups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from identity.server.processors import available
from support.live import environment, identity

V2 = "35 24 0:30 {inner} {point} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "36 24 0:31 {inner} {point} rw,nosuid - cgroup cgroup rw,cpu,cpuacct"
OTHER = "37 24 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be eight processors by affinity."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))


def write(root: Path, path: str, text: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def mounted(root: Path, own: str, *mounts: str) -> None:
    write(root, "/proc/self/cgroup", own)
    write(
        root,
        "/proc/self/mountinfo",
        "\n".join((OTHER, *mounts, "22 27 0:21 / /proc rw - proc proc rw", "")),
    )


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("50000 100000\n", 1),
        ("1000 100000\n", 1),
        ("25000 10000\n", 3),
        ("9900000 100000\n", 8),
        ("nonsense\n", 8),
        ("0 0\n", 8),
        ("", 8),
    ],
)
def test_the_quota_of_version_2_counts(tmp_path: Path, limit: str, expected: int) -> None:
    mounted(tmp_path, "0::/\n", V2.format(inner="/", point="/sys/fs/cgroup"))
    write(tmp_path, "/sys/fs/cgroup/cpu.max", limit)
    assert available(tmp_path) == expected


@pytest.mark.parametrize(
    ("above", "own", "expected"),
    [("max 100000", "300000 100000", 3), ("200000 100000", "max 100000", 2)],
)
def test_the_narrowest_group_above_counts_too(
    tmp_path: Path, above: str, own: str, expected: int
) -> None:
    mounted(
        tmp_path,
        "0::/system.slice/identity.service\n",
        V2.format(inner="/", point="/sys/fs/cgroup"),
    )
    write(tmp_path, "/sys/fs/cgroup/system.slice/cpu.max", above)
    write(tmp_path, "/sys/fs/cgroup/system.slice/identity.service/cpu.max", own)
    assert available(tmp_path) == expected


@pytest.mark.parametrize(
    ("quota", "period", "expected"),
    [("-1", "100000", 8), ("200000", "100000", 2), ("50000", "100000", 1)],
)
@pytest.mark.parametrize(
    "at",
    [
        ("/", "/", ""),
        ("/docker/abc", "/docker/abc", ""),
        ("/a/b", "/", "a/b"),
        ("/docker/abc", "/elsewhere", ""),
    ],
    ids=["root", "container", "below", "not-seen"],
)
def test_the_quota_of_version_1_counts(
    tmp_path: Path, at: tuple[str, str, str], quota: str, period: str, expected: int
) -> None:
    path, inner, folder = at
    point = "/sys/fs/cgroup/cpu,cpu\\040acct"
    own = f"4:memory:/elsewhere\n2:cpu,cpuacct:{path}\n0::/\n"
    mounted(tmp_path, own, V1.format(inner=inner, point=point))
    place = f"/sys/fs/cgroup/cpu,cpu acct/{folder}"
    write(tmp_path, f"{place}/cpu.cfs_quota_us", f"{quota}\n")
    write(tmp_path, f"{place}/cpu.cfs_period_us", f"{period}\n")
    assert available(tmp_path) == expected


def test_a_quota_of_another_group_does_not_count(tmp_path: Path) -> None:
    mounted(tmp_path, "0::/ours\n", V2.format(inner="/", point="/sys/fs/cgroup"))
    write(tmp_path, "/sys/fs/cgroup/theirs/cpu.max", "100000 100000\n")
    assert available(tmp_path) == 8


@pytest.mark.parametrize(("allowed", "expected"), [(1, 1), (3, 3), (1000, 256)])
def test_the_affinity_counts_where_there_is_no_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(allowed)))
    assert available(tmp_path) == expected


def test_the_command_asks_for_what_it_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    one = min(os.sched_getaffinity(0))
    shown = identity(environment(tmp_path, {}), "serve", "--help", on={one})
    assert "default: the number of available processors, here 1" in " ".join(shown.stdout.split())
