"""Shell completion, as a script that completes without starting Python."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Final, NoReturn

SHELLS: Final = ("bash", "zsh", "fish")


class PrintCompletion(argparse.Action):
    """Prints the script for a shell and exits, as `--version` does."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:  # noqa: ANN401 - argparse's
        super().__init__(
            option_strings,
            dest,
            choices=SHELLS,
            default=argparse.SUPPRESS,
            help=f"print the completion script for {', '.join(SHELLS[:-1])} or {SHELLS[-1]}",
        )

    def __call__(
        self, parser: argparse.ArgumentParser, _options: object, shell: object, _: object = None
    ) -> NoReturn:
        """Print the script."""
        import shtab  # noqa: PLC0415 - no other command needs it

        print(shtab.complete(parser, str(shell)))
        parser.exit()
