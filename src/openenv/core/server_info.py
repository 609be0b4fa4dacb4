"""What a server says of itself over plain HTTP."""

from __future__ import annotations

import json
from typing import Any

from ._http import fetch
from .exceptions import AuthenticationError, ConfigurationError, ConnectError, RequestTimeoutError
from .transports._authorization import authorized

__all__ = ["fetch_server_info"]


def fetch_server_info(base_url: str, timeout_s: float = 10.0, auth_token: str | None = None) -> dict[str, Any]:
    """Return a server's metadata and the JSON schemas of what crosses the wire.

    Args:
        base_url: The server's address, such as `http://localhost:8000`.
        timeout_s: Seconds that each of two answers may take.
        auth_token: The token that the server wants; by default the one in the environment variable
            `OPENENV_AUTH_TOKEN`.

    Returns:
        `url`, the fields of `GET /metadata`, and those of `GET /schema` with `_schema` behind their names.

    Raises:
        ConfigurationError: The address is not one of HTTP.
        AuthenticationError: It wants a token, or another one.
        ConnectError: No server could be reached there, or it is not an environment's.
    """
    url = base_url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"expected an address such as http://localhost:8000, got {base_url!r}")
    metadata = _get(f"{url}/metadata", timeout_s, auth_token)
    schemas = _get(f"{url}/schema", timeout_s, auth_token)
    return {"url": url, **metadata, **{f"{name}_schema": schema for name, schema in schemas.items()}}


def _get(url: str, timeout_s: float, auth_token: str | None) -> dict[str, Any]:
    try:
        answer = fetch(url, headers=authorized({}, auth_token), timeout_s=timeout_s)
    except (ConnectError, RequestTimeoutError) as error:
        raise ConnectError(f"{error}. Start one with openenv serve") from error
    status = answer.status
    if status in {401, 403}:
        advice = "pass auth_token=…, or set OPENENV_AUTH_TOKEN to its token"
        raise AuthenticationError(f"{url} is answered by HTTP status {status}: {advice}", status=status)
    if status != 200:
        raise ConnectError(f"{url} is answered by HTTP status {status}: is it an OpenEnv server?")
    try:
        told = json.loads(answer.body)
    except ValueError as error:
        raise ConnectError(f"{url} is answered by something other than JSON: is it an OpenEnv server?") from error
    if not isinstance(told, dict):
        raise ConnectError(f"{url} is answered by {type(told).__name__}, not an object: is it an OpenEnv server?")
    return told
