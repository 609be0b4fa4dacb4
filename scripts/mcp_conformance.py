"""Run MCP's conformance suite against an environment's server and write down what came of it.

    python -m scripts.mcp_conformance

The suite comes from npm, and so does Node.js where the one at hand is too old for it. It asks every server for tools of
certain names, which the environment here has as far as environments can have such.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import fastmcp
from fastmcp.utilities.types import Audio, Image
from mcp import types

from openenv.core import Observation, State
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.types import Action
from openenv.testing import serve

__all__ = ["main"]

_SUITE = "@modelcontextprotocol/conformance@0.1.16"
_NODE = "node@22"
_OLDEST_NODE = 22
_PAGE = Path(__file__).resolve().parent.parent / "docs" / "mcp-conformance.md"
_ROW = re.compile(r"^[✓✗] (?P<scenario>[\w-]+): (?P<passed>\d+) passed, (?P<failed>\d+) failed", re.M)
_WHY = {
    "tools-call-with-progress": "progress of a tool is not passed on",
    "tools-call-with-logging": "tools send no log messages",
    "tools-call-sampling": "tools do not ask the client's model",
    "tools-call-elicitation": "tools do not ask the client's user",
    "elicitation-": "tools do not ask the client's user",
    "logging-": "tools send no log messages",
    "completion-": "arguments are not completed",
    "resources-": "resources are those of OpenEnv, not the suite's, and are not subscribed to",
    "prompts-": "there are no prompts",
}


def main() -> int:
    """Run the suite; return 0 unless something failed for which there is no reason."""
    with tempfile.TemporaryDirectory() as directory, serve(_Subject) as server:
        told = _run(Path(directory), f"{server.base_url}/mcp")
    rows = [(row["scenario"], int(row["passed"]), int(row["failed"])) for row in _ROW.finditer(told)]
    if not rows:
        print(told, file=sys.stderr)
        return 1
    _PAGE.write_text(_page(rows), encoding="utf-8")
    unexplained = [scenario for scenario, _, failed in rows if failed and not _why(scenario)]
    passed = sum(1 for _, _, failed in rows if not failed)
    print(f"{passed} of {len(rows)} scenarios pass; without a reason: {', '.join(unexplained) or 'none'} ({_PAGE})")
    return 1 if unexplained else 0


def _run(directory: Path, url: str) -> str:
    """Return what the suite prints."""
    node = shutil.which("node")
    is_recent = node is not None and _version(node) >= _OLDEST_NODE
    packages = [_SUITE] if is_recent else [_SUITE, _NODE]
    npm = ["npm", "--prefix", str(directory), "--no-audit", "--no-fund", "--loglevel", "error"]
    subprocess.run([*npm, "install", *packages], check=True, cwd=directory, stdout=sys.stderr)
    if not is_recent:
        # Recent releases of npm run no package's scripts unless they are told to; older ones know no such command.
        subprocess.run([*npm, "install-scripts", "approve", "node"], check=False, cwd=directory, stdout=sys.stderr)
        subprocess.run([*npm, "rebuild", "node"], check=True, cwd=directory, stdout=sys.stderr)
        node = str(directory / "node_modules" / "node" / "bin" / "node")
    program = directory / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    command = [str(node), str(program), "server", "--url", url]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, env=dict(os.environ))
    return done.stdout + done.stderr


def _version(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.strip().removeprefix("v").partition(".")[0])


def _why(scenario: str) -> str:
    return next((why for start, why in _WHY.items() if scenario.startswith(start)), "")


def _page(rows: list[tuple[str, int, int]]) -> str:
    lines = [
        "# MCP conformance",
        "",
        f"What `make conformance` says: `{_SUITE}` against an environment with a FastMCP",
        "server. The suite asks for every part of the protocol, and for tools, resources and prompts of its own names.",
        "",
        "| Scenario | Checks passed | Checks failed | Why |",
        "| --- | ---: | ---: | --- |",
        *(f"| {name} | {passed} | {failed} | {_why(name) if failed else ''} |" for name, passed, failed in rows),
        "",
    ]
    return "\n".join(lines)


def _simple_text() -> str:
    """Return a text."""
    return "This is a simple text response for testing."


def _image_content() -> Any:
    """Return an image."""
    return Image(data=b"png", format="png")


def _audio_content() -> Any:
    """Return a sound."""
    return Audio(data=b"wav", format="wav")


def _embedded_resource() -> Any:
    """Return a resource."""
    told = {
        "uri": "test://embedded-resource",
        "mimeType": "text/plain",
        "text": "This is an embedded resource content.",
    }
    return types.EmbeddedResource.model_validate({"type": "resource", "resource": told})


def _multiple_content_types() -> list[Any]:
    """Return several things."""
    text = types.TextContent(type="text", text="Multiple content types test:")
    return [text, types.ImageContent(type="image", data="AAAA", mimeType="image/png"), _embedded_resource()]


def _error_handling() -> None:
    """Raise."""
    raise RuntimeError("This tool intentionally returns an error for testing")


class _Subject(MCPEnvironment):
    """Has the tools that the suite calls."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        server = fastmcp.FastMCP("conformance")
        tools = (_simple_text, _image_content, _audio_content, _embedded_resource)
        for function in (*tools, _multiple_content_types, _error_handling):
            server.tool(function, name=f"test{function.__name__}", output_schema=None)
        super().__init__(server)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


if __name__ == "__main__":
    sys.exit(main())
