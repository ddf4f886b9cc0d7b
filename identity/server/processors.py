"""How many processors this process may use, which is fewer than the machine has in most containers."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MOST: Final = 256  # as many as `--workers` takes
_ROOT: Final = Path("/")


def available(root: Path = _ROOT) -> int:
    """Return how many processes can compute at once: by affinity and by the CPU quota, at least one.

    Args:
        root: where /proc and /sys are.
    """
    quota = min(_quotas(root), default=math.inf)
    return max(1, min(_affinity(), _MOST, math.ceil(min(quota, _MOST))))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    # The narrowest counts, of our own group and of all above it (Linux, cgroup-v2.rst "cpu.max",
    # scheduler/sched-bwc.rst for version 1).
    for group, top in _groups(root):
        for folder in (group, *group.parents):
            yield from _quota(folder)
            if folder == top:
                break


def _quota(folder: Path) -> Iterator[float]:
    try:
        if (unified := folder / "cpu.max").exists():
            quota, period = unified.read_text("ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period")
            )
        if quota != "max" and int(quota) > 0 and int(period) > 0:
            yield int(quota) / int(period)
    except (OSError, ValueError):  # none here, or one that we do not understand
        return


def _groups(root: Path) -> Iterator[tuple[Path, Path]]:
    """Give the folder of this process's group and the topmost one that can be seen, for each version."""
    try:
        own = (root / "proc/self/cgroup").read_text("utf-8", "replace").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    paths = dict(_path(line) for line in own if line.count(":") >= 2)  # noqa: PLR2004 - id:controllers:path
    for line in mounts:
        fields, _, kind = line.partition(" - ")
        version, *_, options = kind.split(" ")
        wanted = {"cgroup2": "", "cgroup": "cpu"}.get(version)
        if wanted is None or wanted not in paths or (wanted and "cpu" not in options.split(",")):
            continue
        inner, point = map(_unescaped, fields.split(" ")[3:5])
        top = root / point.lstrip("/")
        yield top / _below(paths[wanted], inner), top


def _path(line: str) -> tuple[str, str]:
    _, controllers, path = line.split(":", 2)
    return ("cpu" if "cpu" in controllers.split(",") else controllers), path


def _below(path: str, inner: str) -> str:
    # A container may see its own group as the root of all, while its path is told from the machine's root.
    if inner == "/":
        return path.lstrip("/")
    return path[len(inner) :].lstrip("/") if path == inner or path.startswith(f"{inner}/") else ""


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
