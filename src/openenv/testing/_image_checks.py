"""What a project's Dockerfile promises."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ._dockerfile import Instruction
from ._environment_check import Check, LeftOut, Seen
from ._project import Project
from .environment_report import Level, Severity

__all__ = ["IMAGE_CHECKS"]

_IGNORED = ".dockerignore"
_PRIVATE = (".env", ".git", ".venv")
_ROOT = {"root", "0"}
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)$", re.I
)
_SECRET = re.compile(r"\b(?:hf_\w{20,}|sk-[\w-]{20,}|gh[pousr]_\w{20,}|AKIA[0-9A-Z]{16})\b")
_EVERYWHERE = re.compile(r"0\.0\.0\.0|\[?::\]?(?:\W|$)")
_SERVER = re.compile(r"\b(?:uvicorn|server|openenv|hypercorn|gunicorn)\b")


def there_is_a_dockerfile(project: Project) -> Iterator[Seen]:
    """Look for it."""
    try:
        stages = project.dockerfile.all_of("FROM")
    except LeftOut:
        yield Seen("there is none", "Dockerfile")
        return
    if not stages:
        yield Seen("no FROM in it", project.dockerfile.path)


def image_base_is_pinned(project: Project) -> Iterator[Seen]:
    """Read what it is built from."""
    file = project.dockerfile
    own = {words[2] for each in file.all_of("FROM") for words in [each.value.split()] if len(words) > 2}
    for each in file.all_of("FROM"):
        image = file.filled(next((word for word in each.value.split() if not word.startswith("--")), ""))
        tag = image.rpartition("/")[2].partition(":")[2]
        if image not in own and image != "scratch" and "@" not in image and tag in ("", "latest"):
            yield Seen(f"{image!r}", file.path, each.place)


def image_runs_as_a_user(project: Project) -> Iterator[Seen]:
    """Read the last USER."""
    user = project.dockerfile.last("USER")
    if user is None:
        yield Seen("no USER, which is root", project.dockerfile.path, "USER")
    elif project.dockerfile.filled(user.value).partition(":")[0].strip() in _ROOT:
        yield Seen(f"USER {user.value}", project.dockerfile.path, user.place)


def image_checks_its_health(project: Project) -> Iterator[Seen]:
    """Read the health check."""
    found = project.dockerfile.last("HEALTHCHECK")
    if found is None or found.value.upper() == "NONE":
        yield Seen("none", project.dockerfile.path, "HEALTHCHECK")
    elif "/health" not in found.value and ".sh" not in found.value:
        yield Seen(f"HEALTHCHECK {found.value}", project.dockerfile.path, found.place)


def image_starts_a_server(project: Project) -> Iterator[Seen]:
    """Read what it runs."""
    file = project.dockerfile
    commands = [each for each in (file.last("ENTRYPOINT"), file.last("CMD")) if each is not None]
    if not commands:
        yield Seen("neither CMD nor ENTRYPOINT", file.path, "CMD")
        return
    told = " ".join(each.value for each in commands)
    settings = " ".join(f"{name}={value}" for _, name, value in file.assignments())
    if _SERVER.search(told) and ".sh" not in told and not _EVERYWHERE.search(f"{told} {settings}"):
        yield Seen(f"{commands[-1].name} {commands[-1].value}", file.path, commands[-1].place)


def image_holds_no_secrets(project: Project) -> Iterator[Seen]:
    """Look for secrets in the Dockerfile."""
    file = project.dockerfile
    for each, name, value in file.assignments():
        if value and not value.startswith("$") and _SECRET_NAME.search(name):
            yield Seen(f"{each.name} {name} with a value", file.path, each.place)
    for each in file.instructions:
        if _SECRET.search(each.value):
            yield Seen("something that has the form of a token", file.path, each.place)
        elif each.name in ("COPY", "ADD") and _copies_secrets(each):
            yield Seen(f"{each.name} {each.value}", file.path, each.place)


def _copies_secrets(instruction: Instruction) -> bool:
    sources = [word.rpartition("/")[2] for word in instruction.value.split()[:-1]]
    return any(source == ".env" or source.endswith((".pem", ".key", ".netrc")) for source in sources)


def image_leaves_private_files_out(project: Project) -> Iterator[Seen]:
    """Read .dockerignore, where the whole directory is copied."""
    file = project.dockerfile
    if not any(
        each.name in ("COPY", "ADD") and each.value.split()[-2:-1] in (["."], ["./"]) for each in file.instructions
    ):
        raise LeftOut("it does not copy the whole directory")
    ignored = {line.strip().strip("/").removeprefix("**/") for line in project.text(_IGNORED).splitlines()}
    missing = [name for name in _PRIVATE if name not in ignored and f"{name}*" not in ignored]
    if missing:
        yield Seen(f"no {', '.join(missing)}" if ignored else "there is none", _IGNORED)


IMAGE_CHECKS: tuple[Check[Project], ...] = (
    Check(
        there_is_a_dockerfile,
        Level.STATIC,
        "there is a Dockerfile, from which the environment's image is built",
        "begin with what openenv init writes",
    ),
    Check(
        image_base_is_pinned,
        Level.STATIC,
        "base images have a tag that is not latest, or a digest",
        "write FROM python:3.12-slim",
        Severity.WARNING,
    ),
    Check(
        image_runs_as_a_user,
        Level.STATIC,
        "the last USER is not root, for actions may run code, and Spaces run images as user 1000",
        "write RUN useradd --create-home --uid 1000 user, and USER user before CMD",
    ),
    Check(
        image_checks_its_health,
        Level.STATIC,
        "HEALTHCHECK asks /health",
        "write HEALTHCHECK CMD, and a command that fails where http://127.0.0.1:8000/health does not answer",
        Severity.WARNING,
    ),
    Check(
        image_starts_a_server,
        Level.STATIC,
        "CMD starts a server on all addresses, for nobody outside the container reaches its loopback",
        'write CMD ["server", "--host", "0.0.0.0", "--port", "8000"]',
    ),
    Check(
        image_holds_no_secrets,
        Level.STATIC,
        "there are no secrets in it, which everybody who has the image could read",
        "take it out, have the secret replaced by a new one, and set it where the container is started",
    ),
    Check(
        image_leaves_private_files_out,
        Level.STATIC,
        ".dockerignore names .env, .git and .venv, which COPY . would take along",
        "write each of them on a line of .dockerignore",
        Severity.WARNING,
    ),
)
"""In the order in which they are made."""
