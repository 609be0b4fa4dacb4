"""What the files of a project promise of each other, and its README to the Hub."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..core._manifest import MANIFEST_NAME
from ._environment_check import Check, LeftOut, Seen
from ._project import PYPROJECT, README, Project
from .environment_report import Level, Severity

__all__ = ["AGREEMENT_CHECKS", "client_classes"]

_TAG = "openenv"
_PORT_OPTION = re.compile(r"--port[\"',=\s]+(\d+)")
_ROLES = ("action", "observation", "state")
_SERVERS = ("Environment",)
_CLIENTS = ("EnvClient", "SyncEnvClient", "MCPToolClient")


def readme_has_a_space_header(project: Project) -> Iterator[Seen]:
    """Read the head of README.md."""
    if not project.text(README):
        yield Seen("there is none", README)
        return
    try:
        header = project.header
    except LeftOut as problem:
        yield Seen(str(problem), README)
        return
    if not header.get("title"):
        yield Seen("none", README, "title", "a title", "write 'title: My Environment'")
    if header.get("sdk") != "docker":
        yield Seen(f"{header.get('sdk')!r}", README, "sdk", "'docker'", "write 'sdk: docker'")
    if not isinstance(header.get("app_port"), int):
        yield Seen(f"{header.get('app_port')!r}", README, "app_port", "a port", "write 'app_port: 8000'")


def readme_has_the_tag(project: Project) -> Iterator[Seen]:
    """Read the tags."""
    tags = project.header.get("tags") or []
    if _TAG not in tags:
        yield Seen(f"{tags}" if tags else "none", README, "tags")


def ports_agree(project: Project) -> Iterator[Seen]:
    """Compare the ports that the files name."""
    ports = dict(_ports(project))
    if len(set(ports.values())) > 1:
        told = ", ".join(f"{port} in {place}" for place, port in ports.items())
        yield Seen(told, MANIFEST_NAME, "port")


def _ports(project: Project) -> Iterator[tuple[str, int]]:
    for read in (_manifest_port, _header_port, _image_ports):
        try:
            yield from read(project)
        except LeftOut:
            continue


def _manifest_port(project: Project) -> Iterator[tuple[str, int]]:
    if project.manifest.port is not None:
        yield MANIFEST_NAME, project.manifest.port


def _header_port(project: Project) -> Iterator[tuple[str, int]]:
    port = project.header.get("app_port")
    if isinstance(port, int):
        yield f"{README} (app_port)", port


def _image_ports(project: Project) -> Iterator[tuple[str, int]]:
    file = project.dockerfile
    exposed = file.last("EXPOSE")
    port = file.filled(exposed.value).split()[0].partition("/")[0] if exposed and exposed.value else ""
    if port.isdigit():
        yield f"{file.path} (EXPOSE)", int(port)
    command = file.last("CMD")
    option = _PORT_OPTION.search(file.filled(command.value)) if command else None
    if command and option:
        yield f"{file.path} (CMD)", int(option[1])


def image_exposes_its_port(project: Project) -> Iterator[Seen]:
    """Read EXPOSE."""
    if project.dockerfile.last("EXPOSE") is None:
        yield Seen("none", project.dockerfile.path, "EXPOSE")


def versions_agree(project: Project) -> Iterator[Seen]:
    """Compare the versions that the files name."""
    packaged, told = project.packaged.get("version"), project.manifest.version
    if packaged and told and str(packaged) != told:
        yield Seen(f"{told} there, and {packaged} in {PYPROJECT}", MANIFEST_NAME, "version")


def client_and_server_agree(project: Project) -> Iterator[Seen]:
    """Compare the models that the client's class and the environment's class are declared with."""
    servers = list(_declared(project, _SERVERS))
    clients = list(_declared(project, _CLIENTS))
    if not servers or not clients:
        raise LeftOut("classes are not declared with their models, as in Environment[Act, Obs, State]")
    known = [models for _, _, models in servers]
    for file, name, models in clients:
        if models in known:
            continue
        for role, mine, theirs in zip(_ROLES, models, known[0], strict=False):
            if mine != theirs:
                yield Seen(f"its {role} is {mine}, and that of {servers[0][1]} is {theirs}", file, name)


def client_classes(project: Project) -> Iterator[tuple[str, str]]:
    """Yield the classes of clients that are declared with their models: the file and the name of each."""
    yield from ((file, name) for file, name, _ in _declared(project, _CLIENTS))


def _declared(project: Project, endings: tuple[str, ...]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the classes that are derived from one with type arguments: the file, the name, and the names of those."""
    for file, tree in project.sources.items():
        for node in ast.walk(tree):
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                models = _arguments(base, endings)
                if models:
                    yield file, getattr(node, "name", ""), models


def _arguments(base: ast.expr, endings: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(base, ast.Subscript) or not _last_name(base.value).endswith(endings):
        return ()
    listed = base.slice.elts if isinstance(base.slice, ast.Tuple) else [base.slice]
    return tuple(_last_name(each) for each in listed)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


AGREEMENT_CHECKS: tuple[Check[Project], ...] = (
    Check(
        client_and_server_agree,
        Level.STATIC,
        "the client is declared with the action, observation and state that the environment is declared with",
        "write EnvClient[Act, Obs, State] with the models of Environment[Act, Obs, State]",
    ),
    Check(
        readme_has_a_space_header,
        Level.STATIC,
        "README.md begins with the header of a Space: title, sdk: docker, app_port",
        "write between two lines of ---: 'title: My Environment', 'sdk: docker', 'app_port: 8000', 'tags: [openenv]'",
    ),
    Check(
        readme_has_the_tag,
        Level.STATIC,
        "README.md has the tag openenv, by which environments are found on the Hub",
        "write 'tags: [openenv]'",
        Severity.WARNING,
    ),
    Check(
        image_exposes_its_port,
        Level.STATIC,
        "EXPOSE tells the port of the server",
        "write EXPOSE 8000",
        Severity.WARNING,
    ),
    Check(
        ports_agree,
        Level.STATIC,
        "openenv.yaml, the header of README.md, and EXPOSE and CMD of the Dockerfile name one port",
        "write the same one everywhere",
    ),
    Check(
        versions_agree,
        Level.STATIC,
        "the version in openenv.yaml is that of pyproject.toml",
        "write the same one, or leave it out of openenv.yaml",
        Severity.WARNING,
    ),
)
"""In the order in which they are made."""
