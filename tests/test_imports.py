"""What an import brings along: the client side must cost no server, no terminal library and no numeric one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SERVER_SIDE = {"fastapi", "starlette", "uvicorn"}
HEAVY = SERVER_SIDE | {
    "docker",
    "fastmcp",
    "gymnasium",
    "httpx",
    "huggingface_hub",
    "mcp",
    "numpy",
    "pyspiel",
    "ray",
    "requests",
    "rich",
    "typer",
}


def _loaded_by(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the top level packages it loaded."""
    script = f"{code}\nimport json, sys; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False, timeout=110
    )
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import openenv",
        "import openenv; openenv.__version__; dir(openenv)",
        "from openenv import AutoAction, AutoEnv",
        "from openenv import GenericAction, GenericEnvClient, SyncEnvClient",
        "from openenv.core import CallToolAction, EnvClient, MCPToolClient",
        "from openenv.core.client_types import StepResult",
        "from openenv.core.env_client import EnvClient",
        "from openenv.core.env_server.types import Action, Observation, State",
        "from openenv.core.env_server.interfaces import Environment",
        "from openenv.core.env_server.mcp_types import CallToolAction, ListToolsAction",
        "from openenv.core.containers.runtime import ContainerProvider, UVProvider",
        "from openenv.core.containers.runtime import DockerSwarmProvider, LocalDockerProvider; LocalDockerProvider()",
        "from openenv import GenericEnvClient; GenericEnvClient.from_docker_image('i')",
        "from openenv.core.rubrics import LLMJudge, Sequential, TrajectoryRubric",
        "from openenv.core.hub import HubSettings, SpaceName, SpaceProvider, check_out, install, look_up",
        "from openenv.core.generic_client import GenericEnvClient; GenericEnvClient(base_url='http://localhost:1')",
        "from openenv.core.hub import duplicate, publish; from openenv.core.containers.images import build_image",
        "from openenv.core.diagnosis import diagnose; from openenv.scaffold import create_project",
        "import chess_env, coding_env, echo_env, gymnasium_env, openspiel_env, sql_env",
    ],
)
def test_the_client_side_loads_no_heavy_package(code: str) -> None:
    assert _loaded_by(code) & HEAVY == set()


@pytest.mark.parametrize("name", ["asyncio", "importlib.metadata", "pydantic", "websockets", "yaml"])
def test_the_package_alone_loads_only_what_is_used(name: str) -> None:
    loaded = _loaded_by(f"import openenv, sys; assert {name!r} not in sys.modules")

    assert "openenv" in loaded


def test_the_command_line_shows_its_help_without_the_server() -> None:
    code = """
import sys
sys.argv[1:] = ["--help"]
from openenv.cli.__main__ import main
try:
    main()
except SystemExit as exit:
    assert not exit.code
"""

    assert _loaded_by(code) & (SERVER_SIDE | {"pydantic", "websockets"}) == set()


def test_the_check_sees_what_is_loaded() -> None:
    assert "fastapi" in _loaded_by("import fastapi")
