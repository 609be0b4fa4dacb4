"""Run MCP's conformance suite against an environment's server and write down what came of it.

    python -m scripts.mcp_conformance

The suite comes from npm, and so does Node.js where the one at hand is too old for it. It asks every server for tools of
certain names, which the environment here has as far as environments can have such.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import fastmcp
from fastmcp.prompts import Message
from mcp import types

from openenv.core import Observation, State
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.types import Action
from openenv.core.tools import Audio, Image, ToolContext, tool
from openenv.testing import serve

__all__ = ["main"]

_SUITE = "@modelcontextprotocol/conformance@0.1.16"
_NODE = "node@22"
_OLDEST_NODE = 22
_PAGE = Path(__file__).resolve().parent.parent / "docs" / "mcp-conformance.md"
_ROW = re.compile(r"^[✓✗] (?P<scenario>[\w-]+): (?P<passed>\d+) passed, (?P<failed>\d+) failed", re.M)
_PAUSE_S = 0.05
_WHY = {
    "tools-call-sampling": "tools do not ask the client's model",
    "tools-call-elicitation": "tools do not ask the client's user",
    "elicitation-": "tools do not ask the client's user",
    "resources-subscribe": "resources cannot be subscribed to: a step's result tells what it changed",
    "resources-unsubscribe": "resources cannot be subscribed to: a step's result tells what it changed",
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


_TEXT = "This is the content of the static text resource."
_PNG = b"\x89PNG\r\n\x1a\n"


def _embedded(uri: str, text: str) -> Any:
    told = {"uri": uri, "mimeType": "text/plain", "text": text}
    return types.EmbeddedResource.model_validate({"type": "resource", "resource": told})


def _server() -> Any:
    """Return the server that the environment has beside its own tools."""
    server = fastmcp.FastMCP("conformance")

    @server.tool(output_schema=None)
    def test_simple_text() -> str:
        """Return a text."""
        return "This is a simple text response for testing."

    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return _TEXT

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        return _PNG

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.prompt
    def test_simple_prompt() -> str:
        """A prompt without arguments."""
        return "This is a simple prompt for testing."

    @server.prompt
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """A prompt with arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt
    def test_prompt_with_embedded_resource(resourceUri: str) -> Any:  # noqa: N803 - the suite's name
        """A prompt with a resource in it."""
        return [
            Message(_embedded(resourceUri, "Embedded resource content for testing.")),
            Message("Please process the embedded resource above."),
        ]

    @server.prompt
    def test_prompt_with_image() -> Any:
        """A prompt with an image in it."""
        image = types.ImageContent(type="image", data=base64.b64encode(_PNG).decode(), mimeType="image/png")
        return [Message(image), Message("Please analyze the image above.")]

    return server


class _Subject(MCPEnvironment):
    """Has the tools, resources and prompts that the suite asks for."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__(_server())

    @tool
    def test_image_content(self) -> Image:
        """Return an image."""
        return Image(data=_PNG)

    @tool
    def test_audio_content(self) -> Audio:
        """Return a sound."""
        return Audio(data=b"RIFF")

    @tool
    def test_embedded_resource(self) -> Any:
        """Return a resource."""
        return _embedded("test://embedded-resource", "This is an embedded resource content.")

    @tool
    def test_multiple_content_types(self) -> Any:
        """Return several things."""
        mixed = _embedded("test://mixed-content-resource", '{"test":"data","value":123}')
        return ["Multiple content types test:", Image(data=_PNG), mixed]

    @tool
    def test_tool_with_logging(self, context: ToolContext) -> str:
        """Say something on the way."""
        for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            context.log(text)
            time.sleep(_PAUSE_S)
        return "done"

    @tool
    def test_tool_with_progress(self, context: ToolContext) -> str:
        """Tell how far it is."""
        for percent in (0, 50, 100):
            context.report_progress(percent, 100)
            time.sleep(_PAUSE_S)
        return "done"

    @tool
    def test_error_handling(self) -> None:
        """Raise."""
        raise RuntimeError("This tool intentionally returns an error for testing")

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


if __name__ == "__main__":
    sys.exit(main())
