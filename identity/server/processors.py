"""The number of processors this process may use, which a container may limit."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MAX_PROCESSORS: Final = 256  # and the maximum of `--workers`
_ROOT: Final = Path("/")


def available(root: Path = _ROOT) -> int:
    """Return how many processes can run at once by affinity and CPU quota, at least one.

    Args:
        root: the folder of /proc and /sys.
    """
    quota = min(_quotas(root), default=math.inf)
    return max(1, min(_affinity(), MAX_PROCESSORS, math.ceil(min(quota, MAX_PROCESSORS))))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    # The lowest quota applies, of this process's group and all its parents (Linux, cgroup-v2.rst
    # "cpu.max", and scheduler/sched-bwc.rst for version 1).
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
    except (OSError, ValueError):  # no quota, or an unknown format
        return


def _groups(root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the folder of this process's group and its topmost visible parent, for each version."""
    try:
        own = (root / "proc/self/cgroup").read_text("utf-8", "replace").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    paths = dict(_path(line) for line in own if line.count(":") >= 2)  # noqa: PLR2004 - id:controllers:path
    for line in mounts:
        fields, _, kind = line.partition(" - ")
        version, *_, options = kind.split(" ")
        controller = {"cgroup2": "", "cgroup": "cpu"}.get(version)
        if controller is None or controller not in paths:
            continue
        if controller and controller not in options.split(","):
            continue
        mounted, point = map(_unescaped, fields.split(" ")[3:5])
        top = root / point.lstrip("/")
        yield top / _below(paths[controller], mounted), top


def _path(line: str) -> tuple[str, str]:
    _, controllers, path = line.split(":", 2)
    return ("cpu" if "cpu" in controllers.split(",") else controllers), path


def _below(path: str, mounted: str) -> str:
    # In a container, the mount may begin at its own group, while paths begin at the host's root.
    if mounted == "/":
        return path.lstrip("/")
    if path != mounted and not path.startswith(f"{mounted}/"):
        return ""
    return path[len(mounted) :].lstrip("/")


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
