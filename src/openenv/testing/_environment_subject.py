"""An environment under check: in this process or behind an address, driven alike."""

from __future__ import annotations

import json
import logging
import os
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ..core.client_types import StepResult
from ..core.env_client import EnvClient
from ..core.exceptions import EnvironmentExecutionError, InvalidRequestError, SessionCapacityError, ToolCallError
from ..core.generic_client import GenericEnvClient
from ._environment_check import LeftOut, Pulse, Unmet, brief
from ._schema_values import schema_problem, valid_values

if TYPE_CHECKING:
    from ..core.env_server.environment_spec import EnvironmentSpec
    from ..core.env_server.interfaces import Environment
    from ..core.env_server.mcp_types import Tool
    from ..core.sync_client import SyncEnvClient

__all__ = [
    "Episode",
    "Fields",
    "LocalSubject",
    "Plan",
    "ServedSubject",
    "Session",
    "Subject",
    "Turn",
    "close_quietly",
]

_logger = logging.getLogger(__name__)

Fields = dict[str, Any]
_EPISODES = 3
# Played on top of these where they take no time: what goes wrong seldom is not seen in three.
_MORE_EPISODES = 27
_NO_TIME_S = 0.1
_CALLS = 8
_EPISODE_ID = "check"


@dataclass(frozen=True)
class Plan:
    """What a check plays.

    Attributes:
        seed: What everything random follows from.
        steps: The most steps of an episode.
        actions: The actions to play, in turn; `None` for random ones.
        reset_arguments: What each reset is given beside the seed and the episode's name.
    """

    seed: int = 0
    steps: int = 20
    actions: tuple[Fields, ...] | None = None
    reset_arguments: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Turn:
    """What was asked of an environment, and what came of it.

    Attributes:
        action: The fields of the action; `None` for a reset.
        answer: The data of the answer; empty where there was none.
        problem: Why there was none.
        is_refused: Whether the action was refused as not valid.
    """

    action: Fields | None
    answer: Fields
    problem: str = ""
    is_refused: bool = False

    @property
    def observation(self) -> Fields:
        """Return the observation, whole."""
        return {**self.answer.get("observation", {}), "reward": self.reward, "done": self.is_done}

    @property
    def reward(self) -> Any:
        """Return the reward."""
        return self.answer.get("reward")

    @property
    def is_done(self) -> bool:
        """Tell whether it ended the episode."""
        return bool(self.answer.get("done"))

    @property
    def shown(self) -> str:
        """Return what an agent sees of it, as text to compare; metadata is not for agents."""
        seen = {name: value for name, value in self.observation.items() if name != "metadata"}
        return self.problem or json.dumps(seen, sort_keys=True)

    def __str__(self) -> str:
        """Tell what was asked."""
        return "reset" if self.action is None else f"step {json.dumps(self.action)[:200]}"


Episode = list[Turn]


class _AnswerClient(GenericEnvClient):
    """Gives the data of answers as they are."""

    def _parse_result(self, payload: Fields) -> StepResult[Fields]:
        return StepResult(payload, payload.get("reward"), bool(payload.get("done")))


class Session:
    """One session of an environment under check.

    Attributes:
        client: What drives it.
        took: The seconds that calls took, by what was called.
    """

    def __init__(self, client: SyncEnvClient[Fields, Fields, Fields], subject: Subject) -> None:
        """Take a client that is connected."""
        self.client = client
        self._plan = subject.plan
        self._pulse = subject.pulse
        self.took: dict[str, list[float]] = {"reset": [], "step": []}

    def reset(self, **arguments: Any) -> Fields:
        """Begin an episode with whatever arguments, and return the data of the answer."""
        began = time.perf_counter()
        answer = self.client.reset(**arguments).observation
        self.took["reset"].append(time.perf_counter() - began)
        self._pulse.beat()
        return answer

    def begin(self, seed: int | None = None, episode_id: str = _EPISODE_ID) -> Turn:
        """Begin an episode of the plan's.

        Raises:
            OpenEnvError: The environment does not.
        """
        seed = self._plan.seed if seed is None else seed
        told = {"seed": seed, "episode_id": episode_id, **(self._plan.reset_arguments or {})}
        return Turn(None, self.reset(**told))

    def step(self, action: Fields) -> Turn:
        """Act, and return what came of it, an error of the environment included."""
        began = time.perf_counter()
        try:
            answer = self.client.step(action).observation
        except InvalidRequestError as error:
            return Turn(action, {}, brief(error), is_refused=True)
        except EnvironmentExecutionError as error:
            return Turn(action, {}, brief(error))
        finally:
            self._pulse.beat()
        self.took["step"].append(time.perf_counter() - began)
        return Turn(action, answer)

    def state(self) -> Fields:
        """Return the state."""
        told = self.client.state()
        self._pulse.beat()
        return told

    def play(self, actions: Sequence[Fields], seed: int | None = None) -> Episode:
        """Play an episode up to its end or that of the actions."""
        return [*self.go_on(actions, self.begin(seed))]

    def go_on(self, actions: Sequence[Fields], first: Turn | None = None) -> Iterator[Turn]:
        """Act in turn, up to the end of the episode."""
        if first is not None:
            yield first
        for action in actions:
            turn = self.step(action)
            yield turn
            if turn.is_done:
                return

    def call_tool(self, name: str, arguments: Fields) -> ToolCallError | None:
        """Call a tool and return why it gave no result; `None` where it gave one."""
        try:
            self.client.call_tool(name, **arguments)
        except ToolCallError as error:
            return error
        finally:
            self._pulse.beat()
        return None


class Subject(ABC):
    """An environment under check.

    Attributes:
        plan: What is played.
        pulse: When it was last heard of.
        took: The seconds that calls took, by what was called, when `episodes` were played.
        why_no_tools: What the environment raised when it was asked for its tools; empty where it raised nothing.
        why_endless: Why there is nothing to see of the end of an episode; empty where that is not known.
    """

    def __init__(self, plan: Plan) -> None:
        """Take what to play."""
        self.plan = plan
        self.pulse = Pulse()
        self.took: dict[str, list[float]] = {"reset": [], "step": []}
        self.why_endless = ""
        self.why_no_tools = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return what the environment is called."""

    @property
    @abstractmethod
    def claims_concurrency(self) -> bool:
        """Tell whether there may be more sessions than one at a time."""

    @abstractmethod
    def room_for(self, sessions: int) -> int:
        """Return how many of so many sessions there is room for."""

    @abstractmethod
    def client(self) -> EnvClient[Fields, Fields, Fields]:
        """Return a client that is not connected."""

    @abstractmethod
    def told_schemas(self) -> Mapping[str, Any]:
        """Return the JSON schemas of what crosses the wire, by name."""

    @abstractmethod
    def told_metadata(self) -> Mapping[str, Any]:
        """Return what the environment says of itself."""

    @abstractmethod
    def takes(self, action: Fields) -> bool:
        """Tell whether the model of actions takes one; true where that is not known."""

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session, and close it at the end."""
        with self.client().sync() as client:
            yield Session(client, self)

    @cached_property
    def schemas(self) -> Mapping[str, Any]:
        """Return the JSON schemas, asked for once."""
        return self.told_schemas()

    def schema(self, name: str) -> Mapping[str, Any]:
        """Return one of the JSON schemas; an empty one, which says nothing, where there is none."""
        found = self.schemas.get(name)
        return found if isinstance(found, Mapping) else {}

    @cached_property
    def tools(self) -> list[Tool]:
        """Return the tools that the environment offers; none where it has no such thing."""
        with self.session() as session:
            try:
                return session.client.list_tools()
            except (ToolCallError, InvalidRequestError):
                return []
            except EnvironmentExecutionError as error:
                self.why_no_tools = brief(error)
                return []

    @cached_property
    def calls(self) -> dict[str, list[Fields]]:
        """Return valid arguments for each tool, by its name."""
        sound = {tool.name: tool.input_schema for tool in self.tools if not schema_problem(tool.input_schema)}
        return {tool.name: [] for tool in self.tools} | {
            name: valid_values(schema, _CALLS, self.plan.seed) for name, schema in sound.items()
        }

    @cached_property
    def actions_are_calls(self) -> bool:
        """Tell whether actions are calls of tools."""
        kind = self.schema("action").get("properties", {}).get("type", {})
        return "call_tool" in (kind.get("const"), kind.get("default"))

    @cached_property
    def action_schema(self) -> Mapping[str, Any]:
        """Return the schema of actions without the metadata, which may be anything."""
        schema = self.schema("action")
        fields = {name: each for name, each in schema.get("properties", {}).items() if name != "metadata"}
        return {**schema, "properties": fields}

    @cached_property
    def actions(self) -> tuple[Fields, ...]:
        """Return valid actions for all episodes that are played.

        Raises:
            Unmet: The schema describes none that the environment takes.
        """
        count = _EPISODES * self.plan.steps
        known = list(self.plan.actions) if self.plan.actions else self._drawn(count)
        if not known:
            raise Unmet("no action that the schema describes is taken by the model of actions")
        return tuple(known[index % len(known)] for index in range(count))

    def _drawn(self, count: int) -> list[Fields]:
        if self.actions_are_calls:
            return self._drawn_calls()
        return [action for action in valid_values(self.action_schema, count, self.plan.seed) if self.takes(action)]

    def _drawn_calls(self) -> list[Fields]:
        drawn = [
            [{"type": "call_tool", "tool_name": name, "arguments": arguments} for arguments in calls]
            for name, calls in self.calls.items()
        ]
        in_turns = (call for calls in zip_longest(*drawn) for call in calls if call)
        return list(in_turns) or [{"type": "list_tools"}]

    def actions_of(self, episode: int) -> tuple[Fields, ...]:
        """Return the actions of one of the episodes; they come again after the last."""
        begin = (episode % _EPISODES) * self.plan.steps
        return self.actions[begin : begin + self.plan.steps]

    @cached_property
    def episodes(self) -> list[Episode]:
        """Return episodes with different seeds and actions, each played once in a session of its own."""
        began = time.monotonic()
        found = [self._noted(self.actions_of(episode), self.plan.seed + episode) for episode in range(_EPISODES)]
        if self.plan.actions is None and time.monotonic() - began < _NO_TIME_S:
            more = self._mixed(random.Random(self.plan.seed))  # noqa: S311 - nothing to keep secret
            found += [self._noted(actions, self.plan.seed + _EPISODES + n) for n, actions in enumerate(more)]
        return found

    def _noted(self, actions: Sequence[Fields], seed: int) -> Episode:
        """Play an episode in a session of its own, and take note of how long its calls took."""
        with self.session() as session:
            episode = session.play(actions, seed)
        for called, seconds in session.took.items():
            self.took[called] += seconds
        return episode

    def _mixed(self, chance: random.Random) -> Iterator[list[Fields]]:
        """Yield actions for further episodes: few again and again, which lead far, and all in another order."""
        for number in range(_MORE_EPISODES):
            kinds = chance.sample(self.actions, min(len(self.actions), (1, 2, self.plan.steps)[number % 3]))
            yield chance.choices(kinds, k=self.plan.steps)

    def played(self, episode: int, seed: int) -> Episode:
        """Play an episode's actions in a session of its own."""
        with self.session() as session:
            return session.play(self.actions_of(episode), seed)

    @cached_property
    def repeated(self) -> Episode | None:
        """Return an episode that went the same way twice; `None` where it did not."""
        once, again = (self.played(0, self.plan.seed) for _ in range(2))
        return once if [turn.shown for turn in once] == [turn.shown for turn in again] else None

    def first_episode(self) -> Episode:
        """Return an episode that goes the same way every time: what goes differently anyway cannot be compared.

        Raises:
            LeftOut: There is none.
        """
        if self.repeated is None:
            raise LeftOut("episodes with one seed differ anyway: see a_recording_replays")
        return self.repeated


class LocalSubject(Subject):
    """An environment in this process; what is asked takes the way through JSON that it would take over a network.

    Attributes:
        spec: What is known of it.
        client_class: Its client's class; `None` where there is none.
        directory: This process's working directory before anything was played.
    """

    def __init__(self, spec: EnvironmentSpec, plan: Plan, client_class: type[EnvClient[Any, Any, Any]] | None) -> None:
        """Take an environment, and its client's class where there is one."""
        super().__init__(plan)
        self.spec = spec
        self.client_class = client_class
        self.directory = os.getcwd()

    @property
    def name(self) -> str:
        """Return what the environment is called."""
        return self.spec.name

    @property
    def claims_concurrency(self) -> bool:
        """Tell whether its class says that instances share nothing."""
        return self.spec.supports_concurrent_sessions

    def room_for(self, sessions: int) -> int:
        """Return how many there are: each has an instance of its own."""
        return sessions

    def client(self) -> EnvClient[Fields, Fields, Fields]:
        """Return a client that runs the environment in the calling thread."""
        return _AnswerClient.from_environment(self.spec)

    def told_schemas(self) -> Mapping[str, Any]:
        """Return the JSON schemas that a server would tell."""
        from ..core.env_server.http_server import HTTPEnvServer

        spec = self.spec
        models: dict[str, Any] = {"state_cls": spec.state, "reset_observation_cls": spec.reset_observation}
        return HTTPEnvServer(spec.factory, spec.action, spec.observation, 1, **models).schemas()

    def told_metadata(self) -> Mapping[str, Any]:
        """Return what an instance says of itself."""
        made = self.spec.factory()
        try:
            told = made.get_metadata()
        finally:
            close_quietly(made)
        dumped: Any = getattr(told, "model_dump", lambda: {})()
        return dict(dumped)

    def takes(self, action: Fields) -> bool:
        """Tell whether the model of actions takes one."""
        from pydantic import ValidationError

        from ..core.env_server.serialization import deserialize_action

        try:
            deserialize_action(action, self.spec.action)
        except ValidationError:
            return False
        return True


def close_quietly(environment: Environment[Any, Any, Any]) -> None:
    """Close an environment; what its `close` raises is the affair of the check that is about that."""
    try:
        environment.close()
    except Exception:  # the boundary to an author's code
        _logger.debug("closing a %s failed", type(environment).__name__, exc_info=True)


class ServedSubject(Subject):
    """An environment behind an address."""

    def __init__(self, url: str, plan: Plan) -> None:
        """Take the address of a server."""
        super().__init__(plan)
        self.url = url

    @property
    def name(self) -> str:
        """Return the address."""
        return self.url

    @cached_property
    def claims_concurrency(self) -> bool:
        """Tell whether the server has room for two sessions."""
        return self.room_for(2) == 2

    @cached_property
    def told(self) -> Mapping[str, Any]:
        """Return what the server says of itself."""
        from ..core.server_info import fetch_server_info

        return fetch_server_info(self.url)

    def room_for(self, sessions: int) -> int:
        """Open as many as there is room for, and close them again."""
        with ExitStack() as opened:
            for count in range(sessions):
                try:
                    # Servers before 0.11 say that they are full when they are asked something.
                    opened.enter_context(self.session()).begin()
                except SessionCapacityError:
                    return count
        return sessions

    def client(self) -> EnvClient[Fields, Fields, Fields]:
        """Return a client of the server."""
        return _AnswerClient(base_url=self.url)

    def told_schemas(self) -> Mapping[str, Any]:
        """Return what `GET /schema` says."""
        return {name.removesuffix("_schema"): each for name, each in self.told.items() if name.endswith("_schema")}

    def told_metadata(self) -> Mapping[str, Any]:
        """Return what `GET /metadata` says."""
        return self.told

    def takes(self, action: Fields) -> bool:
        """Tell that it is not known."""
        return True
