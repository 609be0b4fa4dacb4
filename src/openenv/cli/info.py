"""`openenv info`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ._completion import installed_names
from ._hub_question import TrustOption
from ._source import address_of, is_server, source_of

__all__ = ["info"]

# Every action and observation has these.
_COMMON_FIELDS = {"metadata", "done", "reward"}


def info(
    target: Annotated[
        str,
        typer.Argument(
            metavar="DIR|NAME|URL",
            help="A directory, an installed environment, org/name on the Hub, or a server's address.",
            autocompletion=installed_names,
        ),
    ] = ".",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    trust_remote_code: TrustOption = False,
) -> None:
    """Tell about an environment: a project, an installed one, one that is served, or one on the Hub.

    A Space that runs tells by its server, and any other by its package, which is installed once you agree.
    """
    known = _of_server(target) if is_server(target) else _of_running_space(target)
    known = known or _of_source(target, trust_remote_code)
    if as_json:
        import json

        print(json.dumps(known, indent=2))
        return
    print(f"{known['name']} {known.get('version') or ''}".rstrip())
    for label, text in _lines(known):
        print(f"  {label:<12}{text}")


def _of_server(target: str) -> dict[str, Any]:
    from ..core.server_info import fetch_server_info

    return fetch_server_info(address_of(target))


def _of_running_space(target: str) -> dict[str, Any] | None:
    from ..auto._hub import is_remote
    from ..auto._running_space import running_space_info

    is_space = is_remote(target) and not Path(target).expanduser().exists()
    return running_space_info(target) if is_space else None


def _of_source(target: str, trust_remote_code: bool) -> dict[str, Any]:
    source = source_of(target, trust_remote_code)
    return _of_directory(source) if isinstance(source, Path) else _of_package(source)


def _of_directory(directory: Path) -> dict[str, Any]:
    """Return what a project says of itself, of whose code nothing is run."""
    from ..core._manifest import read_manifest
    from ..core.containers.images import image_name

    home = directory.resolve()
    manifest = read_manifest(home)
    return {
        "name": manifest.name or home.name,
        "version": manifest.version,
        "description": manifest.description,
        "directory": str(home),
        "app": manifest.app,
        "port": manifest.port,
        "image": image_name(home),
    }


def _of_package(name: str) -> dict[str, Any]:
    from ..auto import AutoAction, AutoEnv

    return AutoEnv.get_env_info(name) | AutoAction.get_action_info(name)


def _lines(known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    told = {
        "description": "description",
        "url": "address",
        "space": "space",
        "page": "page",
        "package": "from",
        "origin": "origin",
        "directory": "directory",
        "app": "application",
        "port": "port",
        "image": "image",
    }
    yield from ((label, known[key]) for key, label in told.items() if known.get(key))
    if "env_class" in known:
        yield "client", known["env_class"]
    for kind in ("action", "observation", "reset"):
        schema = known.get(f"{kind}_schema")
        if schema:
            title = kind if kind == "reset" else schema.get("title", kind)
            yield kind, _shape(known.get(f"{kind}_class", title), schema)
    name = known.get("env_key") or known.get("space", "").partition("@")[0]
    if name:
        yield "try", f"python -c \"import openenv; print(openenv.AutoEnv.from_env('{name}').reset())\""


def _shape(name: str, schema: Mapping[str, Any]) -> str:
    """Return a model as a call that makes it, with `=…` where a field may be left out."""
    required = set(schema.get("required", ()))
    fields = {field: shown for field, shown in schema.get("properties", {}).items() if field not in _COMMON_FIELDS}
    told = (f"{field}: {_type(shown)}{'' if field in required else ' = …'}" for field, shown in fields.items())
    return f"{name}({', '.join(told)})"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return "|".join(repr(value) for value in schema["enum"])
    if "anyOf" in schema:
        return "|".join(_type(option) for option in schema["anyOf"])
    kind = schema.get("type", "any")
    return f"array[{_type(schema['items'])}]" if kind == "array" and schema.get("items") else str(kind)
