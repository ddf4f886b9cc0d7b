"""The command completes in the shell, and runs as a module where no script was installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.live import COMMAND, Live, environment, identity, wait_until_ready
from support.postgresql import free_port

# Each prints what may follow the line in its first argument.
ASKING = {
    "bash": """
        words=($1); COMP_WORDS=(${words[@]}); COMP_CWORD=$((${#words[@]} - 1))
        _shtab_identity "" "${words[-1]}"; printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "fish": "complete -C $argv[1]",
}


def completion(shell: str, folder: Path) -> Path:
    """Return a file with what `identity` prints for a shell, or skip where there is no such
    shell."""
    if shutil.which(shell) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"there is no {shell}")
        pytest.skip(f"there is no {shell}")
    printed = identity(environment(folder / "never", {}), "--print-completion", shell)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert not (folder / "never").exists()
    script = folder / f"identity.{shell}"
    script.write_text(printed.stdout, "utf-8")
    return script


def run(*command: str, folder: Path) -> str:
    home = os.environ | {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
    }
    ran = subprocess.run(command, env=home, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.parametrize("shell", ASKING)
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("identity rot", "rotate-keys"),
        ("identity serve --thr", "--threads"),
        ("identity --print-completion z", "zsh"),
    ],
)
def test_commands_and_options_are_completed(
    shell: str, line: str, expected: str, tmp_path: Path
) -> None:
    script = completion(shell, tmp_path)
    names = {
        "bash": ("-c", f". {script}\n{ASKING[shell]}", "-", line),
        "fish": ("-c", f". {script}; {ASKING[shell]}", line),
    }
    suggested = run(shell, *names[shell], folder=tmp_path)
    assert [each.partition("\t")[0] for each in suggested.splitlines()] == [expected]


def test_zsh_takes_the_script(tmp_path: Path) -> None:
    script = completion("zsh", tmp_path)
    taken = run(
        "zsh",
        "-fc",
        f'autoload -Uz compinit; compinit -u; eval "$(<{script})"; echo $_comps[identity]',
        folder=tmp_path,
    )
    assert taken == "_shtab_identity\n"


def test_a_shell_that_is_not_known_is_refused(tmp_path: Path) -> None:
    refused = identity(environment(tmp_path, {}), "--print-completion", "xonsh")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "invalid choice" in refused.stderr


def test_the_module_is_the_command(tmp_path: Path) -> None:
    variables = environment(tmp_path / "data", {"PORT": str(free_port())})
    module = [sys.executable, "-m", "identity"]
    subprocess.run([*module, "migrate"], env=variables, check=True, capture_output=True, timeout=60)
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*module, "serve", "--workers", "1"], env=variables, stdout=output, stderr=output
        )
    live = Live(f"http://127.0.0.1:{variables['PORT']}", variables, log, process)
    try:
        wait_until_ready(live)
    finally:
        assert live.stop(signal.SIGTERM) == 0
    assert "Traceback" not in live.output()


@pytest.mark.parametrize(
    "command", [[COMMAND], [sys.executable, "-m", "identity"]], ids=["script", "module"]
)
def test_the_usage_calls_the_command_by_its_name(command: list[str], tmp_path: Path) -> None:
    shown = subprocess.run(
        [*command, "--help"],
        env=environment(tmp_path, {}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout.startswith("usage: identity ")
