"""What the package exports: every name on purpose, and none that published code relies on missing."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

import openenv

# Paths and names that environments, trainers and examples written for OpenEnv 0.2 to 0.10 import.
_MCP_TYPES = (
    "CallToolAction",
    "CallToolObservation",
    "ListToolsAction",
    "ListToolsObservation",
    "RESERVED_TOOL_NAMES",
    "Tool",
    "ToolError",
    "ToolErrorType",
)
_SERVER_EXCEPTIONS = (
    "ConcurrencyConfigurationError",
    "EnvironmentFactoryError",
    "OpenEnvError",
    "SessionCapacityError",
    "SessionCreationError",
    "SessionNotFoundError",
)
_ENV_SERVER = (
    *_MCP_TYPES,
    *_SERVER_EXCEPTIONS,
    "Action",
    "CompositeTransform",
    "ConcurrencyConfig",
    "Environment",
    "HTTPEnvServer",
    "HealthStatus",
    "MCPEnvironment",
    "NullTransform",
    "Observation",
    "ServerMode",
    "SessionInfo",
    "State",
    "Transform",
    "WSCloseMessage",
    "WSErrorCode",
    "WSErrorResponse",
    "WSIncomingMessage",
    "WSMCPMessage",
    "WSMCPResponse",
    "WSObservationResponse",
    "WSResetMessage",
    "WSStateMessage",
    "WSStateResponse",
    "WSStepMessage",
    "create_app",
    "create_fastapi_app",
    "deserialize_action",
    "serialize_observation",
)
_CLIENTS = ("GenericAction", "GenericEnvClient", "SyncEnvClient")
_PROVIDERS = (
    "ContainerProvider",
    "DockerSwarmProvider",
    "LocalDockerProvider",
    "RuntimeProvider",
    "UVProvider",
)
_RUBRICS = (
    "ExponentialDiscountingTrajectoryRubric",
    "Gate",
    "LLMJudge",
    "Rubric",
    "RubricDict",
    "RubricList",
    "Sequential",
    "TrajectoryRubric",
    "WeightedSum",
)

RELIED_ON = {
    "openenv": ("AutoAction", "AutoEnv", "__version__", *_CLIENTS),
    "openenv.cli.__main__": ("app", "main"),
    "openenv.core": ("EnvClient", "MCPClientBase", "MCPToolClient", *_CLIENTS, *_ENV_SERVER),
    "openenv.core.client_types": ("StepResult",),
    "openenv.core.containers.runtime": _PROVIDERS,
    "openenv.core.containers.runtime.providers": _PROVIDERS,
    "openenv.core.env_client": ("EnvClient",),
    "openenv.core.env_server": _ENV_SERVER,
    "openenv.core.env_server.base_transforms": ("CompositeTransform", "NullTransform"),
    "openenv.core.env_server.exceptions": _SERVER_EXCEPTIONS,
    "openenv.core.env_server.http_server": ("HTTPEnvServer", "create_app", "create_fastapi_app"),
    "openenv.core.env_server.interfaces": (
        "Action",
        "Environment",
        "Message",
        "ModelTokenizer",
        "Observation",
        "State",
        "TaskProvider",
        "Transform",
    ),
    "openenv.core.env_server.mcp_environment": ("MCPEnvironment",),
    "openenv.core.env_server.mcp_types": ("JsonRpcErrorCode", "JsonRpcRequest", "JsonRpcResponse", *_MCP_TYPES),
    "openenv.core.env_server.serialization": ("deserialize_action", "serialize_observation"),
    "openenv.core.env_server.types": (
        "Action",
        "CodeExecResult",
        "ConcurrencyConfig",
        "EnvironmentMetadata",
        "Observation",
        "ServerMode",
        "State",
    ),
    "openenv.core.generic_client": ("GenericAction", "GenericEnvClient"),
    "openenv.core.mcp_client": ("MCPClientBase", "MCPToolClient"),
    "openenv.core.rubrics": _RUBRICS,
    "openenv.core.rubrics.base": ("Rubric",),
    "openenv.core.rubrics.containers": ("Gate", "RubricDict", "RubricList", "Sequential", "WeightedSum"),
    "openenv.core.rubrics.llm_judge": ("LLMJudge",),
    "openenv.core.rubrics.trajectory": ("ExponentialDiscountingTrajectoryRubric", "TrajectoryRubric"),
    "openenv.core.sync_client": ("SyncEnvClient",),
    "openenv.core.utils": ("convert_to_ws_url", "run_async_safely"),
}


def _public_modules() -> list[str]:
    """List the modules whose dotted name has no private part, from the files: none is missed for failing to import."""
    root = Path(openenv.__path__[0])
    paths = (path.relative_to(root.parent).with_suffix("") for path in sorted(root.rglob("*.py")))
    names = (".".join(path.parts).removesuffix(".__init__") for path in paths)
    return [name for name in names if not any(_is_private(part) for part in name.split("."))]


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _parse(module_name: str) -> ast.Module:
    spec = importlib.util.find_spec(module_name)
    assert spec is not None
    assert spec.origin is not None, f"{module_name} has no __init__.py"
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _declared(tree: ast.Module) -> list[str]:
    """Read the literal `__all__` of a module, without running it."""
    for statement in tree.body:
        target, value = _assignment(statement)
        if target == "__all__" and value is not None:
            names = ast.literal_eval(value)
            assert isinstance(names, list)
            return names
    raise AssertionError("no literal __all__")


def _assignment(statement: ast.stmt) -> tuple[str | None, ast.expr | None]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id, statement.value
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, statement.value
    return None, None


def _defined(tree: ast.Module) -> set[str]:
    """Collect the names that a module's own top level statements define."""
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = {statement.name for statement in tree.body if isinstance(statement, definitions)}
    assigned = (_assignment(statement)[0] for statement in tree.body)
    return names | {name for name in assigned if name is not None}


@pytest.mark.parametrize("module_name", _public_modules())
def test_every_declared_name_exists(module_name: str) -> None:
    declared = _declared(_parse(module_name))
    module = importlib.import_module(module_name)

    assert [name for name in declared if not hasattr(module, name)] == []
    assert sorted(set(declared)) == sorted(declared), "a name stands in __all__ twice"
    assert set(declared) <= set(dir(module)), "dir() does not show every declared name"


@pytest.mark.parametrize("module_name", _public_modules())
def test_every_public_name_is_declared(module_name: str) -> None:
    tree = _parse(module_name)

    undeclared = {name for name in _defined(tree) if not name.startswith("_")} - set(_declared(tree))

    assert undeclared == set(), "begin the name with an underscore, or add it to __all__"


@pytest.mark.parametrize("module_name", RELIED_ON)
def test_names_that_published_code_imports_are_there(module_name: str) -> None:
    module = importlib.import_module(module_name)

    assert [name for name in RELIED_ON[module_name] if not hasattr(module, name)] == []
    assert set(RELIED_ON[module_name]) <= set(_declared(_parse(module_name)))


@pytest.mark.parametrize("package", ["openenv", "openenv.core", "openenv.core.env_server"])
def test_an_unknown_name_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        importlib.import_module(package).no_such_name  # noqa: B018  # the access is what is tested


def test_the_same_class_is_found_by_every_path() -> None:
    paths: dict[str, set[int]] = {}
    for module_name, names in RELIED_ON.items():
        module = importlib.import_module(module_name)
        for name in names:
            paths.setdefault(name, set()).add(id(getattr(module, name)))

    assert {name for name, objects in paths.items() if len(objects) > 1} == set()
