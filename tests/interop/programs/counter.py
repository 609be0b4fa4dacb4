"""Counting to ten: environments as they are written for openenv 0.10, none of them parametrised."""

# ruff: noqa: UP045  # typed as published code is
# mypy: disable-error-code="type-arg"

from typing import Any, Optional

from pydantic import BaseModel, Field

from openenv.core.env_server import Action, Environment, Observation, State, create_app

LIMIT = 10


class Move(Action):
    text: str
    amount: int = 1


class Past(BaseModel):
    text: str
    amount: int


class Board(Observation):
    heard: str = ""
    total: int = 0
    history: list[Past] = Field(default_factory=list)


class CounterState(State):
    total: int = 0


class CounterEnvironment(Environment):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = CounterState(episode_id="unset")
        self._history: list[Past] = []

    def reset(self, seed: Optional[int] = None, episode_id: Optional[str] = None, **kwargs: Any) -> Board:
        self._state = CounterState(episode_id=episode_id or "chosen here", total=kwargs.get("start", 0))
        self._history = []
        board = Board(heard="ready", total=self._state.total)
        if seed is not None:
            board.metadata = {"seed": seed}
        return board

    def step(self, action: Move, timeout_s: Optional[float] = None, **kwargs: Any) -> Board:
        total = self._state.total + action.amount
        if total > LIMIT:
            raise ValueError(f"no room above {LIMIT}")
        self._state.step_count += 1
        self._state.total = total
        self._history.append(Past(text=action.text, amount=action.amount))
        board = Board(heard=action.text, total=total, history=self._history)
        board.reward = float(action.amount)
        board.done = total == LIMIT
        return board

    @property
    def state(self) -> CounterState:
        return self._state


class BareEnvironment(Environment):
    """Takes no arguments that it does not need, and never calls the base class's constructor."""

    def __init__(self) -> None:
        self.total = 0

    def reset(self) -> Board:  # type: ignore[override]
        self.total = 0
        return Board(heard="bare")

    def step(self, action: Move) -> Board:  # type: ignore[override]
        self.total += action.amount
        return Board(heard=action.text, total=self.total, reward=self.total)

    @property
    def state(self) -> State:
        return State(episode_id="bare", step_count=self.total)


class AsyncEnvironment(CounterEnvironment):
    """Overrides the coroutines alone; the plain methods would fail."""

    async def reset_async(
        self,
        seed: Optional[int] = None,
        episode_id: Optional[str] = None,
        **kwargs: Any,
    ) -> Board:
        return CounterEnvironment.reset(self, seed=seed, episode_id=episode_id, **kwargs)

    async def step_async(self, action: Move, timeout_s: Optional[float] = None, **kwargs: Any) -> Board:
        return CounterEnvironment.step(self, action, timeout_s=timeout_s, **kwargs)

    def reset(self, seed: Optional[int] = None, episode_id: Optional[str] = None, **kwargs: Any) -> Board:
        raise NotImplementedError("reset_async should have been called")

    def step(self, action: Move, timeout_s: Optional[float] = None, **kwargs: Any) -> Board:
        raise NotImplementedError("step_async should have been called")


class BrokenEnvironment(CounterEnvironment):
    def __init__(self) -> None:
        raise OSError("the board is missing")


app = create_app(CounterEnvironment, Move, Board, env_name="counter", max_concurrent_envs=16)
async_app = create_app(AsyncEnvironment, Move, Board, env_name="async_counter", max_concurrent_envs=4)
bare_app = create_app(BareEnvironment, Move, Board, env_name="bare")
solo_app = create_app(CounterEnvironment, Move, Board, "solo", 1)
broken_app = create_app(BrokenEnvironment, Move, Board, env_name="broken")
factory_app = create_app(lambda: CounterEnvironment(), Move, Board, env_name="made")
production_app = create_app(CounterEnvironment, Move, Board, env_name="production", mode="production")
