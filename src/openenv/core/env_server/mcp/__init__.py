"""MCP by the official SDK: what a client of the Model Context Protocol finds at `/mcp`."""

__all__: list[str] = []
