"""The models and signatures that published code relies on are those of openenv 0.10.0, or take more."""

from __future__ import annotations

from typing import Any

import pytest

from .processes import Interpreter
from .programs.describe import CALLABLES

pytestmark = pytest.mark.timeout(300)

MODELS = [
    "Action",
    "CallToolAction",
    "CallToolObservation",
    "CodeExecResult",
    "ConcurrencyConfig",
    "EnvironmentMetadata",
    "JsonRpcError",
    "JsonRpcRequest",
    "JsonRpcResponse",
    "ListToolsAction",
    "ListToolsObservation",
    "Observation",
    "SessionInfo",
    "State",
    "Tool",
    "ToolError",
    "WSCloseMessage",
    "WSErrorResponse",
    "WSMCPMessage",
    "WSMCPResponse",
    "WSObservationResponse",
    "WSResetMessage",
    "WSStateMessage",
    "WSStateResponse",
    "WSStepMessage",
]
ENUMS = ["HealthStatus", "JsonRpcErrorCode", "ServerMode", "ToolErrorType", "WSErrorCode"]

# Idle sessions are closed after half an hour: see the changelog.
CHANGED_DEFAULTS = {("ConcurrencyConfig", "max_concurrent_envs"), ("ConcurrencyConfig", "session_timeout")}


@pytest.fixture(scope="module")
def described(interpreters: dict[str, Interpreter]) -> dict[str, dict[str, Any]]:
    return {name: interpreters[name].output("describe") for name in ("peer", "ours")}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_fields_that_it_had(described: dict[str, dict[str, Any]], name: str) -> None:
    peer, ours = (described[side]["models"][name] for side in ("peer", "ours"))
    for field, facts in peer["fields"].items():
        assert field in ours["fields"]
        # What had to be given may have a default by now.
        if not facts["required"] and (name, field) not in CHANGED_DEFAULTS:
            assert (field, ours["fields"][field]) == (field, facts)
    added = {field for field in ours["fields"] if field not in peer["fields"]}
    assert not [field for field in added if ours["fields"][field]["required"]]


@pytest.mark.parametrize("name", ["Action", "Observation", "State"])
def test_a_model_allows_what_it_allowed(described: dict[str, dict[str, Any]], name: str) -> None:
    assert described["ours"]["models"][name]["extra"] == described["peer"]["models"][name]["extra"]


@pytest.mark.parametrize("name", ENUMS)
def test_an_enumeration_has_the_members_that_it_had(described: dict[str, dict[str, Any]], name: str) -> None:
    assert described["peer"]["enums"][name].items() <= described["ours"]["enums"][name].items()


@pytest.mark.parametrize("path", [f"{module}.{path}" for module, paths in CALLABLES.items() for path in paths])
def test_a_call_is_written_as_it_was(described: dict[str, dict[str, Any]], path: str) -> None:
    peer, ours = (described[side]["parameters"][path] for side in ("peer", "ours"))
    positional = [name for name, kind in peer if kind == "POSITIONAL_OR_KEYWORD"]
    assert [name for name, kind in ours if kind == "POSITIONAL_OR_KEYWORD"][: len(positional)] == positional
    assert {name for name, _ in peer} <= {name for name, _ in ours}
