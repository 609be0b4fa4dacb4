"""Faults of environments, one for each class; all else is as it should be."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, ClassVar, Literal

from pydantic import Field, field_serializer, model_validator

from openenv import EnvClient, Environment, State
from openenv.core.env_server.mcp_types import (
    CallToolObservation,
    ListToolsObservation,
    Tool,
    ToolError,
    ToolErrorType,
)
from openenv.core.env_server.types import Action, EnvironmentMetadata, Observation
from tests.testing.walk_environment import LONGEST, Place, TaskedWalk, Walk, WalkAction, WalkObservation


class Shapeless(WalkAction):
    steps: int = Field(description="Any.", json_schema_extra={"type": "whole number"})


class Undescribed(Action):
    steps: int = Field(ge=-3, le=3)


class Careless(WalkAction, extra="ignore"):
    pass


class Picky(WalkAction):
    @model_validator(mode="after")
    def refuse(self) -> Picky:
        raise ValueError("not today")


class Touchy(WalkAction):
    """Leaves a mark where what it is made of is wrong."""

    touched: ClassVar[list[object]] = []

    @model_validator(mode="before")
    @classmethod
    def touch(cls, data: Any) -> Any:
        if not isinstance(data, dict) or set(data) != {"steps"}:
            cls.touched.append(data)
        return data


class Wide(WalkObservation):
    height: int = 1


class Growing(WalkObservation):
    @field_serializer("position")
    def one_more(self, position: int) -> int:
        return position + 1


class NoEnvironment:
    pass


def no_environment() -> Any:
    return NoEnvironment()


class Unmade(Walk):
    def __init__(self) -> None:
        raise OSError("no disk")


class Nameless(Walk):
    def get_metadata(self) -> EnvironmentMetadata:
        return EnvironmentMetadata(name="", description="", version="1")


class Undocumented(Walk):
    pass


class DoneAtOnce(Walk):
    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        return super().reset(seed, episode_id).model_copy(update={"done": True})


class Unstarting(Walk):
    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        raise RuntimeError("the disk is full")


class Anonymous(Walk):
    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        return super().reset(seed)


class Swallowing(Walk):
    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> WalkObservation:
        return super().reset(seed, episode_id)


class Raising(Walk):
    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        if action.steps < 0:
            raise ValueError("cannot walk backwards")
        return super().step(action)


class Widening(Walk):
    def seen(self) -> WalkObservation:
        return Wide(position=1, target=2)


class Costly(Walk):
    def seen(self) -> WalkObservation:
        return WalkObservation(position=1, target=2, reward=float("nan"))


class NamedPlace(State):
    position: str = "here"


class SeldomWide(Walk):
    """Answers with another class only where it seldom comes."""

    def seen(self) -> WalkObservation:
        seen = super().seen()
        return Wide(position=seen.position, target=seen.target, done=seen.done) if seen.position >= 12 else seen


class Elsewhere(Walk):
    @property
    def state(self) -> Place:
        return NamedPlace(step_count=self.current.step_count)  # type: ignore[return-value]  # the fault


class Restless(Walk):
    @property
    def state(self) -> Place:
        self.current.position += 1
        return self.current


class Uncounted(Walk):
    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        seen = super().step(action)
        self.current.step_count = 0
        return seen


class Marked(Walk):
    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        Touchy.touched.clear()
        return super().reset(seed, episode_id)

    def seen(self) -> WalkObservation:
        return super().seen().model_copy(update={"position": len(Touchy.touched)})


class Lingering(Walk):
    """Begins where the last episode ended."""

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        before = self.current.position
        super().reset(seed, episode_id)
        self.current.position = before
        return self.seen()


class Finished(Walk):
    """Stays done once it was."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = False

    def seen(self) -> WalkObservation:
        seen = super().seen()
        self.is_over = self.is_over or seen.done
        return seen.model_copy(update={"done": self.is_over})


class Endless(Walk):
    """Goes on after the end."""

    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        seen = super().step(action)
        return seen.model_copy(update={"done": self.current.step_count == LONGEST})


class OnceSeeded(Walk):
    """Draws on from where the last episode ended."""

    def __init__(self) -> None:
        super().__init__()
        self.targets = itertools.count(20)

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        super().reset(seed, episode_id)
        self.target = next(self.targets)
        return self.seen()


class SeldomSeeded(Walk):
    """Is over at once, and seldom shows that it draws on from where the last episode ended."""

    def __init__(self) -> None:
        super().__init__()
        self.targets = itertools.chain([20] * 5, itertools.repeat(21))

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        super().reset(seed, episode_id)
        self.target = next(self.targets)
        return self.seen()

    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        seen = super().step(action)
        seen.done = True
        return seen


class Chancy(Walk):
    """Is another one each time that it is made."""

    made = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.number = next(self.made)

    def seen(self) -> WalkObservation:
        return super().seen().model_copy(update={"target": self.number})


class Shared(Walk):
    """Keeps where it stands with all others."""

    places: ClassVar[dict[str, int]] = {}

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        self.places["walk"] = 0
        return super().reset(seed, episode_id)

    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        super().step(action)
        self.places["walk"] += action.steps
        return self.seen()

    def seen(self) -> WalkObservation:
        return super().seen().model_copy(update={"position": self.places["walk"]})


class Inherited(Shared):
    """Has one session at a time, and leaves the next one what it was told."""

    SUPPORTS_CONCURRENT_SESSIONS = False

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        # Every episode begins at the highest seed that there was.
        self.places["walk"] = max(self.places.get("walk", 0), seed or 0)
        return Walk.reset(self, seed, episode_id)

    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        return Walk.step(self, action)


class SharedCount(Walk):
    """Counts the steps of all sessions together, and shows nothing of it."""

    counted = Place()

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        seen = super().reset(seed, episode_id)
        self.counted.step_count, self.counted.episode_id = 0, episode_id
        return seen

    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        self.counted.step_count += 1
        return super().step(action)

    @property
    def state(self) -> Place:
        return self.counted


class Crowded(Walk):
    """Takes nine at a time."""

    seats = threading.Semaphore(9)

    def __init__(self) -> None:
        super().__init__()
        self.is_seated = False

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        if not self.seats.acquire(blocking=False):
            raise RuntimeError("no seat is left")
        self.is_seated = True
        return super().reset(seed, episode_id)

    def close(self) -> None:
        if self.is_seated:
            self.seats.release()


class OtherObservation(Observation):
    position: int
    target: int


class OtherClient(EnvClient[WalkAction, OtherObservation, Place]):
    pass


class WrongStateClient(EnvClient[WalkAction, WalkObservation, State]):
    pass


class Unbegun(Walk):
    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        self.file = sys.stdout
        return super().reset(seed, episode_id)

    def close(self) -> None:
        self.file.flush()


class Unending(Walk):
    def close(self) -> None:
        if self.current.step_count:
            raise RuntimeError("an episode is not over")


LEFT: list[Any] = []


class LeavesThreads(Walk):
    def __init__(self) -> None:
        super().__init__()
        told = threading.Event()
        LEFT.append(told.set)
        threading.Thread(target=told.wait, name="nobody's", daemon=True).start()


class LeavesDirectories(Walk):
    def __init__(self) -> None:
        super().__init__()
        directory = tempfile.mkdtemp()
        LEFT.append(lambda: os.rmdir(directory))


class LeavesFiles(Walk):
    def __init__(self) -> None:
        super().__init__()
        file = open(__file__)  # noqa: SIM115 - the fault
        LEFT.append(file.close)


class LeavesProcesses(Walk):
    def __init__(self) -> None:
        super().__init__()
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        LEFT.append(process.communicate)


class ClosesTheLast(Walk):
    """Begins a thread with every episode, and ends one."""

    def __init__(self) -> None:
        super().__init__()
        self.told: threading.Event | None = None

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        self.told = told = threading.Event()
        LEFT.append(told.set)
        threading.Thread(target=told.wait, name="nobody's", daemon=True).start()
        return super().reset(seed, episode_id)

    def close(self) -> None:
        if self.told is not None:
            self.told.set()


class Blocking(Walk):
    """Waits where nobody else can go on meanwhile."""

    async def step_async(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        time.sleep(0.03)  # noqa: ASYNC251 - the fault
        return self.step(action)


class Pondering(Walk):
    """Says that it never waits, and does."""

    NON_BLOCKING = True

    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        time.sleep(0.03)
        return super().step(action)


class Roaming(Walk):
    """Goes where its files are."""

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        os.chdir(os.path.dirname(__file__))
        return super().reset(seed, episode_id)


class Announcing(Walk):
    """Tells all others where it stands."""

    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        os.environ["WALK_STEPS"] = str(self.current.step_count)
        return super().step(action)


class Hashed(Walk):
    """Shows what is another number in each process."""

    def seen(self) -> WalkObservation:
        return super().seen().model_copy(update={"target": hash("a walk")})


class Hoarding(Walk):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[bytes] = []

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        self.kept.append(bytes(10_000))
        return super().reset(seed, episode_id)


_TO = {"type": "object", "properties": {"to": {"type": "integer"}}}


class Shuffling(TaskedWalk):
    """Counts its tasks from the other end when it is asked for one of them."""

    def get_task(self, split: str, index: int) -> dict[str, int]:
        return self.list_tasks(split)[-1 - index]


class Boundless(TaskedWalk):
    """Has tasks beyond the last."""

    def num_tasks(self, split: str) -> int:
        return 2 if split == "short" else 0


class Untasked(TaskedWalk):
    """Has tasks, and no way to begin one."""

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:  # type: ignore[override]
        return Walk.reset(self, seed, episode_id)


class Wavering(TaskedWalk):
    """Begins a task as it happens to come."""

    resets = itertools.count()

    def seen(self) -> WalkObservation:
        return super().seen().model_copy(update={"position": next(self.resets)})


class OwnTools(Action):
    type: Literal["list_tools", "call_tool"] = "list_tools"
    tool_name: str = ""
    arguments: dict[str, Any] = Field(default_factory=dict)


class Toolbox(Environment[OwnTools, Observation, State]):
    """Answers for its tools itself, as environments did before there was @tool."""

    tools: ClassVar[list[Tool]] = [
        Tool(
            name="add", description="Adds.", input_schema={"type": "object", "properties": {"to": {"type": "integer"}}}
        )
    ]
    error: ClassVar[ToolErrorType | None] = None

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Observation:
        return Observation()

    def step(self, action: OwnTools, timeout_s: float | None = None) -> Observation:
        if action.type == "list_tools":
            return ListToolsObservation(tools=self.tools)
        if self.error is None:
            return CallToolObservation(tool_name=action.tool_name, result=1)
        return CallToolObservation(
            tool_name=action.tool_name, error=ToolError(error_type=self.error, message="not like that")
        )

    @property
    def state(self) -> State:
        return State()


class Unlisted(Toolbox):
    def step(self, action: OwnTools, timeout_s: float | None = None) -> Observation:
        raise RuntimeError("the tools are in the shed")


class TwiceNamed(Toolbox):
    tools: ClassVar[list[Tool]] = [*Toolbox.tools, *Toolbox.tools]


class ReservedName(Toolbox):
    tools: ClassVar[list[Tool]] = [Toolbox.tools[0].model_copy(update={"name": "reset"})]


class UndescribedTool(Toolbox):
    tools: ClassVar[list[Tool]] = [Toolbox.tools[0].model_copy(update={"description": " "})]


class ShapelessTool(Toolbox):
    tools: ClassVar[list[Tool]] = [Toolbox.tools[0].model_copy(update={"input_schema": {"type": "thing"}})]


class ListTool(Toolbox):
    tools: ClassVar[list[Tool]] = [Toolbox.tools[0].model_copy(update={"input_schema": {"type": "array"}})]


class RefusingTool(Toolbox):
    error = ToolErrorType.INVALID_ARGS


class FailingTool(Toolbox):
    error = ToolErrorType.EXECUTION_ERROR


_one = Walk()


def the_same_one() -> Walk:
    return _one
