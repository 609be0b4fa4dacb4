"""The client of the official SDK's second major version, which first tries a protocol without sessions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openenv.testing import serve
from tests.core.env_server.mcp.test_calling import Telling

_PROGRAM = """
import asyncio, json, sys
from mcp.client.client import Client

async def main():
    told = []

    async def hear(progress, total, message):
        told.append([progress, total])

    async with Client(sys.argv[1]) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        point = await client.call_tool("point", {"x": 3})
        await client.call_tool("build", {}, progress_callback=hear)
    print(json.dumps({"tools": tools, "point": point.structured_content, "progress": told}))

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_client_of_mcp_2_finds_its_way(tmp_path: Path) -> None:
    uv, python = Path(sys.executable).with_name("uv"), tmp_path / "venv" / "bin" / "python"
    environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    for command in (
        [str(uv), "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")],
        [str(uv), "pip", "install", "--quiet", "--python", str(python), "mcp>=2,<3"],
    ):
        subprocess.run(command, check=True, env=environ)

    with serve(Telling) as server:
        program = [str(python), "-c", _PROGRAM, f"{server.base_url}/mcp"]
        done = subprocess.run(program, capture_output=True, text=True, env=environ, check=False)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["tools"][:4] == ["reset", "step", "state", "point"]
    assert told["point"] == {"x": 3}
    assert told["progress"] == [[1, 3], [2, 3], [3, 3]]
