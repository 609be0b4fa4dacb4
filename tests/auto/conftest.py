"""What the tests of names share."""

from __future__ import annotations

from tests.site_packages import site

__all__ = ["site"]
