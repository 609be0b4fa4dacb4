"""What stands between a session and its environment: requests in, answers out, wherever the environment's code runs."""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ..exceptions import EnvironmentFactoryError, OpenEnvError, SessionCrashedError
from ..tools.decorator import ToolMode
from ..wire.errors import mark_as_environments_own
from ..wire.frames import Answer, Request
from .environment_spec import EnvironmentSpec, ResetArguments, authored_method
from .execution import InlinePlace, Place
from .interfaces import Environment
from .observability import logs
from .types import Action, EnvironmentMetadata

__all__ = ["LocalRunner", "Runner"]

_logger = logs.server_logger(__name__)


class Runner(ABC):
    """Runs one environment. It is asked one thing at a time.

    Attributes:
        environment_type: Name of the environment's class.
    """

    environment_type: str

    @property
    def leftover(self) -> asyncio.Future[None] | None:
        """Return what is done when the last request has ended, where it could not be cancelled and goes on."""
        return None

    @property
    def ended(self) -> asyncio.Future[SessionCrashedError] | None:
        """Return what is done when the environment's process has died, with how; `None` where it has none."""
        return None

    def kill(self, why: str) -> None:  # noqa: B027 - there is nothing to end where there is no process
        """End the environment's process, whatever it is doing; a thread cannot be ended.

        Args:
            why: What is said of it to whoever asks the session.
        """

    @abstractmethod
    async def answer(self, request: Request) -> Answer:
        """Return the environment's answer to a request.

        Raises:
            OpenEnvError: The request was refused.
            Exception: Whatever the environment raised.
        """

    @abstractmethod
    async def metadata(self) -> EnvironmentMetadata:
        """Return what the environment says of itself."""

    @abstractmethod
    async def close(self) -> None:
        """Close the environment and give back what ran it. What it raises is logged: there is nobody left to tell."""


class LocalRunner(Runner):
    """Runs an environment in this process.

    Attributes:
        spec: What is known of the environment.
        environment: The environment.
        tool_mode: The mode whose tools are offered; `None` for all.
        reset_arguments: The arguments the environment's reset takes.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        environment: Environment[Any, Any, Any],
        place: Place,
        tool_mode: ToolMode | None = None,
    ) -> None:
        """Take an environment that was made in its place."""
        self.spec = spec
        self.environment = environment
        self.tool_mode = tool_mode
        kind = type(environment)
        self.environment_type = kind.__name__
        self.reset_arguments = ResetArguments.of(kind)
        self._place = place
        self._reset: Callable[..., Any] = authored_method(kind, "reset", "reset_async").__get__(environment)
        self._step: Callable[..., Any] = authored_method(kind, "step", "step_async").__get__(environment)
        self._step_takes_timeout = _takes_timeout(authored_method(kind, "step", "step_async"))

    @property
    def leftover(self) -> asyncio.Future[None] | None:
        """Return what is done when the last call on a thread has ended, where its deadline passed before."""
        return self._place.leftover

    @classmethod
    async def make(cls, spec: EnvironmentSpec, place: Place, tool_mode: ToolMode | None = None) -> LocalRunner:
        """Return the runner of an environment made in a place.

        Raises:
            EnvironmentFactoryError: The environment's constructor raised.
        """
        try:
            environment = await place.run(spec.factory)
            return cls(spec, _checked(environment), place, tool_mode)
        except BaseException as exc:
            place.release()
            if not isinstance(exc, Exception):
                raise
            raise EnvironmentFactoryError(
                spec.factory_name, f"{spec.factory_name} could not be made: {type(exc).__name__}: {exc}"
            ) from exc

    @classmethod
    async def inline(cls, spec: EnvironmentSpec) -> LocalRunner:
        """Return the runner of an environment whose code runs where it is called, for a caller that may block.

        Raises:
            EnvironmentFactoryError: The environment's constructor raised.
        """
        return await cls.make(spec, InlinePlace())

    async def answer(self, request: Request) -> Answer:
        """Return the environment's answer to a request."""
        from .dispatch import answer

        return await answer(self, request)

    async def metadata(self) -> EnvironmentMetadata:
        """Return what the environment says of itself."""
        told: EnvironmentMetadata = await self._place.run(self.environment.get_metadata)
        return told

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what a function returns in the environment's place."""
        try:
            return await self._place.run(function, *args, **kwargs)
        except OpenEnvError as exc:
            mark_as_environments_own(exc)
            raise

    async def reset(self, arguments: dict[str, Any]) -> object:
        """Return what the environment's reset returns."""
        return await self.run(self._reset, **arguments)

    async def step(self, action: Action, timeout_s: float | None = None) -> object:
        """Return what the environment's step returns.

        Args:
            action: The action.
            timeout_s: The deadline in seconds that is handed to the environment, where its step takes one.
        """
        if self._step_takes_timeout:
            return await self.run(self._step, action, timeout_s=timeout_s)
        return await self.run(self._step, action)

    async def close(self) -> None:
        """Close the environment and give back its place."""
        try:
            await self._place.run(self.environment.close)
        except Exception:  # the last boundary before the environment's code: logged, the session ends all the same
            _logger.exception("closing a %s failed", self.environment_type)
        finally:
            self._place.release()


def _checked(made: object) -> Environment[Any, Any, Any]:
    if not isinstance(made, Environment):
        raise TypeError(f"expected an openenv.core.env_server.Environment, got {type(made).__name__}")
    return made


@lru_cache(maxsize=256)
def _takes_timeout(step: Callable[..., Any]) -> bool:
    parameters = inspect.signature(step).parameters
    return "timeout_s" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
