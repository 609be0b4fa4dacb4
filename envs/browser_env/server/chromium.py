"""One Chromium for all sessions of a process, on an event loop and a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import logging
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from playwright.async_api import Browser, BrowserContext, Playwright, async_playwright

from browser_env.models import VIEWPORT
from browser_env.server.settings import BrowserSettings, find_chromium
from openenv.core.exceptions import ConfigurationError, ProviderError

__all__ = ["Chromium"]

_logger = logging.getLogger("browser_env")
_T = TypeVar("_T")

_START_S = 30.0
_END_S = 10.0
_KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--no-proxy-server",
)

_lock = threading.Lock()
_running: dict[tuple[int, BrowserSettings], Chromium] = {}


class Chromium:
    """A browser that sessions share; `lease` gives it, and starts it for the first of them.

    Sessions of one process may have event loops of their own, as those of embedded clients do, and Playwright's objects
    belong to one: this one.
    """

    def __init__(self, settings: BrowserSettings) -> None:
        """Make one whose Chromium starts with the first context; `lease` does that.

        Args:
            settings: Which one, and how far it may go.
        """
        self._settings = settings
        self._users = 0
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._starting = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_log)
        self._thread = threading.Thread(target=self._live, name="browser-env-chromium", daemon=True)
        self._thread.start()

    @classmethod
    def lease(cls, settings: BrowserSettings) -> Chromium:
        """Return this process's browser with some settings, which stays until `release`.

        Args:
            settings: Which one, and how far it may go.
        """
        with _lock:
            # What another process has is not this one's, though a fork may see it.
            key = (os.getpid(), settings)
            chromium = _running.get(key)
            if chromium is None:
                chromium = _running[key] = cls(settings)
            chromium._users += 1
            return chromium

    def release(self) -> None:
        """Give it back. Some time after the last one did, it ends."""
        with _lock:
            self._users -= 1
            if not self._users:
                self._loop.call_soon_threadsafe(self._end_later)

    async def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Return what a coroutine returns on the browser's loop. It goes on to its end, cancelled here or not.

        Args:
            coroutine: The coroutine.
        """
        # What Playwright was told to do is done, whoever still waits for it: the next step must not overtake it.
        return await asyncio.shield(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop)))

    def wait_for(self, coroutine: Coroutine[Any, Any, _T], timeout_s: float | None = None) -> _T:
        """Return the same on a thread that may wait.

        Args:
            coroutine: The coroutine.
            timeout_s: Seconds to wait at most; `None` for as long as it takes.

        Raises:
            TimeoutError: It took longer.
        """
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_s)
        except concurrent.futures.TimeoutError as error:
            # Another class before Python 3.11.
            raise TimeoutError(*error.args) from error

    async def context(self) -> BrowserContext:
        """Return a new context, with cookies and storage of its own; where Chromium has ended, start it anew.

        Raises:
            ConfigurationError: There is no Chromium.
            ProviderError: It does not start.
        """
        async with self._starting:
            if self._browser is not None and self._browser.is_connected():
                try:
                    return await self._new_context(self._browser)
                except Exception:
                    _logger.debug("Chromium has ended", exc_info=True)
            await self._stop()
            try:
                self._browser = await asyncio.wait_for(self._start(), _START_S)
                return await self._new_context(self._browser)
            except ConfigurationError:
                await self._stop()
                raise
            except Exception as error:  # the driver's end is told by nothing more special
                await self._stop()
                raise ProviderError(f"Chromium does not start: {_reason(error)}") from error

    @staticmethod
    async def _new_context(browser: Browser) -> BrowserContext:
        width, height = VIEWPORT
        return await browser.new_context(
            viewport={"width": width, "height": height}, locale="en-GB", service_workers="block", accept_downloads=False
        )

    async def _start(self) -> Browser:
        self._playwright = await async_playwright().start()
        program = find_chromium(self._settings.path, self._playwright.chromium.executable_path)
        # Requests that pages are redirected to, sockets and the like do not ask whoever answers requests.
        rules = ",".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {host}" for host in self._settings.allowed_hosts)])
        sandbox = self._settings.has_sandbox
        return await self._playwright.chromium.launch(
            executable_path=program,
            chromium_sandbox=os.geteuid() != 0 if sandbox is None else sandbox,
            args=[*_FLAGS, f"--host-resolver-rules={rules}"],
            env={name: value for name in _KEPT_VARIABLES if (value := os.environ.get(name)) is not None},
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )

    async def _stop(self) -> None:
        browser, self._browser = self._browser, None
        playwright, self._playwright = self._playwright, None
        if browser is not None:
            await _ended(browser.close())
        if playwright is not None:
            await _ended(playwright.stop())

    def _live(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def _end_later(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._loop.call_later(self._settings.idle_s, self._end_if_unused)

    def _end_if_unused(self) -> None:
        with _lock:
            if self._users:
                return
            _running.pop((os.getpid(), self._settings), None)
        ending = self._loop.create_task(self._stop())
        ending.add_done_callback(lambda _: self._loop.stop())

    def end(self) -> None:
        """End it now, whoever uses it."""
        with _lock:
            _running.pop((os.getpid(), self._settings), None)
        with contextlib.suppress(TimeoutError):
            self.wait_for(self._stop(), 2 * _END_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_S)


def _reason(error: Exception) -> str:
    told = str(error).partition("\nCall log:")[0].strip()
    if "sandbox" in told:
        return (
            "it may not confine its processes here. Let it have user namespaces, or where something else confines it, "
            "such as a container, set OPENENV_BROWSER_SANDBOX=off"
        )
    return told or "it took too long"


async def _ended(ending: Coroutine[Any, Any, None]) -> None:
    try:
        await asyncio.wait_for(ending, _END_S)
    except Exception:
        _logger.debug("a program of the browser had ended already", exc_info=True)


def _log(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # Where the driver ends unexpectedly, Playwright leaves futures behind that nobody waits for.
    _logger.debug("%s", context.get("message"), exc_info=context.get("exception"))


@atexit.register
def _end_all() -> None:
    for (pid, _), chromium in list(_running.items()):
        if pid == os.getpid():
            chromium.end()
