"""How clients and pools show themselves, in notebooks and in logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .env_client import EnvClient

__all__ = ["place_of", "shown"]


def shown(who: str, *facts: str) -> str:
    """Return who it is and what is to be known of it: `<EchoEnv at http://localhost:8000: connected>`."""
    return f"<{who}: {', '.join(facts)}>"


def place_of(client: EnvClient[Any, Any, Any]) -> str:
    """Return where a client's environment is; of its address neither passwords nor a query, which may hold a token."""
    if client._spec is not None:
        return f"of {client._spec.name} in this process"
    address = urlsplit(client.base_url)
    return f"at {address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
