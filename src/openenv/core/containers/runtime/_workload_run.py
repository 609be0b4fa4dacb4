"""A workload from its start to its removal, in a thread of its own."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from typing import TYPE_CHECKING

from openenv.core.exceptions import OpenEnvError, ProviderError, ServerStartError

from ._reaper_process import dismiss_reaper, ensure_reaper
from .leftovers import sweep_in_background

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._deadline import Deadline
    from ._workload import End, Workload

__all__ = ["WorkloadRun"]

_logger = logging.getLogger(__name__)

# What an engine may take to start a container that is then to be removed.
_PATIENCE_S = 30.0
_LATE_PATIENCE_S = 1.0
_JOIN_S = 5.0
# Python does not notice a Ctrl-C that comes just as a wait begins until that wait is over.
_LISTEN_S = 0.5


class WorkloadRun:
    """Starts a workload, follows it, and removes it: when told, when its start fails, and when the interpreter exits.

    The engine is asked in a thread of its own. So an interrupted caller leaves no request without its answer, which
    would hide what the engine made of it; and nobody waits for an engine longer than until the deadline.
    """

    def __init__(self, workload: Workload, deadline: Deadline) -> None:
        """Prepare the run; `start` begins it."""
        self._workload = workload
        self._deadline = deadline
        self._settled = threading.Event()
        self._stopped = threading.Event()
        self._unwatched = threading.Event()
        # Held while the engine makes or removes something.
        self._changing = threading.Lock()
        self._began = False
        self._urls: list[str] = []
        self._failure: BaseException | None = None
        self._end: End | None = None
        self._owner_pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name=f"openenv {workload.title}", daemon=True)

    @property
    def workload(self) -> Workload:
        """Return what it runs."""
        return self._workload

    @property
    def urls(self) -> list[str]:
        """Return the addresses of its servers; none before it was started and after it was stopped."""
        return [] if self._stopped.is_set() else list(self._urls)

    @property
    def is_stopped(self) -> bool:
        """Tell whether `stop` was called, or the start failed."""
        return self._stopped.is_set()

    @property
    def end(self) -> End | None:
        """Return how it ended; `None` while it runs or when unknown."""
        return self._end

    @property
    def returncode(self) -> int | None:
        """Return its exit status, below zero for a signal; `None` while it runs or when unknown."""
        return None if self._end is None else self._end.returncode

    def is_alive(self) -> bool:
        """Tell whether it runs, without asking the engine."""
        return bool(self.urls) and self._end is None

    def logs(self) -> str:
        """Return the last lines that it wrote, without secrets."""
        return self._workload.logs()

    def start(self) -> list[str]:
        """Start it, and return the addresses of its servers. May be interrupted: nothing is left then.

        Raises:
            ServerStartError: It died at once, or was not started in time.
            ProviderError: It could not be started, or `stop()` was called meanwhile.
        """
        ensure_reaper()
        sweep_in_background()
        _live.add(self)
        try:
            self._thread.start()
            self._await_settled()
        except ServerStartError:
            self._give_up()
            raise
        except BaseException:
            self.stop()
            raise
        if self._failure is not None:
            raise self._failure
        if not self.urls:
            raise ProviderError(f"stop() was called before the {self._workload.title} was started")
        return self.urls

    def leave_to_engine(self) -> None:
        """Take it that it is ready: from now on an engine that starts it anew is trusted to do so."""
        if self._workload.restarts_itself:
            self._unwatched.set()

    def stop(self, patience_s: float = _PATIENCE_S) -> None:
        """Stop and remove it; do nothing when that is done. May be called from any thread.

        Args:
            patience_s: Seconds to wait for an engine that is still starting it.

        Raises:
            ProviderError: It is still there.
        """
        for event in (self._stopped, self._settled, self._unwatched):
            event.set()
        if self._owner_pid != os.getpid():
            return
        if not self._changing.acquire(timeout=patience_s):
            raise ProviderError(
                f"Docker has not answered for {patience_s:g} s while it starts the {self._workload.title}: it will be "
                f"removed when Docker answers. 'openenv gc' removes what is left after that"
            )
        try:
            self._remove()
        finally:
            self._changing.release()
        if self._began and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)

    def _await_settled(self) -> None:
        while not self._settled.wait(min(self._deadline.remaining_s(), _LISTEN_S)):
            if self._deadline.has_passed:
                raise self._late()

    def _run(self) -> None:
        try:
            self._workload.prepare(self._deadline, self._stopped.is_set)
            self._begin()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for the start
            self._failure = error
            self._remove_after_failure()
        finally:
            self._settled.set()
        if self._began and self._failure is None:
            self._end = self._workload.watch(self._unwatched.wait)

    def _begin(self) -> None:
        with self._changing:
            if self._stopped.is_set():
                self._remove()
                return
            self._began = True
            self._urls = self._workload.begin(self._deadline, self._stopped.is_set)
        # The caller may have given up while the lock was held.
        if self._stopped.is_set():
            self._remove_quietly()

    def _remove(self) -> None:
        if self._began and self in _live:
            self._workload.remove()
        _live.discard(self)

    def _remove_after_failure(self) -> None:
        self._stopped.set()
        self._remove_quietly()

    def _remove_quietly(self) -> None:
        with self._changing:
            try:
                self._remove()
            except OpenEnvError as error:
                _logger.warning("The %s could not be removed: %s", self._workload.title, error)

    def _give_up(self) -> None:
        """Have it removed, if need be later."""
        try:
            self.stop(_LATE_PATIENCE_S)
        except ProviderError as error:
            _logger.warning("%s", error)

    def _late(self) -> ServerStartError:
        return ServerStartError(
            f"the {self._workload.title} was not started within {self._deadline.timeout_s:g} s, and is still "
            f"{self._workload.doing}: allow more by timeout_s=… (wait_timeout=… of from_docker_image)"
        )


_live: set[WorkloadRun] = set()


@atexit.register
def _stop_all() -> None:
    runs = [run for run in list(_live) if run._owner_pid == os.getpid()]
    _side_by_side([run._give_up for run in runs])
    dismiss_reaper(is_done=not any(run in _live for run in runs))


def _side_by_side(actions: list[Callable[[], None]]) -> None:
    threads = []
    for action in actions:
        thread = threading.Thread(target=action, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # some releases of Python start no thread at their exit
            action()
        else:
            threads.append(thread)
    for thread in threads:
        thread.join()
