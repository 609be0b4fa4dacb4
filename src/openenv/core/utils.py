"""Small things that clients and published environments share."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

__all__ = ["convert_to_ws_url", "is_loopback", "run_async_safely"]

_T = TypeVar("_T")

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def convert_to_ws_url(url: str) -> str:
    """Return the WebSocket form of a server's address: `http://h:1/` gives `ws://h:1`; without a scheme, `ws` is meant.

    Args:
        url: An `http`, `https`, `ws` or `wss` address, or a host with or without a port.

    Raises:
        ValueError: The scheme is another, or its sign is cut short.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        host = url.partition("/")[0].rstrip(":")
        if host.lower() in _SCHEMES and host != url:
            raise ValueError(f"expected :// after {host}, got {url!r}")
        return "ws://" + url.rstrip("/")
    if scheme.lower() not in _SCHEMES:
        raise ValueError(f"expected an http, https, ws or wss address, got {url!r}")
    return f"{_SCHEMES[scheme.lower()]}://{rest.rstrip('/')}"


def is_loopback(url: str) -> bool:
    """Return whether an address names this machine by a loopback name or number, or as that which servers listen on."""
    host = urlsplit(url).hostname or ""
    try:
        number = ipaddress.ip_address(host)
        return number.is_loopback or number.is_unspecified
    except ValueError:
        return host == "localhost"


def run_async_safely(coro: Coroutine[Any, Any, _T]) -> _T:
    """Return what a coroutine returns, whether or not this thread runs an event loop already.

    Inside a running loop the coroutine runs on a loop of its own in another thread while this one waits.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coro)
    outcome: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(coro))
        except BaseException as exc:  # noqa: BLE001 - raised in the thread that waits
            errors.append(exc)

    thread = threading.Thread(target=run, name="openenv-run-async")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]
