"""Good environments of other kinds: coroutine functions, arrays and bytes, one thread, few actions, tools alone."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from openenv import Environment, State
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.types import Action, Observation
from tests.core.fastmcp_import import import_fastmcp

__all__ = ["Asynchronous", "Choosy", "EndsAtOnce", "OneThread", "ToolsAlone"]


class Draw(Action):
    """Draws on a picture."""

    brush: NDArray[np.float64] = Field(description="Its shape.")
    colour: bytes = Field(default=b"", description="Its colour.")


class Picture(Observation):
    pixels: NDArray[np.uint8]
    colour: bytes = b"\xff\x00"


class Asynchronous(Environment[Draw, Picture, State]):
    """Draws, and lets others have their turn."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        self.current = State()
        self.chance = np.random.default_rng(0)

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Picture:
        raise NotImplementedError

    def step(self, action: Draw, timeout_s: float | None = None) -> Picture:
        raise NotImplementedError

    async def reset_async(self, seed: int | None = None, episode_id: str | None = None) -> Picture:
        await asyncio.sleep(0)
        self.current, self.chance = State(episode_id=episode_id), np.random.default_rng(seed)
        return self.drawn()

    async def step_async(self, action: Draw, timeout_s: float | None = None) -> Picture:
        await asyncio.sleep(0)
        self.current.step_count += 1
        return self.drawn()

    def drawn(self) -> Picture:
        return Picture(pixels=self.chance.integers(0, 256, (2, 3), dtype=np.uint8))

    @property
    def state(self) -> State:
        return self.current


class Row(Action):
    """Adds a row."""

    number: int = Field(description="What is in it.")


class Table(Observation):
    rows: int


class OneThread(Environment[Row, Table, State]):
    """Keeps rows in a database that wants one thread for everything."""

    SUPPORTS_CONCURRENT_SESSIONS = True
    REQUIRES_SINGLE_THREAD_EXECUTOR = True

    def __init__(self) -> None:
        self.current = State()
        self.database = sqlite3.connect(":memory:")
        self.database.execute("CREATE TABLE kept (number)")

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Table:
        self.current = State(episode_id=episode_id)
        self.database.execute("DELETE FROM kept")
        return Table(rows=0)

    def step(self, action: Row, timeout_s: float | None = None) -> Table:
        self.current.step_count += 1
        self.database.execute("INSERT INTO kept VALUES (?)", (action.number,))
        [[rows]] = self.database.execute("SELECT count(*) FROM kept")
        return Table(rows=rows, done=rows >= 4)

    @property
    def state(self) -> State:
        return self.current

    def close(self) -> None:
        self.database.close()


class Multiple(Action):
    """A number that few numbers are."""

    number: int = Field(ge=0, le=10**6, description="A multiple of 97.")

    @model_validator(mode="after")
    def divide(self) -> Multiple:
        if self.number % 97:
            raise ValueError(f"{self.number} is no multiple of 97")
        return self


class Taken(Observation):
    text: str = ""


class Choosy(Environment[Multiple, Taken, State]):
    """Takes few of the actions that its schema describes, and answers at length."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self.current = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Taken:
        self.current = State(episode_id=episode_id)
        return Taken(text="x" * 10**6)

    def step(self, action: Multiple, timeout_s: float | None = None) -> Taken:
        self.current.step_count += 1
        return Taken(text="y" * 10**6, done=self.current.step_count >= 3)

    @property
    def state(self) -> State:
        return self.current


class EndsAtOnce(Environment[Row, Taken, State]):
    """Asks once, and takes no second answer."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self.current = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Taken:
        self.current = State(episode_id=episode_id)
        return Taken()

    def step(self, action: Row, timeout_s: float | None = None) -> Taken:
        if self.current.step_count:
            raise RuntimeError("the episode is over")
        self.current.step_count += 1
        return Taken(done=True, reward=1.0)

    @property
    def state(self) -> State:
        return self.current


class ToolsAlone(MCPEnvironment):
    """Has the tools of a server, and no actions of its own."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        server = import_fastmcp().FastMCP("tools alone")

        def double(number: int) -> int:
            """Double a number."""
            return 2 * number

        server.tool(double)
        super().__init__(server)
        self.current = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Observation:
        self.current = State(episode_id=episode_id)
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        raise ValueError("there is nothing to do but to call tools")

    @property
    def state(self) -> State:
        return self.current
