"""What an environment is: the classes and protocols that authors implement."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypedDict, TypeVar, cast

from ..rubrics._evaluation import not_awaited
from .types import Action, CodeObservation, EnvironmentMetadata, Observation, State

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = [
    "Action",
    "Environment",
    "EnvironmentMetadata",
    "Message",
    "ModelTokenizer",
    "Observation",
    "State",
    "TaskProvider",
    "Transform",
    "class_metadata",
]

_ActT = TypeVar("_ActT", bound=Action)
_ObsT = TypeVar("_ObsT", bound=Observation)
_StateT = TypeVar("_StateT", bound=State)


class Message(TypedDict):
    """One message of a conversation.

    Attributes:
        role: Who speaks: `system`, `user`, `assistant`, `tool`.
        content: What is said.
    """

    role: str
    content: str


class ModelTokenizer(Protocol):
    """What an environment needs of a tokenizer; those of `transformers` have it."""

    def apply_chat_template(
        self,
        conversation: list[Message],
        tokenize: bool = True,
        return_tensors: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return a conversation as tokens, or as text where `tokenize` is false."""
        ...

    def decode(self, token_ids: Any, skip_special_tokens: bool = False, **kwargs: Any) -> str:
        """Return the text of tokens."""
        ...


class TaskProvider(Protocol):
    """What an environment that holds a set of tasks offers: any of these may be a coroutine function.

    `list_splits` with `list_tasks` is enough, and so is it with `num_tasks` and `get_task`: the rest follows. A server
    asks one instance that it makes for this, beside those of sessions; or where all of them are static or class
    methods, the class. A reset whose signature names `task` is given the one that a client picks by `split` and
    `index`.
    """

    def list_splits(self) -> list[Any]:
        """Return the splits: their names, such as `train` and `test`, or mappings with `name` and `type`."""
        ...

    def list_tasks(self, split: str) -> list[Any]:
        """Return the tasks of a split."""
        ...

    def num_tasks(self, split: str) -> int:
        """Return how many tasks a split has."""
        ...

    def get_task(self, split: str, index: int) -> Any:
        """Return one task of a split, counted from 0."""
        ...

    def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> list[Any]:
        """Return the tasks of a split from `start` up to, not including, `stop`."""
        ...


class Transform(ABC, Generic[_ObsT]):
    """A change made to every observation before it leaves the environment, such as adding a reward."""

    @abstractmethod
    def __call__(self, observation: _ObsT) -> _ObsT:
        """Return the observation, changed."""


class Environment(ABC, Generic[_ActT, _ObsT, _StateT]):
    """A world an agent acts in. Subclass it with your models: `class Chess(Environment[Move, Board, State])`.

    The server makes one instance for each session. `reset` and `step` may be plain methods, which run on threads, or
    `reset_async` and `step_async` may be overridden instead, which run on the server's event loop. Methods marked with
    `openenv.core.tools.tool` are offered as tools.

    Attributes:
        SUPPORTS_CONCURRENT_SESSIONS: Whether instances share nothing, so that a server may hold many.
        REQUIRES_SINGLE_THREAD_EXECUTOR: Whether all calls must come from one and the same thread, as Playwright's sync
            API, SQLite connections and many simulators want.
        NON_BLOCKING: Whether `reset`, `step`, `state` and tools never wait and take well below a millisecond, so that a
            server may call them right on its event loop, where nothing else can go on meanwhile. That is several times
            cheaper than a thread. The constructor and `close` still run on threads. Passed over where
            `REQUIRES_SINGLE_THREAD_EXECUTOR` is set.
        transform: What is applied to observations by `_apply_transform`.
        rubric: What gives the reward by `_apply_rubric`: a `Rubric`, or any function of an action and its observation.
        report_scores: Whether `_apply_rubric` writes the scores of the rubric and its parts into the observation's
            `metadata["rubric"]`, so that clients see them.
    """

    SUPPORTS_CONCURRENT_SESSIONS: bool = False
    REQUIRES_SINGLE_THREAD_EXECUTOR: bool = False
    NON_BLOCKING: bool = False

    # Set on the class too: subclasses need not call this class's constructor.
    transform: Transform[_ObsT] | None = None
    rubric: Callable[[Any, Any], Any] | None = None
    report_scores: bool = False

    def __init__(
        self,
        transform: Transform[_ObsT] | None = None,
        rubric: Callable[[Any, Any], Any] | None = None,
        *,
        report_scores: bool | None = None,
    ) -> None:
        """Make an environment.

        Args:
            transform: Applied to observations by `_apply_transform`.
            rubric: Called with an action and its observation by `_apply_rubric`; returns the reward.
            report_scores: Whether the scores go into the observation's metadata; by default as the class says.
        """
        self.transform = transform
        self.rubric = rubric
        if report_scores is not None:
            self.report_scores = report_scores

    # Type checkers take `*args: Any, **kwargs: Any` to mean that subclasses may name their own arguments, or take none.
    @abstractmethod
    def reset(self, seed: int | None = None, episode_id: str | None = None, *args: Any, **kwargs: Any) -> _ObsT:
        """Begin an episode and return its first observation.

        Args:
            seed: What makes the episode the same each time; `None` for chance.
            episode_id: The episode's name; `None` to choose one.
            *args: Never given: requests name their arguments.
            **kwargs: The environment's own arguments. Name them in the signature: they are then checked and documented.
        """

    @abstractmethod
    def step(self, action: _ActT, timeout_s: float | None = None, *args: Any, **kwargs: Any) -> _ObsT:
        """Act, and return what came of it.

        Args:
            action: What the agent does.
            timeout_s: How long it may take, in seconds; `None` for the environment's own limit.
            *args: Never given: requests name their arguments.
            **kwargs: The environment's own arguments.
        """

    @property
    @abstractmethod
    def state(self) -> _StateT:
        """Return where the episode stands."""

    async def reset_async(
        self, seed: int | None = None, episode_id: str | None = None, *args: Any, **kwargs: Any
    ) -> _ObsT:
        """Begin an episode on the event loop; override it where `reset` would wait. By default calls `reset`."""
        return self.reset(seed=seed, episode_id=episode_id, **kwargs)

    async def step_async(self, action: _ActT, timeout_s: float | None = None, *args: Any, **kwargs: Any) -> _ObsT:
        """Act on the event loop; override it where `step` would wait. By default calls `step`."""
        return self.step(action, timeout_s=timeout_s, **kwargs)

    def get_callables(self) -> dict[str, Callable[..., Any]]:
        """Return the environment's tools as Python functions, by name; those that are coroutine functions stay such."""
        from ..tools.callables import method_callables
        from .home import Home

        return method_callables(self, Home.of(self).tool_mode)

    def execute_code(self, code: str, timeout_s: float | None = 30.0) -> CodeObservation:
        """Run Python in which the tools are functions, and return what it printed and gave, or how it failed.

        Its names stay for the next piece, for as long as the environment lives. `await` may stand outside functions. It
        runs in the environment's process, on a thread of its own; the tools it calls run here, one at a time. At the
        deadline it is interrupted. Where it waits for what cannot be interrupted, it is left behind: no other code runs
        before it has ended, and everything else goes on. It is not confined in any way: it can do what the process can.

        Args:
            code: The code.
            timeout_s: How long it may take, in seconds; `None` for no limit. A tool that is a plain function is not
                interrupted.

        Raises:
            SessionBusyError: Other code of this environment still runs.
            ConfigurationError: It is called on the server's event loop, where nothing may wait.
        """
        from .home import Home

        home = Home.of(self)
        home.check_may_wait("execute_code")
        return home.code.run(code, self.get_callables(), timeout_s, self._wait_for)

    def _wait_for(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Return what a coroutine function returns where the environment's coroutines run."""
        from .home import Home

        return Home.of(self).wait_for(function)

    def close(self) -> None:
        """Give back what the environment holds: files, processes, browsers. Called once, at the session's end."""

    def get_metadata(self) -> EnvironmentMetadata:
        """Return what the environment says of itself: by default its class's name and docstring."""
        return class_metadata(type(self))

    def _apply_transform(self, observation: _ObsT) -> _ObsT:
        """Return the observation as the transform leaves it."""
        return self.transform(observation) if self.transform is not None else observation

    def _apply_rubric(self, action: _ActT, observation: _ObsT) -> float:
        """Return the rubric's reward for an action and its observation; 0.0 without a rubric.

        Raises:
            RubricError: The rubric has to be awaited: `_apply_rubric_async` does that, in a `step_async`.
        """
        if self.rubric is None:
            return 0.0
        return self._told_reward(not_awaited(self.rubric(action, observation)), observation)

    async def _apply_rubric_async(self, action: _ActT, observation: _ObsT) -> float:
        """Return the reward of a rubric that may be a coroutine; 0.0 without a rubric."""
        if self.rubric is None:
            return 0.0
        score = self.rubric(action, observation)
        return self._told_reward(
            await cast("Awaitable[float]", score) if inspect.isawaitable(score) else score, observation
        )

    def _told_reward(self, score: Any, observation: _ObsT) -> float:
        if self.report_scores:
            report = getattr(self.rubric, "report", None)
            observation.metadata["rubric"] = report() if callable(report) else {"score": float(score)}
        return float(score)

    def _reset_rubric(self) -> None:
        """Let the rubric begin a new episode, where it keeps something between steps."""
        reset = getattr(self.rubric, "reset", None)
        if callable(reset):
            reset()

    async def _reset_rubric_async(self) -> None:
        """Let the rubric begin a new episode, where its `reset` may be a coroutine."""
        reset = getattr(self.rubric, "reset", None)
        result = reset() if callable(reset) else None
        if inspect.isawaitable(result):
            await result


def class_metadata(environment_class: type[Environment[Any, Any, Any]], name: str | None = None) -> EnvironmentMetadata:
    """Return what an environment's class says of itself by its name and docstring.

    Args:
        environment_class: The class.
        name: The name to tell, by default the class's.
    """
    described = environment_class.__dict__.get("__doc__") or f"The {environment_class.__name__} environment."
    return EnvironmentMetadata(
        name=name or environment_class.__name__, description=inspect.cleandoc(described), version="1.0.0"
    )
