"""What becomes of a question to the Hub whose connection is closed under it."""

from __future__ import annotations

import errno
import os

import pytest

from openenv.core.exceptions import HubUnreachableError
from openenv.core.hub._answers import answer_of
from openenv.core.hub.settings import HubSettings
from tests.hub_host.connections import close_connections, closes_connections
from tests.hub_host.hub import Hub

pytestmark = pytest.mark.skipif(not closes_connections(), reason="this release of huggingface_hub closes none")


class CutOff:
    """A question that is cut off the first times."""

    def __init__(self, times: int) -> None:
        self.asked = 0
        self._times = times

    def __call__(self) -> str:
        self.asked += 1
        if self.asked > self._times:
            return "an answer"
        close_connections()
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def test_what_may_be_asked_twice_is(hub: Hub) -> None:
    ask = CutOff(times=3)

    assert answer_of(ask, "a Space", HubSettings.from_environment(), 60.0) == "an answer"
    assert ask.asked == 4


def test_what_may_not_is_told(hub: Hub) -> None:
    ask = CutOff(times=1)

    with pytest.raises(HubUnreachableError, match=r"another thread .* see what became of a Space, and try again"):
        answer_of(ask, "a Space", HubSettings.from_environment(), 60.0, is_repeatable=False)
    assert ask.asked == 1


def test_other_failures_are_not_asked_about_again(hub: Hub) -> None:
    asked = []

    def ask() -> None:
        asked.append("once")
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(HubUnreachableError, match="cannot be reached"):
        answer_of(ask, "a Space", HubSettings.from_environment(), 60.0)
    assert asked == ["once"]
