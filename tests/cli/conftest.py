"""What the tests of the command line share."""

from __future__ import annotations

from tests.auto.throwaway import throwaway, throwaway_environment
from tests.hub_host.fixtures import hub
from tests.site_packages import site

__all__ = ["hub", "site", "throwaway", "throwaway_environment"]
