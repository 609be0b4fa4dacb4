"""The classes of an installed environment: its client, its actions, its observations.

They are looked for where they are named, then where they would be: in `openenv.yaml`; for actions and observations, in
what the client was made with (`EnvClient[EchoAction, EchoObservation, State]`); among what the package exports; in its
`client` or `models` module. Of several, the one with the environment's name is meant, as `EchoEnv` for `echo`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.env_client import EnvClient
    from ._discovery import InstalledEnvironment

__all__ = ["action_class", "client_class", "client_class_for", "import_part", "model_schema", "observation_class"]


@dataclass(frozen=True)
class _Role:
    """What a class is for: its field in `openenv.yaml`, how its name ends, the module where it would be."""

    field: str
    endings: tuple[str, ...]
    module: str


_CLIENT = _Role("client", ("env", "client", "envclient"), "client")
_ACTION = _Role("action", ("action",), "models")
_OBSERVATION = _Role("observation", ("observation",), "models")


def client_class(environment: InstalledEnvironment) -> type[EnvClient[Any, Any, Any]]:
    """Return an environment's client class.

    Raises:
        ConfigurationError: It cannot be imported or told.
    """
    from ..core.env_client import EnvClient

    found: type[EnvClient[Any, Any, Any]] | None = _named(environment, _CLIENT, EnvClient)
    found = found or _exported(environment, _CLIENT, EnvClient)
    if found is None:
        raise _not_told(environment, _CLIENT, "an EnvClient class")
    return found


def client_class_for(environment: InstalledEnvironment | None) -> type[EnvClient[Any, Any, Any]]:
    """Return an environment's client class; without one, that which takes and gives dictionaries."""
    if environment is None:
        from ..core.generic_client import GenericEnvClient

        return GenericEnvClient
    return client_class(environment)


def action_class(environment: InstalledEnvironment) -> type:
    """Return the class of an environment's actions: `CallToolAction` where they are tool calls.

    Raises:
        ConfigurationError: It cannot be imported or told.
    """
    from ..core.env_server.mcp_types import CallToolAction
    from ..core.env_server.types import Action

    found = _model(environment, _ACTION, Action)
    return found or _of_tools(environment, _ACTION, CallToolAction)


def observation_class(environment: InstalledEnvironment) -> type:
    """Return the class of an environment's observations: `CallToolObservation` where its actions are tool calls.

    Raises:
        ConfigurationError: It cannot be imported or told.
    """
    from ..core.env_server.mcp_types import CallToolObservation
    from ..core.env_server.types import Observation

    found = _model(environment, _OBSERVATION, Observation)
    return found or _of_tools(environment, _OBSERVATION, CallToolObservation)


def import_part(environment: InstalledEnvironment, module: str = "") -> ModuleType:
    """Import an environment's package, or a module of it.

    Raises:
        ConfigurationError: Something that it needs is missing.
    """
    name = environment.package
    if module and module != name:
        name = module if module.startswith(f"{name}.") else f"{name}.{module}"
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f"{name} of the environment {environment.name!r} cannot be imported: {error}. Install what it needs: "
            f"pip install --upgrade {environment.distribution}"
        ) from error


def model_schema(model: type) -> dict[str, Any]:
    """Return the JSON schema of an action's or observation's class; empty where it has none."""
    from pydantic import BaseModel, TypeAdapter
    from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

    try:
        return model.model_json_schema() if issubclass(model, BaseModel) else TypeAdapter(model).json_schema()
    except (PydanticInvalidForJsonSchema, PydanticUserError):
        return {}


def _model(environment: InstalledEnvironment, role: _Role, base: type) -> type | None:
    named = _named(environment, role, object)
    return named or _declared(environment, role, base) or _exported(environment, role, base)


def _named(environment: InstalledEnvironment, role: _Role, base: type) -> Any:
    """Return the class that the manifest names."""
    text = getattr(environment.manifest, role.field)
    if not text:
        return None
    module, _, attribute = text.rpartition(":")
    modules = [import_part(environment, module)] if module else list(_places(environment, role))
    for place in modules:
        found = getattr(place, attribute, None)
        if isinstance(found, type) and issubclass(found, base):
            return found
    kind = "a class" if base is object else f"a class derived from {base.__name__}"
    raise ConfigurationError(
        f"{environment.manifest.path}: expected {role.field} as {kind} of {' or '.join(m.__name__ for m in modules)}, "
        f"got {text!r}: correct the name, or leave the field out"
    )


def _declared(environment: InstalledEnvironment, role: _Role, base: type) -> type | None:
    """Return the class that the client was made with."""
    from ..core._client_models import ClientModels
    from ..core.env_client import EnvClient

    client = _named(environment, _CLIENT, EnvClient) or _exported(environment, _CLIENT, EnvClient)
    kind = getattr(ClientModels.of(client, EnvClient), role.field) if client else None
    return kind if isinstance(kind, type) and issubclass(kind, base) and not _is_ours(kind) else None


def _exported(environment: InstalledEnvironment, role: _Role, base: type) -> Any:
    """Return the class among what the package exports, or what the module for it holds."""
    wanted = {environment.name.replace("_", "") + ending for ending in role.endings}
    for place in _places(environment, role):
        found = {name: value for name, value in _public(place) if isinstance(value, type) and issubclass(value, base)}
        for name, value in found.items():
            if name.lower() in wanted:
                return value
        own = {value for value in found.values() if not _is_ours(value)}
        if len(own) == 1:
            return own.pop()
        if own:
            names = ", ".join(sorted(value.__name__ for value in own))
            raise ConfigurationError(
                f"{place.__name__} has more than one {role.field} class ({names}): say which in openenv.yaml, as in "
                f"'{role.field}: {min(value.__name__ for value in own)}'"
            )
    return None


def _places(environment: InstalledEnvironment, role: _Role) -> Iterator[ModuleType]:
    package = import_part(environment)
    yield package
    if environment.directory is not None and (environment.directory / f"{role.module}.py").is_file():
        yield import_part(environment, role.module)


def _public(module: ModuleType) -> Iterator[tuple[str, object]]:
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    for name in names:
        try:
            yield name, getattr(module, name)
        except (AttributeError, ImportError):
            # A lazy export may need what only the server has.
            continue


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "openenv"


def _of_tools(environment: InstalledEnvironment, role: _Role, tool_class: type) -> type:
    from ..core.mcp_client import MCPClientBase

    if not issubclass(client_class(environment), MCPClientBase):
        raise _not_told(environment, role, f"an {role.field} class")
    return tool_class


def _not_told(environment: InstalledEnvironment, role: _Role, what: str) -> ConfigurationError:
    name = "".join(part.capitalize() for part in environment.name.split("_")) + role.endings[0].capitalize()
    return ConfigurationError(
        f"{environment.package} exports no {role.field} class: export {what} from the package, as {name}, or name it "
        f"in openenv.yaml, as in '{role.field}: {role.module}:{name}'"
    )
