"""The page of the catalogue: manifests and what is stored of the shows, put together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from .show import Show

__all__ = ["PAGE", "README", "ROOT", "Entry", "entries", "page", "readme", "store"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "environments.md"
README = ROOT / "README.md"
_SHOWS = ROOT / "docs" / "environments"
_HEAD = """# Environments

Each of these is a project of its own in `envs/`, as a user would publish it: an environment, its client, a Dockerfile
and a README. `make catalogue` plays each of them and writes this page; [the report](environment-report.md) tells how
their checks went, how soon they start, and how large their images are.

"""
_INSTALL = """
From a checkout, `pip install ./envs/echo_env` installs one, and `make image ENV=echo_env` builds its image. All of them
pass [`check_environment`](checking.md), and are used as [Using environments](using-environments.md) says.
"""


@dataclass(frozen=True)
class Entry:
    """An environment in the catalogue.

    Attributes:
        package: The name of its directory and package.
        description: What its manifest says that it is.
        shown: The files of its show, below the directory of the documents.
    """

    package: str
    description: str
    shown: tuple[Path, ...]

    @property
    def title(self) -> str:
        """Return its name for people, as its README has it."""
        readme = (ROOT / "envs" / self.package / "README.md").read_text(encoding="utf-8")
        return next(line for line in readme.splitlines() if line.startswith("# ")).removeprefix("# ")


def entries() -> list[Entry]:
    """Return the environments that have something to show, by their names."""
    modules = sorted(Path(__file__).with_name("shows").glob("[a-z]*.py"))
    manifests = [ROOT / "envs" / module.stem / "openenv.yaml" for module in modules]
    return [
        Entry(
            package=manifest.parent.name,
            description=yaml.safe_load(manifest.read_text(encoding="utf-8"))["description"],
            shown=tuple(sorted(_SHOWS.glob(f"{manifest.parent.name}.*"))),
        )
        for manifest in manifests
    ]


def store(package: str, show: Show) -> None:
    """Store what an environment has to show, in the place of what it had."""
    _SHOWS.mkdir(exist_ok=True)
    for old in _SHOWS.glob(f"{package}.*"):
        old.unlink()
    (_SHOWS / f"{package}.{show.suffix}").write_bytes(show.content())
    if show.caption:
        (_SHOWS / f"{package}.caption").write_text(f"{show.caption}\n", encoding="utf-8")


def readme() -> str:
    """Return the repository's README, with a table of the environments as they are now."""
    rows = "\n".join(f"| [{entry.title}](envs/{entry.package}) | {entry.description} |" for entry in entries())
    table = f"<!-- catalogue -->\n| Environment | What it is |\n|---|---|\n{rows}\n<!-- /catalogue -->"
    return re.sub(r"<!-- catalogue -->.*<!-- /catalogue -->", lambda _: table, README.read_text("utf-8"), flags=re.S)


def page() -> str:
    """Return the page."""
    found = entries()
    rows = "\n".join(f"| [{entry.title}](#{_anchor(entry.title)}) | {entry.description} |" for entry in found)
    sections = "\n".join(_section(entry) for entry in found)
    return f"{_HEAD}| Environment | What it is |\n|---|---|\n{rows}\n{_INSTALL}\n{sections}"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _section(entry: Entry) -> str:
    shown = "\n".join(_shown(path) for path in entry.shown if path.suffix != ".caption")
    return f"""## {entry.title}

{entry.description} [Actions, observations, rewards, limits](../envs/{entry.package}).

{shown}"""


def _shown(path: Path) -> str:
    if path.suffix == ".txt":
        return f"```text\n{path.read_text(encoding='utf-8')}```\n"
    caption = path.with_suffix(".caption").read_text(encoding="utf-8").strip()
    return f"![{caption}](environments/{path.name})\n\n{caption}\n"
