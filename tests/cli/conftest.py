"""What the tests of the command line share."""

from __future__ import annotations

from tests.site_packages import site

__all__ = ["site"]
