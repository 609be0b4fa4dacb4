"""The one way in which every provider waits for its server."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from openenv.core.exceptions import ConfigurationError, ServerStartError

from ._sockets import is_loopback

if TYPE_CHECKING:
    import http.client
    from collections.abc import Callable
    from urllib.parse import SplitResult

__all__ = ["Watched", "wait_until_healthy", "wait_until_listening"]

_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.25
_PAUSE_GROWTH = 1.5
# A server may accept a connection long before it answers; asking anew notices one that died meanwhile.
_ATTEMPT_S = 2.0
_NO_ANSWER = "no answer comes"


class Watched(Protocol):
    """What is behind the address: a process, a container."""

    @property
    def returncode(self) -> int | None:
        """Its exit status; `None` while it runs or when unknown."""

    def is_alive(self) -> bool:
        """Tell whether it runs."""

    def logs(self) -> str:
        """Return the last lines it wrote, without secrets."""


def wait_until_healthy(
    base_url: str,
    *,
    timeout_s: float,
    server: Watched | None = None,
    name: str = "server",
    advise: Callable[[str], str] | None = None,
    advise_when_late: Callable[[str], str] | None = None,
) -> None:
    """Return once `GET {base_url}/health` is answered by 200.

    Args:
        base_url: An http or https address, with or without a path.
        timeout_s: Seconds until giving up.
        server: What answers there; its end is noticed at once.
        name: What to call it in errors.
        advise: Given its last lines, returns what to do about its end.
        advise_when_late: Given what became of the last attempt, returns what to do about its silence.

    Raises:
        ConfigurationError: The address is not one.
        ServerStartError: The server died or did not answer in time.
    """
    url = _split(base_url)
    goal = f"answer {base_url.rstrip('/')}/health"
    _poll(lambda seconds: _ask_health(url, seconds), timeout_s, server, _Wording(name, goal, advise, advise_when_late))


def wait_until_listening(
    base_url: str,
    *,
    timeout_s: float,
    server: Watched,
    name: str = "server",
    advise: Callable[[str], str] | None = None,
) -> None:
    """Return once a TCP connection is accepted; arguments and errors are those of `wait_until_healthy`."""
    url = _split(base_url)
    host, port = url.hostname or "", url.port or 80
    goal = f"listen on port {port}"
    _poll(lambda seconds: _connect(host, port, seconds), timeout_s, server, _Wording(name, goal, advise))


@dataclass(frozen=True)
class _Wording:
    name: str
    goal: str
    advise: Callable[[str], str] | None
    advise_when_late: Callable[[str], str] | None = None

    def died(self, server: Watched) -> ServerStartError:
        status, logs = server.returncode, server.logs()
        how = "ended" if status is None else f"was ended by signal {-status}" if status < 0 else f"exited with {status}"
        advice = self.advise(logs) if self.advise is not None else ""
        message = f"the {self.name} {how} before it could {self.goal}{'. ' if advice else ''}{advice}"
        return ServerStartError(message, logs=logs, returncode=status)

    def late(self, server: Watched | None, timeout_s: float, problem: str) -> ServerStartError:
        logs = server.logs() if server is not None else ""
        advice = self.advise_when_late(problem) if self.advise_when_late is not None else ""
        message = (
            f"the {self.name} did not {self.goal} within {timeout_s:g} s: {problem}{'. ' if advice else ''}{advice}"
        )
        return ServerStartError(message, logs=logs)


def _split(base_url: str) -> SplitResult:
    url = urlsplit(base_url)
    try:
        valid = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError(f"expected a base URL such as http://127.0.0.1:8000, got {base_url!r}")
    return url


def _poll(attempt: Callable[[float], str | None], timeout_s: float, server: Watched | None, wording: _Wording) -> None:
    """Repeat an attempt, which returns what is still wrong, until nothing is."""
    deadline = time.monotonic() + timeout_s
    pause = _FIRST_PAUSE_S
    problem = _NO_ANSWER
    while True:
        latest = attempt(max(min(deadline - time.monotonic(), _ATTEMPT_S), 0.001))
        if server is not None and not server.is_alive():
            raise wording.died(server)
        if latest is None:
            return
        # An attempt that the deadline cut short says less than the ones before it.
        problem = problem if latest == _NO_ANSWER else latest
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise wording.late(server, timeout_s, problem)
        time.sleep(min(pause, remaining))
        pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_S)


def _connect(host: str, port: int, timeout_s: float) -> str | None:
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            # While nobody listens, a connection to a port of the ephemeral range may meet itself.
            met_itself = connection.getsockname() == connection.getpeername()
    except OSError as error:
        return _reason(error)
    return "nobody listens" if met_itself else None


def _ask_health(url: SplitResult, timeout_s: float) -> str | None:
    import http.client

    connection, target = _open(url, timeout_s)
    try:
        connection.request("GET", target, headers={"Connection": "close", "Accept": "application/json"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return _reason(error)
    finally:
        connection.close()
    return None if status == 200 else f"it answers with HTTP status {status}"


def _open(url: SplitResult, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    import http.client

    host = url.hostname or ""
    target = f"{url.path.rstrip('/')}/health"
    proxy = _proxy(url.scheme, host)
    if url.scheme == "http":
        if proxy is None:
            return http.client.HTTPConnection(host, url.port, timeout=timeout_s), target
        connection = http.client.HTTPConnection(proxy.hostname or "", proxy.port, timeout=timeout_s)
        return connection, f"http://{url.netloc.rpartition('@')[2]}{target}"
    if proxy is None:
        return http.client.HTTPSConnection(host, url.port, timeout=timeout_s), target
    tunnel = http.client.HTTPSConnection(proxy.hostname or "", proxy.port, timeout=timeout_s)
    tunnel.set_tunnel(host, url.port)
    return tunnel, target


def _proxy(scheme: str, host: str) -> SplitResult | None:
    if is_loopback(host):
        return None
    import urllib.request

    address = urllib.request.getproxies().get(scheme)
    if not address or urllib.request.proxy_bypass(host):
        return None
    return urlsplit(address if "://" in address else f"http://{address}")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return _NO_ANSWER
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
