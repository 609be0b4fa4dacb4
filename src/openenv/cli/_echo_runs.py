"""The ways to use the echo environment, measured for `openenv demo`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..auto._classes import action_class, client_class
from ..core.exceptions import ProtocolError

if TYPE_CHECKING:
    from ..auto._discovery import InstalledEnvironment
    from ..core.env_client import EnvClient

__all__ = ["Run", "drive"]

_STEPS = 1000
_CLIENTS = 64
_STEPS_OF_EACH = 40


@dataclass(frozen=True)
class Run:
    """How one way of using the environment went."""

    way: str
    call: str
    clients: int
    steps: int
    seconds: float


def drive(environment: InstalledEnvironment, url: str, tell: Callable[[str], None]) -> list[Run]:
    """Use the echo environment's server in every way.

    Args:
        environment: The echo environment.
        url: The server's address.
        tell: Called with what is being done.

    Raises:
        ProtocolError: A message came back changed.
    """
    client, action = client_class(environment), action_class(environment)
    tell(f"one client without an event loop: {_STEPS} steps")
    in_turn = _in_turn(client, action, url)
    tell(f"{_CLIENTS} clients at once: {_CLIENTS * _STEPS_OF_EACH} steps")
    at_once = asyncio.run(_at_once(client, action, url))
    tell(f"by its tools: {_STEPS} calls")
    return [in_turn, at_once, _by_tools(client, url)]


def _in_turn(client: type[EnvClient[Any, Any, Any]], action: type[Any], url: str) -> Run:
    with client(base_url=url).sync() as env:
        env.reset()
        began = time.perf_counter()
        for number in range(_STEPS):
            message = f"step {number}"
            _check(message, env.step(action(message=message)).observation.echoed_message)
        return Run("sync", "env.step(action)", 1, _STEPS, time.perf_counter() - began)


async def _at_once(client: type[EnvClient[Any, Any, Any]], action: type[Any], url: str) -> Run:
    async with AsyncExitStack() as stack:
        clients = [client(base_url=url) for _ in range(_CLIENTS)]
        await asyncio.gather(*(stack.enter_async_context(each) for each in clients))
        began = time.perf_counter()
        await asyncio.gather(*(_episode(each, action, number) for number, each in enumerate(clients)))
        seconds = time.perf_counter() - began
    return Run("async", "await env.step(action)", _CLIENTS, _CLIENTS * _STEPS_OF_EACH, seconds)


async def _episode(env: EnvClient[Any, Any, Any], action: type[Any], client_number: int) -> None:
    await env.reset()
    for number in range(_STEPS_OF_EACH):
        message = f"client {client_number}, step {number}"
        result = await env.step(action(message=message))
        _check(message, result.observation.echoed_message)


def _by_tools(client: type[EnvClient[Any, Any, Any]], url: str) -> Run:
    with client(base_url=url).sync() as env:
        env.reset()
        began = time.perf_counter()
        for number in range(_STEPS):
            message = f"call {number}"
            _check(message, env.call_tool("echo_message", message=message))
        return Run("tools", 'env.call_tool("echo_message", …)', 1, _STEPS, time.perf_counter() - began)


def _check(said: str, echoed: object) -> None:
    if echoed != said:
        raise ProtocolError(f"expected {said!r} back from the echo environment, got {echoed!r}")
