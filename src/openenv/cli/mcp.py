"""`openenv mcp`."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from ._hub_question import TrustOption
from ._source import address_of, is_server, source_of

__all__ = ["mcp"]


def mcp(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAME|URL|DIR",
            help="An installed environment, org/name on the Hub, a server's address, or a directory.",
        ),
    ],
    config: Annotated[
        bool, typer.Option("--config", help="Print the JSON to paste into a desktop agent's settings, and exit.")
    ] = False,
    trust_remote_code: TrustOption = False,
) -> None:
    """Give an environment's tools to a desktop agent, as an MCP server on standard input and output."""
    source = None if is_server(target) else source_of(target, trust_remote_code)
    if config:
        print(json.dumps(_config(target, source), indent=2))
        return
    from ..core.containers.runtime import LocalProcessProvider
    from ..core.mcp_bridge import bridge

    if source is None:
        bridge(address_of(target))
        return
    with LocalProcessProvider(source) as server:
        bridge(server.base_url)


def _config(target: str, source: Path | str | None) -> dict[str, object]:
    """Return what desktop agents take in their settings; programs and directories by their whole path."""
    own = Path(sys.executable).with_name("openenv")
    command = str(own) if own.exists() else shutil.which("openenv")
    program, *arguments = [command] if command else [sys.executable, "-m", "openenv.cli"]
    named = str(source.resolve()) if isinstance(source, Path) else target
    server = {"command": program, "args": [*arguments, "mcp", named]}
    return {"mcpServers": {_name(target, source): server}}


def _name(target: str, source: Path | str | None) -> str:
    if isinstance(source, Path):
        return source.resolve().name
    return source or target.partition("://")[2].strip("/") or target
