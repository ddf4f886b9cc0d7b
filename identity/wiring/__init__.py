"""The composition root, and its doors: the application, a worker's application, the command.

What is needed comes in when a door is opened, so that `identity serve` can have its workers' modules imported by a
process of their own while its own are.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from identity.domain.ports import Clock

_log = logging.getLogger(__name__)
_HOUSE_SECONDS: Final = 1.0
_FINISH_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 5.0


def create_app(config: object | None = None, *, clock: Clock | None = None) -> Flask:
    """Return a ready application.

    Args:
        config: an object whose `IDENTITY` maps `IDENTITY_…` names to texts, such as `config.Config`;
            None reads the process environment.
        clock: another time than the system's, for tests.

    Raises:
        SettingError: a setting is unknown, unreadable or unsafe.
        DataDirectoryError: the data directory cannot be used.
    """
    from identity.wiring.application import application  # noqa: PLC0415 - see above

    return application(config, clock)


def create_worker(threads: int) -> Flask:
    """Return the application of one worker of `identity serve`, which ends when that process is killed.

    Args:
        threads: how many requests it answers at once. Where nothing else is set, passwords get half of them, or four.
    """
    gc.enable()  # the nursery had switched it off
    os.environ.setdefault("IDENTITY_HASH_PLACES", str(min(64, max(4, threads // 2))))
    for name in ("IDENTITY_ADMIN_PASSWORD", "IDENTITY_ADMIN_PASSWORD_FILE"):
        os.environ.pop(
            name, None
        )  # it has no use for it, and the file may be gone after the first start
    signal.pthread_sigmask(
        signal.SIG_UNBLOCK, {signal.SIGTERM}
    )  # blocked until there was somebody to hear it
    app = _patiently(create_app)
    app.extensions[
        "identity"
    ].services.key_agreement.observe()  # the serving process tells the other nodes
    publish = app.extensions["identity"].metrics.publish
    threading.Thread(target=_keep_house, args=(publish,), name="house", daemon=True).start()
    return app


def _patiently(create: Callable[[], Flask]) -> Flask:
    """Return what `create` does; where it fails, say so, wait and end: the server starts another worker at once."""
    from identity.adapters.data_directory import DataDirectoryError  # noqa: PLC0415 - see above
    from identity.adapters.logs import log_to_stderr  # noqa: PLC0415 - see above
    from identity.settings.readers import SettingError  # noqa: PLC0415 - see above

    log_to_stderr()
    try:
        return create()
    except (SettingError, DataDirectoryError) as error:
        why = str(error)  # their texts are written to be shown
    except Exception:  # noqa: BLE001 - whatever it is, trying without a pause helps nobody
        _log.exception("unexpected error")
        why = "unexpected error"
    _log.error("a worker cannot start and tries again in %g seconds: %s", _AGAIN_SECONDS, why)
    time.sleep(_AGAIN_SECONDS)
    raise SystemExit(1)


def _keep_house(publish: Callable[[], None]) -> None:
    parent = (
        multiprocessing.parent_process()
    )  # none where another server than ours began this process
    while parent is None or parent.is_alive():
        publish()
        time.sleep(_HOUSE_SECONDS) if parent is None else parent.join(_HOUSE_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_FINISH_SECONDS)  # who is left then waits for a request that may never end
    os.kill(os.getpid(), signal.SIGKILL)


def command() -> int:
    """Run the `identity` command."""
    from identity.cli.workers import nursery  # noqa: PLC0415 - see above

    arguments = sys.argv[1:]
    with nursery(arguments, modules=["identity.wiring.nursery"]):
        gc.disable()  # no import leaves garbage
        from identity.adapters.data_directory import DataDirectoryError  # noqa: PLC0415 - see above
        from identity.adapters.logs import log_to_stderr  # noqa: PLC0415 - see above
        from identity.cli.main import main  # noqa: PLC0415 - see above
        from identity.wiring.core import start  # noqa: PLC0415 - see above

        gc.enable()
        try:
            return main(arguments, start=start, log=log_to_stderr)
        except DataDirectoryError as error:
            sys.stderr.write(f"identity: {error}\n")
            return 2
