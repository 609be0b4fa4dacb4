"""Where an environment lives: what its own code has to know to call its tools as a session does."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..exceptions import ConfigurationError
from .execution import InlinePlace, Place, awaited, running_loop, wait_elsewhere

if TYPE_CHECKING:
    from ..tools.code.session import CodeSession
    from ..tools.decorator import ToolMode

__all__ = ["Home"]

_ATTRIBUTE = "_openenv_home"


class Home:
    """An environment's place, its mode, and the code that was run in it.

    Attributes:
        place: Where its code runs.
        tool_mode: The mode whose tools are offered; `None` for all.
    """

    def __init__(self, place: Place, tool_mode: ToolMode | None = None) -> None:
        """Make the home of an environment that was made in a place; on the event loop, where that has one."""
        self.place = place
        self.tool_mode = tool_mode
        if not isinstance(place, InlinePlace):
            self._loop = asyncio.get_running_loop()

    def __deepcopy__(self, memo: dict[int, Any]) -> None:
        """Stay with the environment: its copy finds a home of its own."""

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Stay with the environment, likewise."""
        return type(None), ()

    @classmethod
    def of(cls, environment: object) -> Home:
        """Return an environment's home; one that has none is at home wherever it is called."""
        home = vars(environment).get(_ATTRIBUTE)
        if isinstance(home, Home):
            return home
        made = cls(InlinePlace())
        # Nobody may close the environment.
        weakref.finalize(environment, made.leave).atexit = False
        made.take_in(environment)
        return made

    def take_in(self, environment: object) -> None:
        """Let an environment live here."""
        vars(environment)[_ATTRIBUTE] = self

    def check_may_wait(self, what: str) -> None:
        """Raise a ConfigurationError where waiting would hold up the server's event loop.

        Args:
            what: Who would wait.
        """
        if not isinstance(self.place, InlinePlace) and running_loop() is self._loop:
            raise ConfigurationError(
                f"{what} waits, and was called on the server's event loop, where nothing may: call it in a plain "
                f"method, or from a coroutine by asyncio.to_thread, and leave NON_BLOCKING out"
            )

    @cached_property
    def code(self) -> CodeSession:
        """Return what runs the environment's code."""
        from ..tools.code.session import CodeSession

        return CodeSession()

    def wait_for(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Return what a coroutine function of the environment returns."""
        if isinstance(self.place, InlinePlace):
            return self.place.wait_for(function())
        return wait_elsewhere(awaited(function()), self._loop)

    def leave(self) -> None:
        """End what runs code, and the loop of a place that has one of its own."""
        if "code" in vars(self):
            self.code.close()
        if isinstance(self.place, InlinePlace):
            self.place.release()
