"""How uvicorn is set up, wherever it serves an environment."""

from __future__ import annotations

__all__ = ["uvicorn_arguments", "uvicorn_settings"]

# Above what any server reads, so that the server itself can answer a frame that is too long; uvicorn alone would cut
# the connection at 16 MiB.
_WS_MAX_BYTES = 100 * 2**20
_PING_INTERVAL_S = 20.0
# A trainer's event loop may stand still for a whole optimiser step: its sessions must outlive that.
_PING_TIMEOUT_S = 300.0
_WS = "openenv.core.env_server.websocket.protocol:WebSocketProtocol"


def uvicorn_settings() -> dict[str, object]:
    """Return the settings for `uvicorn.Config`."""
    return {
        "access_log": False,
        "ws": _WS,
        "ws_max_size": _WS_MAX_BYTES,
        "ws_ping_interval": _PING_INTERVAL_S,
        "ws_ping_timeout": _PING_TIMEOUT_S,
    }


def uvicorn_arguments(*, is_foreign: bool) -> list[str]:
    """Return the same settings as arguments of the `uvicorn` command.

    Args:
        is_foreign: Whether it is another Python environment's uvicorn, whose release is not known.
    """
    arguments = ["--no-access-log", "--ws-max-size", str(_WS_MAX_BYTES)]
    arguments += ["--ws-ping-interval", str(_PING_INTERVAL_S), "--ws-ping-timeout", str(_PING_TIMEOUT_S)]
    return arguments if is_foreign else [*arguments, "--ws", _WS]
