"""The application of a worker of `identity serve`, and its background thread."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from flask import Flask

from identity.adapters.data_directory import DataDirectoryError
from identity.adapters.logs import log_to_stderr
from identity.settings.readers import SettingError
from identity.wiring.application import create_app

_log = logging.getLogger(__name__)
_HOUSEKEEPING_SECONDS: Final = 1.0
_FINISH_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 5.0
# A check of a token leaves cached objects and no cycles. With Python's own thresholds (700, 10, 10)
# the collector takes a quarter of the time of checks with many different tokens.
_COLLECTOR_THRESHOLDS: Final = (20_000, 50, 100)


def create_worker(threads: int) -> Flask:
    """Return the application of a worker, which exits when the serving process is killed.

    Args:
        threads: the number of concurrent requests. Unless IDENTITY_HASH_QUEUE is set, half of
            them, at least four, may wait for a password hash.
    """
    gc.enable()  # the fork server has disabled it
    os.environ.setdefault("IDENTITY_HASH_QUEUE", str(min(64, max(4, threads // 2))))
    for name in ("IDENTITY_ADMIN_PASSWORD", "IDENTITY_ADMIN_PASSWORD_FILE"):
        os.environ.pop(name, None)  # unused here, and the file may be gone after the first start
    # Blocked until now, so that SIGTERM does not arrive before granian has installed its handlers.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    app = _retry_start(create_app)
    gc.freeze()  # what the application consists of stays, too
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)
    context = app.extensions["identity"]
    context.services.key_agreement.observe()  # the serving process reports the keys of this node
    threading.Thread(
        target=_housekeeping, args=(context.metrics.publish,), name="housekeeping", daemon=True
    ).start()
    return app


def _retry_start(create: Callable[[], Flask]) -> Flask:
    """Return the application. On failure, log it, wait and exit; the server restarts the worker."""
    log_to_stderr()
    try:
        return create()
    except (SettingError, DataDirectoryError) as error:
        reason = str(error)  # the texts of these errors contain no secrets
    except Exception:  # noqa: BLE001 - retrying at once helps with no error
        _log.exception("unexpected error")
        reason = "unexpected error"
    _log.error("worker failed to start; retrying in %g s: %s", _RETRY_SECONDS, reason)
    time.sleep(_RETRY_SECONDS)
    raise SystemExit(1)


def _housekeeping(publish: Callable[[], None]) -> None:
    parent = multiprocessing.parent_process()  # None under another server than ours
    while parent is None or parent.is_alive():
        publish()
        if parent is None:
            time.sleep(_HOUSEKEEPING_SECONDS)
        else:
            parent.join(_HOUSEKEEPING_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_FINISH_SECONDS)  # then exit even if a request has not finished
    os.kill(os.getpid(), signal.SIGKILL)
