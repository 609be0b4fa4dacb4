"""The header of a README, by which the Hub knows what a Space is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .._manifest import Manifest
from ..exceptions import ConfigurationError

__all__ = ["SPACE_PORT", "check_card", "read_card"]

SPACE_PORT = 7860
"""The port that the Hub looks at where the header names none."""

_HEADER = re.compile(r"\A---\r?\n(.*?)^---\s*$", re.DOTALL | re.MULTILINE)


def read_card(readme: Path) -> dict[str, Any]:
    """Return what the header of a README says; empty where it has none.

    Raises:
        ConfigurationError: It is not YAML, or not a mapping.
    """
    import yaml

    match = _HEADER.match(readme.read_text(encoding="utf-8")) if readme.is_file() else None
    if match is None:
        return {}
    try:
        card = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{readme}: its header is not YAML: {error}") from error
    if not isinstance(card, dict):
        raise ConfigurationError(f"{readme}: expected its header as a mapping, such as 'sdk: docker', got {card!r}")
    return card


def check_card(directory: Path, manifest: Manifest) -> None:
    """Do nothing if the Hub would build and reach an environment's server by its README, and raise if it would not.

    Args:
        directory: The environment's directory.
        manifest: What its `openenv.yaml` says.

    Raises:
        ConfigurationError: It would not; the message has the lines to write.
    """
    readme = directory / "README.md"
    card = read_card(readme)
    port = manifest.port or 8000
    if not card:
        raise ConfigurationError(
            f"{readme}: expected a header, by which the Hub knows what it is: begin the file with the lines '---', "
            f"'title: {manifest.name or directory.name}', 'sdk: docker', 'app_port: {port}', 'tags: [openenv]', '---'"
        )
    if card.get("sdk") != "docker":
        raise ConfigurationError(f"{readme}: expected sdk as 'sdk: docker' in its header, got {card.get('sdk')!r}")
    told = card.get("app_port", SPACE_PORT)
    if manifest.port is not None and told != manifest.port:
        raise ConfigurationError(
            f"{readme}: expected app_port as 'app_port: {manifest.port}', the port of {manifest.path}, in its header; "
            f"got {told!r}{'' if 'app_port' in card else ', which is meant where it is left out'}"
        )
