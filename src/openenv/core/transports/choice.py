"""Which transport a client needs; each kind is imported when it is used, so that a client loads no server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..exceptions import ConnectError, SessionLostError
from .base import Transport, TransportSettings

if TYPE_CHECKING:
    from ..env_server.environment_spec import EnvironmentSpec
    from .pool import PoolTransport

__all__ = ["opened", "pool_transport"]

_OPENING_TRIES = 4


async def opened(spec: EnvironmentSpec | None, settings: TransportSettings, *, is_blocking: bool) -> Transport:
    """Return the way to one session, which is open.

    Args:
        spec: The environment, where it runs in this process.
        settings: How its server is reached, where it has one.
        is_blocking: Whether coroutines must never suspend.

    Raises:
        ConnectError: No server could be reached.
        SessionError: It would not open a session.
    """
    for tries_left in reversed(range(_OPENING_TRIES)):
        transport = _transport(spec, settings, is_blocking)
        try:
            await transport.open()
        except SessionLostError as exc:
            # The connection broke before there was an episode: nothing is lost by trying again.
            if not tries_left:
                raise ConnectError(f"the connection broke while the session was being opened: {exc}") from exc
            continue
        break
    return transport


def _transport(spec: EnvironmentSpec | None, settings: TransportSettings, is_blocking: bool) -> Transport:
    if spec is not None:
        from .inprocess import BlockingInProcessTransport, InProcessTransport

        if is_blocking:
            return BlockingInProcessTransport(spec, settings.binary)
        return InProcessTransport(spec, settings.message_timeout_s, settings.binary)
    if is_blocking:
        from .blocking import BlockingTransport

        return BlockingTransport(settings)
    from .websocket import WebSocketTransport

    return WebSocketTransport(settings)


def pool_transport(
    spec: EnvironmentSpec | None, routes: Sequence[TransportSettings], size: int, *, is_blocking: bool
) -> PoolTransport:
    """Return the way to the sessions of a pool.

    Args:
        spec: The environment, where it runs in this process.
        routes: How each connection reaches its server.
        size: How many sessions there are.
        is_blocking: Whether coroutines must never suspend.
    """
    if spec is not None:
        from .pool_inprocess import InProcessPoolTransport, blocking_in_process

        if is_blocking:
            return blocking_in_process(spec, size, routes[0])
        return InProcessPoolTransport(spec, size, routes[0])
    if is_blocking:
        from .pool_blocking import BlockingPoolTransport

        return BlockingPoolTransport(routes, size)
    from .pool_websocket import WebSocketPoolTransport

    return WebSocketPoolTransport(routes, size)
