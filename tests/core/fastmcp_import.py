"""FastMCP for the tests that need it: they are skipped where it is not installed."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

__all__ = ["import_fastmcp"]


def import_fastmcp() -> Any:
    """Return the module, or skip the test module that asks."""
    with warnings.catch_warnings():
        # Its own dependencies warn while they are imported.
        warnings.simplefilter("ignore")
        return pytest.importorskip("fastmcp", reason="fastmcp is not installed")
