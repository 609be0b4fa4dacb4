"""The headers by which MCP clients name sessions."""

from __future__ import annotations

__all__ = ["MCP_SESSION_HEADER", "SECRET_HEADER", "VERSION_HEADER", "environment_session_of"]

MCP_SESSION_HEADER = "Mcp-Session-Id"
VERSION_HEADER = "MCP-Protocol-Version"
SECRET_HEADER = "X-Session-Secret"  # noqa: S105 - the header's name


def environment_session_of(mcp_session_id: str) -> str:
    """Return the id of the environment session that an MCP session is bound to."""
    return mcp_session_id.partition(".")[0]
