"""All checks of an environment that runs."""

from __future__ import annotations

from ._environment_check import Check
from ._environment_subject import Subject
from ._episode_checks import EPISODE_CHECKS
from ._process_checks import PROCESS_CHECKS
from ._resource_checks import RESOURCE_CHECKS
from ._session_checks import SESSION_CHECKS
from ._task_checks import TASK_CHECKS
from ._tool_checks import TOOL_CHECKS

__all__ = ["LIVE_CHECKS"]

LIVE_CHECKS: tuple[Check[Subject], ...] = (
    *EPISODE_CHECKS,
    *TOOL_CHECKS,
    *TASK_CHECKS,
    *SESSION_CHECKS,
    *PROCESS_CHECKS,
    *RESOURCE_CHECKS,
)
"""In the order in which they are made."""
