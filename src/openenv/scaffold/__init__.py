"""New environments: projects that are installed, served, tested and built as they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .project import Project, create_project
    from .project_name import ProjectName
    from .template import TEMPLATES

__all__ = ["Project", "ProjectName", "TEMPLATES", "create_project"]

_MODULES = {
    "Project": ".project",
    "ProjectName": ".project_name",
    "TEMPLATES": ".template",
    "create_project": ".project",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
