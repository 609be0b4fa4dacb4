"""What stands between a session and its environment: requests in, answers out, wherever the environment's code runs."""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from ..exceptions import EnvironmentFactoryError, OpenEnvError, SessionCrashedError
from ..tools.decorator import ToolMode
from ..wire.errors import mark_as_environments_own
from ..wire.frames import Answer, Request, RequestKind
from . import dispatch
from .environment_spec import EnvironmentSpec, ResetArguments, authored_method
from .execution import InlinePlace, Place
from .home import Home
from .interfaces import Environment
from .mcp_types import CallToolAction, ListToolsAction
from .observability import logs
from .tasks import EnvironmentTasks
from .types import Action, EnvironmentMetadata, ServerMode

if TYPE_CHECKING:
    from .asking import Asking

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

    def start(self, asking: Asking) -> None:
        """Have a request answered, and the one who asks told."""
        asking.follow(self.answer(asking.request))

    def perform(self, request: Request) -> Answer | Coroutine[Any, Any, Answer]:
        """Return the environment's answer to a request that takes one call, made here, or what gives it on a loop.

        Raises:
            NotImplementedError: It runs nothing here; `start` asks it by `answer`.
        """
        raise NotImplementedError(f"{type(self).__name__} makes no calls here: its requests are asked by `answer`")

    def withdraw(self, asking: Asking) -> bool:
        """Take back a request that was started; return whether nothing of it had been done."""
        return False

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
        plays_nothing: Whether that mode is production, which refuses reset, step and state.
        reset_arguments: The arguments the environment's reset takes.
        reset_method: Its reset, as its author wrote it.
        step_method: Its step, likewise.
        step_takes_timeout: Whether that takes the deadline of a request.
        tool_action: The model of its actions, where they are tool calls.
        action_has_type: Whether its actions have a field `type` of their own, which says nothing of tools.
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
        self.plays_nothing = tool_mode == ServerMode.PRODUCTION.value
        kind = type(environment)
        self.environment_type = kind.__name__
        self.reset_arguments = ResetArguments.of(kind)
        reset, step = authored_method(kind, "reset", "reset_async"), authored_method(kind, "step", "step_async")
        self.reset_method: Callable[..., Any] = reset.__get__(environment)
        self.step_method: Callable[..., Any] = step.__get__(environment)
        self.step_takes_timeout = _takes_timeout(step)
        self.tool_action = _tool_action(spec.action)
        self.action_has_type = self.tool_action is None and "type" in spec.action.model_fields
        self._place = place
        self._home = Home(place, tool_mode)
        self._home.take_in(environment)
        self._awaits = frozenset(
            request
            for request, method in ((RequestKind.RESET, reset), (RequestKind.STEP, step))
            if inspect.iscoroutinefunction(method)
        )

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
            environment = _checked(await place.run_apart(spec.factory))
            return cls(spec, environment, place.suited_to(type(environment)), tool_mode)
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

    def start(self, asking: Asking) -> None:
        """Have a request answered: by one call of a plain function in its place, or else in a task."""
        request = asking.request
        kind = request.kind
        # As steps of nearly all environments are, but for the tool calls among them.
        is_plain_step = kind is RequestKind.STEP and self.tool_action is None and "type" not in request.data
        if not is_plain_step and not dispatch.is_one_call(self, request):
            asking.follow(self.answer(request))
        elif kind in self._awaits:
            asking.follow(dispatch.perform_awaiting(self, request))
        else:
            self._place.perform(asking)

    def withdraw(self, asking: Asking) -> bool:
        """Take back a request that was started; return whether nothing of it had been done."""
        return self._place.withdraw(asking)

    async def answer(self, request: Request) -> Answer:
        """Return the environment's answer to a request."""
        return await dispatch.answer(self, request)

    def perform(self, request: Request) -> Answer | Coroutine[Any, Any, Answer]:
        """Return the environment's answer to a request that takes one call, made here; see `dispatch.perform`."""
        return dispatch.perform(self, request)

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

    async def run_apart(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what a function returns that may wait, whatever the environment says of its steps."""
        try:
            return await self._place.run_apart(function, *args, **kwargs)
        except OpenEnvError as exc:
            mark_as_environments_own(exc)
            raise

    @cached_property
    def tasks(self) -> EnvironmentTasks:
        """Return what asks the environment for its tasks."""
        return EnvironmentTasks(self.environment, self.run_apart)

    async def step(self, action: Action) -> object:
        """Return what the environment's step returns."""
        deadline = {"timeout_s": None} if self.step_takes_timeout else {}
        return await self.run(self.step_method, action, **deadline)

    async def close(self) -> None:
        """Close the environment and give back its place."""
        try:
            await self._place.run_apart(self.environment.close)
        except Exception:  # the last boundary before the environment's code: logged, the session ends all the same
            _logger.exception("closing a %s failed", self.environment_type)
        finally:
            self._home.leave()
            self._place.release()


def _checked(made: object) -> Environment[Any, Any, Any]:
    if not isinstance(made, Environment):
        raise TypeError(f"expected an openenv.core.env_server.Environment, got {type(made).__name__}")
    return made


def _tool_action(action: type[Action]) -> type[CallToolAction | ListToolsAction] | None:
    return action if issubclass(action, (CallToolAction, ListToolsAction)) else None


@lru_cache(maxsize=256)
def _takes_timeout(step: Callable[..., Any]) -> bool:
    parameters = inspect.signature(step).parameters
    return "timeout_s" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
