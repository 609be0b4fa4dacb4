"""All checks of a project's files."""

from __future__ import annotations

from ._agreement_checks import AGREEMENT_CHECKS
from ._environment_check import Check
from ._image_checks import IMAGE_CHECKS
from ._manifest_checks import MANIFEST_CHECKS
from ._package_checks import PACKAGE_CHECKS
from ._project import Project

__all__ = ["STATIC_CHECKS"]

STATIC_CHECKS: tuple[Check[Project], ...] = (
    *MANIFEST_CHECKS,
    *PACKAGE_CHECKS,
    *IMAGE_CHECKS,
    *AGREEMENT_CHECKS,
)
"""In the order in which they are made."""
