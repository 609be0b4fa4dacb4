"""The TextArena environment itself."""

import json
import os
import random
from functools import partial
from typing import Annotated, Any, Literal, cast
from uuid import uuid4

from pydantic import Field

from openenv import Environment, tool
from openenv.core.exceptions import ConfigurationError
from textarena_env.models import (
    OpponentName,
    TextArenaAction,
    TextArenaMessage,
    TextArenaObservation,
    TextArenaState,
)
from textarena_env.server.games import facts_of, games
from textarena_env.server.match import Match
from textarena_env.server.opponents import random_move
from textarena_env.server.rewards import TextArenaRubric
from textarena_env.server.tasks import count_tasks, is_word_of, splits, task_at
from textarena_env.server.wordle import feedback_of

__all__ = ["TextArenaEnvironment"]

_MOST_SEED = 2**32
_MOST_TURNS = 500
_MOST_REPLIES = 1000
_SETTING = "TEXTARENA_ENV_ID"
_DEFAULT = "Wordle-v0"


class TextArenaEnvironment(Environment[TextArenaAction, TextArenaObservation, TextArenaState]):
    """Plays a game of TextArena: Wordle, unless another is wanted."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, env_id: str | None = None) -> None:
        super().__init__(rubric=TextArenaRubric(), report_scores=True)
        self._env_id = env_id or os.environ.get(_SETTING) or _DEFAULT
        try:
            facts_of(self._env_id)
        except ValueError as error:
            raise ConfigurationError(f"{error} (see {_SETTING})") from error
        self._match: Match | None = None
        self._state = TextArenaState()
        self._read: dict[int, list[TextArenaMessage]] = {}
        self._is_over = True

    def list_splits(self) -> list[dict[str, str]]:
        """Return `train` and `test`, and both of each game, such as `train/Hangman-v0`."""
        return splits()

    def num_tasks(self, split: str) -> int:
        """Return how many games a split has."""
        return count_tasks(split)

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """Return the name and the seed of a game."""
        return task_at(split, index, self._env_id)

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        env_id: str | None = None,
        num_players: Annotated[int, Field(ge=1, le=15)] | None = None,
        opponent: OpponentName = "random",
        agent_id: Annotated[int, Field(ge=0)] = 0,
        history: bool = True,
        max_turns: Annotated[int, Field(ge=1, le=10_000)] = _MOST_TURNS,
        task: dict[str, Any] | None = None,
    ) -> TextArenaObservation:
        """Begin a game.

        Args:
            seed: What it follows from; `None` for chance, which the state tells. A task has its own.
            episode_id: The episode's name; `None` to choose one.
            env_id: The game's name in TextArena; by default the server's, which is Wordle unless it is set.
            num_players: How many play; as few as can by default.
            opponent: Who plays the others: `random`, who makes valid moves, or `self`, the agent, in turn.
            agent_id: The player who the agent is.
            history: Whether observations have all that the player has read, or what is new.
            max_turns: After how many moves of the agent the episode ends, if the game has not.
            task: A task, as `get_task` has it, in place of `seed` and `env_id`.

        Raises:
            ValueError: There is no such game, or so many cannot play it.
        """
        words = None
        if task is not None:
            env_id, seed, words = _read_task(task)
        facts = facts_of(env_id or self._env_id)
        num_players = num_players or facts.fewest_players
        if not facts.fewest_players <= num_players <= facts.most_players:
            wanted = f"{facts.fewest_players} to {facts.most_players}"
            raise ValueError(f"expected num_players of {facts.env_id!r} as {wanted}, got {num_players}")
        if agent_id >= num_players:
            raise ValueError(f"expected agent_id below {num_players}, the number of players, got {agent_id}")
        seed = random.randrange(_MOST_SEED) if seed is None else seed  # noqa: S311
        self._match = Match(facts.env_id, num_players, seed, partial(is_word_of, words) if words else None)
        self._keeps_history, self._max_turns = history, max_turns
        self._read = {}
        self._reset_rubric()
        self._state = TextArenaState(
            episode_id=episode_id or uuid4().hex,
            env_id=facts.env_id,
            num_players=num_players,
            agent_id=agent_id,
            opponent=opponent,
            seed=seed,
        )
        self._is_over = self._let_others_play(self._match)
        return self._observation(self._match, self._player(self._match))

    def step(self, action: TextArenaAction, timeout_s: float | None = None) -> TextArenaObservation:
        """Make a move, and let the others reply.

        Raises:
            RuntimeError: No game has begun, or it is over.
        """
        if self._match is None or self._is_over:
            raise RuntimeError("no game is being played: reset begins one")
        match = self._match
        mover = self._player(match)
        self._state.step_count += 1
        error = match.say(action.message)
        self._is_over = self._let_others_play(match) or self._state.step_count >= self._max_turns
        observation = self._observation(match, mover if self._is_over else self._player(match))
        observation.error = error
        observation.reward = self._apply_rubric(action, observation)
        return observation

    @property
    def state(self) -> TextArenaState:
        """Return where the game stands."""
        if self._match is None:
            return self._state
        info = json.loads(json.dumps(self._match.info, default=str)) if self._is_over else {}
        return self._state.model_copy(update={"turn": self._match.turn, "info": info})

    @tool
    def list_games(self) -> dict[str, list[int]]:
        """Return the games by name, each with how many play it at least and at most."""
        return {name: [facts.fewest_players, facts.most_players] for name, facts in games().items()}

    def _player(self, match: Match) -> int:
        return match.current_player if self._state.opponent == "self" else self._state.agent_id

    def _let_others_play(self, match: Match) -> bool:
        """Play until it is the agent's turn; return whether the game is over."""
        for _ in range(_MOST_REPLIES):
            if match.is_over or match.current_player == self._player(match):
                return match.is_over
            player = match.current_player
            self._hear(match, player)
            match.say(random_move(match, self._read[player]))
        return True

    def _hear(self, match: Match, player: int) -> list[TextArenaMessage]:
        new = match.read(player)
        self._read.setdefault(player, []).extend(new)
        return new

    def _observation(self, match: Match, player: int) -> TextArenaObservation:
        new = self._hear(match, player)
        return TextArenaObservation(
            prompt=match.prompt_of(player),
            messages=list(self._read[player]) if self._keeps_history else new,
            current_player_id=player,
            legal_players=[] if self._is_over else [player],
            rewards={str(who): reward for who, reward in match.rewards.items()},
            outcome=self._outcome(match, player),
            wordle=feedback_of(match) if self._state.env_id.startswith("Wordle-") else None,
            done=self._is_over,
        )

    def _outcome(self, match: Match, player: int) -> str:
        if match.is_over or not self._is_over:
            return match.outcome_for(player)
        return f"the episode ends after {self._max_turns} moves"


def _read_task(task: dict[str, Any]) -> tuple[str, int, Literal["train", "test"] | None]:
    env_id, seed, words = task.get("env_id"), task.get("seed"), task.get("words")
    if not isinstance(env_id, str) or not isinstance(seed, int) or words not in ("train", "test", None):
        raise ValueError(f"expected task as get_task has it, with env_id and seed; got {task!r}")
    return env_id, seed, cast("Literal['train', 'test'] | None", words)
