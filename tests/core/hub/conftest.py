"""A Hub on loopback for these tests."""

from __future__ import annotations

from tests.hub_host.fixtures import hub, release_index

__all__ = ["hub", "release_index"]
