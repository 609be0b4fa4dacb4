"""Build the image of an environment with this checkout's openenv-core in it.

    python -m scripts.build_image [envs/echo_env] [--tag NAME] [--extra NAME]

The wheels are made or downloaded outside the image and copied in, so the builds themselves need no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from scripts.docker_engine import CACHE, PYTHON_IMAGE, EngineError, cache_lock, run_shown

__all__ = ["BASE_IMAGE", "build_base", "build_environment", "gather_wheels", "main"]

BASE_IMAGE = "openenv-base"

_ROOT = Path(__file__).resolve().parent.parent
_UV = str(Path(sys.executable).parent / "uv")
_LENT = "/certificates.pem"
_BUILD_REQUIREMENTS = ["setuptools>=77"]
# What pip on this machine is told by its environment holds for pip in a container too.
_PIP_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def main() -> int:
    """Build what the command line names."""
    parser = argparse.ArgumentParser(description="Build the image of an environment with this checkout's openenv-core.")
    parser.add_argument("project", nargs="?", type=Path, default=_ROOT / "envs" / "echo_env", help="its directory")
    parser.add_argument("--tag", help="the image's name (openenv- and the directory's name)")
    parser.add_argument("--extra", default="", help="an extra of the project, for Dockerfiles with an argument EXTRA")
    options = parser.parse_args()
    project = options.project.resolve()
    tag = options.tag or f"openenv-{project.name.replace('_', '-')}"
    try:
        build_base()
        build_environment(project, tag, options.extra)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    print(tag)
    return 0


def build_base() -> None:
    """Build the image `openenv-base` from this checkout.

    Raises:
        EngineError: A command failed; the message ends in what it wrote.
    """
    with tempfile.TemporaryDirectory() as context:
        gather_wheels(Path(context))
        dockerfile = str(_ROOT / "docker" / "base" / "Dockerfile")
        _build(BASE_IMAGE, Path(context), f"--file={dockerfile}", f"--build-arg=PYTHON_IMAGE={PYTHON_IMAGE}")


def build_environment(project: Path, tag: str, extra: str = "") -> None:
    """Build the image of an environment from `openenv-base`, without asking a package index.

    Args:
        project: Its directory, with a Dockerfile.
        tag: The image's name.
        extra: One of its extras to install, for a Dockerfile with an argument `EXTRA`.

    Raises:
        EngineError: The build failed; the message ends in what it wrote.
    """
    wanted = [f"--build-arg=EXTRA={extra}"] if extra else []
    _build(tag, project, f"--build-arg=BASE_IMAGE={_base_for(project, extra)}", "--build-arg=PIP_NO_INDEX=1", *wanted)


def _base_for(project: Path, extra: str) -> str:
    """Return the base image of an environment: with wheels of what it requires beside openenv-core, if anything."""
    table = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = table.get("dependencies", []) + (table["optional-dependencies"][extra] if extra else [])
    own = [wanted for wanted in required if not wanted.startswith("openenv-core")]
    if not own:
        return BASE_IMAGE
    tag = f"{BASE_IMAGE}-{project.name.replace('_', '-')}{extra and f'-{extra}'}"
    with tempfile.TemporaryDirectory(dir=CACHE) as context:
        _in_container(
            "Making wheels of what it requires",
            Path(context),
            ["wheel", "--use-pep517", "--wheel-dir", "/wheels/own", *own],
            image=_compiler_image() if _needs_compiler(project) else PYTHON_IMAGE,
        )
        Path(context, "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nCOPY own /opt/wheels\n", encoding="utf-8")
        _build(tag, Path(context))
    return tag


def _needs_compiler(project: Path) -> bool:
    """Return whether the Dockerfile of an environment installs a compiler for what it requires."""
    return "gcc" in (project / "Dockerfile").read_text(encoding="utf-8")


def _compiler_image() -> str:
    """Return the name of the Python image with a C compiler in it, which is made where there is none."""
    tag = f"{PYTHON_IMAGE}-compiler"
    install = "apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev python3-dev"
    with tempfile.TemporaryDirectory() as context:
        Path(context, "Dockerfile").write_text(f"FROM {PYTHON_IMAGE}\nRUN {install}\n", encoding="utf-8")
        _build(tag, Path(context))
    return tag


def gather_wheels(folder: Path) -> None:
    """Put the wheels of this checkout and of what it requires, as uv.lock pins them, into a folder.

    Args:
        folder: Where `core`, `dependencies` and `build` are made, the last for what environments are built with.

    Raises:
        EngineError: They could not be built or downloaded.
    """
    with cache_lock():
        shutil.copytree(_downloaded(_locked_requirements()), folder, dirs_exist_ok=True)
    core = folder / "core"
    _run("Building the wheel of openenv-core", [_UV, "build", "--quiet", "--wheel", "--out-dir", str(core)])
    (core / ".gitignore").unlink(missing_ok=True)


def _build(tag: str, context: Path, *options: str) -> None:
    with cache_lock():
        before = _image_id(tag)
        _run(f"Building {tag}", ["docker", "build", "--tag", tag, *options, str(context)])
        if before and before != _image_id(tag):
            # It stays where a container runs from it, or another tag names it.
            subprocess.run(["docker", "rmi", before], capture_output=True, timeout=60)


def _image_id(tag: str) -> str | None:
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", tag]
    image = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return None if image.returncode else image.stdout.strip()


def _run(what: str, command: list[str]) -> None:
    run_shown(what, command, cwd=_ROOT)


def _locked_requirements() -> str:
    """Return what openenv-core requires, pinned and hashed as in uv.lock."""
    plain = ["--no-dev", "--no-emit-workspace", "--no-annotate", "--no-header"]
    command = [_UV, "export", "--quiet", "--frozen", "--package", "openenv-core", *plain]
    return subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True, timeout=60).stdout


def _downloaded(requirements: str) -> Path:
    """Return a folder of wheels that fit the Python image: `dependencies`, and what environments are built with."""
    python = _image_id(PYTHON_IMAGE)
    if python is None:
        raise EngineError(f"there is no image {PYTHON_IMAGE}: run `make docker-engine`")
    key = hashlib.sha256(f"{python}{_BUILD_REQUIREMENTS}{requirements}".encode()).hexdigest()[:16]
    wheels = CACHE / f"wheels-{key}"
    if wheels.exists():
        return wheels
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        unfinished = Path(folder, "wheels")
        unfinished.mkdir()
        (unfinished / "requirements.txt").write_text(requirements)
        _download(unfinished, "dependencies", ["--require-hashes", "-r", "/wheels/requirements.txt"])
        _download(unfinished, "build", _BUILD_REQUIREMENTS)
        unfinished.rename(wheels)
    for other in set(CACHE.glob("wheels-*")) - {wheels}:
        shutil.rmtree(other)
    return wheels


def _download(wheels: Path, folder: str, wanted: list[str]) -> None:
    """Download wheels by the image's own pip, which knows which of them fit."""
    pip = ["download", "--only-binary=:all:", "--dest", f"/wheels/{folder}", *wanted]
    _in_container(f"Downloading wheels ({folder})", wheels, pip)


def _in_container(what: str, wheels: Path, pip: list[str], *, image: str = PYTHON_IMAGE) -> None:
    """Run pip in a container of an image, with a folder of this machine at `/wheels`."""
    owner = ["--user", f"{os.getuid()}:{os.getgid()}"]
    variables = [part for name in _PIP_VARIABLES for part in ("--env", name) if name in os.environ]
    # The certificates are lent to this one container; they do not come into an image.
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    lent = []
    if certificates:
        lent = ["--volume", f"{os.path.realpath(certificates)}:{_LENT}:ro", "--env", f"PIP_CERT={_LENT}"]
    container = ["docker", "run", "--rm", *owner, *variables, *lent, "--volume", f"{wheels}:/wheels", image]
    _run(what, [*container, "pip", "--no-cache-dir", *pip])


if __name__ == "__main__":
    sys.exit(main())
