"""A new environment's project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.exceptions import ConfigurationError
from .project_name import ProjectName
from .template import TEMPLATES, TemplateName, fill_template

if TYPE_CHECKING:
    import os

__all__ = ["Project", "create_project"]

_DESCRIPTIONS = {
    "typed": "Thinks of a number, and says whether guesses are too low or too high.",
    "tools": "Asks when something was opened; tools look it up in a few notes.",
    "gymnasium": "Plays {id} of Gymnasium.",
}
_DEFAULT_ID = "CartPole-v1"


@dataclass(frozen=True)
class Project:
    """A project that was made.

    Attributes:
        name: What its parts are called.
        template: Which environment it began as.
        directory: Where it is.
        files: Its files, by their paths in the directory.
    """

    name: ProjectName
    template: TemplateName
    directory: Path
    files: tuple[str, ...]


def create_project(
    name: str,
    *,
    template: TemplateName = "typed",
    parent: str | os.PathLike[str] = ".",
    gymnasium_id: str = "",
) -> Project:
    """Make the project of a new environment, in a directory called as its package is.

    Args:
        name: The environment's name, such as `word-game`.
        template: What it begins as: `typed`, with actions and observations of its own; `tools`, with tools beside
            them; `gymnasium`, a Gymnasium environment.
        parent: The directory in which the project's is made.
        gymnasium_id: Which one, for the template `gymnasium`; `CartPole-v1` unless given. Any other has to be installed
            here, with Gymnasium, for its spaces to become models.

    Raises:
        ConfigurationError: The name or the template cannot be, the directory is in use, or Gymnasium has no such id.
        MissingExtraError: Gymnasium is not installed, and the id is not the default one.
    """
    if template not in TEMPLATES:
        raise ConfigurationError(f"expected template as one of {', '.join(TEMPLATES)}; got {template!r}")
    if gymnasium_id and template != "gymnasium":
        raise ConfigurationError(f"a Gymnasium id, {gymnasium_id!r}, was given for the template {template!r}")
    parsed = ProjectName.parse(name)
    directory = Path(parent).expanduser().resolve() / parsed.package
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(f"{directory} is there already: take another name, or another parent directory")
    texts = fill_template(template, _values(parsed, template, gymnasium_id or _DEFAULT_ID))
    _write(directory, texts)
    return Project(parsed, template, directory, tuple(texts))


def _values(name: ProjectName, template: TemplateName, gymnasium_id: str) -> dict[str, str]:
    from .. import __version__

    values = {
        "package": name.package,
        "repository": name.repository,
        "distribution": name.distribution,
        "classes": name.classes,
        "title": name.title,
        "description": _DESCRIPTIONS[template].format(id=gymnasium_id),
        # A release that is not out yet cannot be asked for by anybody but who has it.
        "minimum": ".".join(__version__.split(".")[:2]),
        "extras": "[gymnasium]" if template == "gymnasium" else "",
    }
    return values | (_gymnasium_values(gymnasium_id) if template == "gymnasium" else {})


def _gymnasium_values(gymnasium_id: str) -> dict[str, str]:
    from .gymnasium_models import CART_POLE, models_of

    models = CART_POLE if gymnasium_id == _DEFAULT_ID else models_of(gymnasium_id)
    return {
        "gymnasium_id": gymnasium_id,
        "action_fields": models.action_source,
        "observation_fields": models.observation_source,
        "models_imports": models.imports,
    }


def _write(directory: Path, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        file = directory / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"{file} cannot be written ({error.strerror or error}): take another parent directory"
            ) from error
