"""The labels by which what OpenEnv starts is found again."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

import openenv

from ._owner import Owner

__all__ = ["SESSION_LABEL", "labels_of", "new_name"]

SESSION_LABEL = "openenv.session"
_VERSION_LABEL = "openenv.version"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST_STEM = 40


def new_name(image: str) -> str:
    """Return a name that nothing has: `openenv-`, the image's own, and a part by chance."""
    stem = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return f"openenv-{_NOT_IN_NAMES.sub('-', stem)[:_LONGEST_STEM]}-{uuid.uuid4().hex[:12]}"


def labels_of(name: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of what this process starts.

    Args:
        name: Its name.
        more: Labels beside OpenEnv's own.
    """
    return {**more, SESSION_LABEL: name, _VERSION_LABEL: openenv.__version__, **Owner.current().labels()}
