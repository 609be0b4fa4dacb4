"""Plays the games of OpenSpiel."""

import os
import random
from collections.abc import Mapping
from typing import Annotated
from uuid import uuid4

from pydantic import Field

from openenv import Environment
from openenv.core.exceptions import ConfigurationError, InvalidRequestError
from openspiel_env.models import (
    GamePhase,
    OpenSpielAction,
    OpenSpielObservation,
    OpenSpielState,
    OpponentPolicy,
    Parameter,
    Seat,
)
from openspiel_env.server.games import Game, load_game
from openspiel_env.server.match import Match, info_state_shape
from openspiel_env.server.opponents import make_opponent
from openspiel_env.server.parameters import checked_parameters
from openspiel_env.server.rewards import GainedReturn
from openspiel_env.server.settings import OpenSpielSettings

__all__ = ["OpenSpielEnvironment"]

_MOST_ILLEGAL_ACTIONS = 10
_SEED_BITS = 31


class OpenSpielEnvironment(Environment[OpenSpielAction, OpenSpielObservation, OpenSpielState]):
    """Board and card games of OpenSpiel: against an opponent, alone, or both sides in turn."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, settings: OpenSpielSettings | None = None) -> None:
        """Begin a game as the settings say.

        Args:
            settings: What to play where a reset does not say; by default what environment variables say.

        Raises:
            ConfigurationError: That cannot be played.
        """
        self._settings = settings or OpenSpielSettings.from_environ(os.environ)
        self._gain = GainedReturn()
        super().__init__(rubric=self._gain)
        self.reset()

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        game_name: str | None = None,
        game_params: dict[str, Parameter] | None = None,
        agent_player: Seat | None = None,
        opponent_policy: OpponentPolicy | None = None,
        simulations: Annotated[int, Field(ge=1, le=1000)] = 100,
    ) -> OpenSpielObservation:
        """Begin a game. Where chance or opponents are to move, they do.

        Args:
            seed: What chance and the opponents' actions follow from; `None` for chance itself.
            episode_id: The game's name; `None` to choose one.
            game_name: The game, as OpenSpiel calls it; by default the server's, as with what follows.
            game_params: Its parameters, as far as clients may choose them.
            agent_player: The player that the agent is, from 0 on; `both` to play all of them in turn.
            opponent_policy: How the others play: `random`, `first` or `last` of the legal actions, `mcts`, or `minimax`
                for small games that hide nothing.
            simulations: How many games `mcts` plays out for each action.

        Raises:
            InvalidRequestError: There is no such game or player, or it cannot be played so.
        """
        chance = random.Random(seed)  # noqa: S311
        name = game_name or self._settings.game_name
        parameters = self._parameters(name, game_params)
        policy = opponent_policy or self._settings.opponent_policy
        game = self._game(name, parameters, chance.getrandbits(_SEED_BITS))
        seat = self._seat(game, agent_player, name)
        opponent = make_opponent(policy if game.num_players() > 1 else "random", game, chance, simulations)
        self._match = Match(game, seat, opponent, chance)
        self._state = _state_of(game, name, parameters, seat, policy, episode_id)
        self._reset_rubric()
        observation = self._observation()
        if observation.done:
            observation.reward = observation.returns[self._match.player]
        return observation

    def step(self, action: OpenSpielAction, timeout_s: float | None = None) -> OpenSpielObservation:
        """Take an action, and let chance and the opponents move.

        Raises:
            RuntimeError: The game is over.
        """
        match = self._match
        if match.is_over:
            raise RuntimeError("the game is over: reset begins another")
        self._gain.player = match.player
        self._state.step_count += 1
        try:
            chosen = _chosen(match.legal_actions(), action)
        except ValueError as error:
            observation = self._refusal(str(error))
        else:
            match.play(chosen)
            observation = self._observation()
        observation.reward = self._apply_rubric(action, observation)
        return observation

    @property
    def state(self) -> OpenSpielState:
        """Return which game is played, and where it stands."""
        return self._state

    def _parameters(self, name: str, given: Mapping[str, Parameter] | None) -> dict[str, Parameter]:
        """Return the parameters of a game: the server's own where it is its game, and those that were given."""
        own = self._settings.game_params if name == self._settings.game_name else {}
        return {**own, **checked_parameters(name, given or {})}

    def _game(self, name: str, parameters: Mapping[str, Parameter], seed: int) -> Game:
        try:
            return load_game(name, parameters, seed)
        except ConfigurationError as error:
            raise InvalidRequestError(str(error)) from error

    def _seat(self, game: Game, wanted: Seat | None, name: str) -> Seat:
        seat = self._settings.agent_player if wanted is None else wanted
        if seat == "both" or 0 <= seat < game.num_players():
            return seat
        if wanted is None and name != self._settings.game_name:
            # The server's seat is meant for the server's game.
            return 0
        raise InvalidRequestError(
            f"expected a number from 0 to {game.num_players() - 1}, or both, as agent_player of {name}, got {seat}"
        )

    def _refusal(self, error: str) -> OpenSpielObservation:
        self._state.illegal_actions += 1
        if self._state.illegal_actions >= _MOST_ILLEGAL_ACTIONS:
            self._match.forfeit()
        observation = self._observation(error)
        return observation.model_copy(update={"opponent_last_action": None, "opponent_actions": []})

    def _observation(self, error: str = "") -> OpenSpielObservation:
        match, legal = self._match, self._match.legal_actions()
        replies = match.replies if match.hides_nothing else []
        return OpenSpielObservation(
            info_state=match.info_state(),
            observation_tensor=match.observation_tensor(),
            legal_actions=list(legal),
            legal_action_texts=list(legal.values()),
            game_phase=self._phase(),
            current_player_id=match.current_player,
            opponent_last_action=replies[-1][0] if replies else None,
            opponent_actions=[text for _, text in replies],
            observation_string=match.observation_string(),
            information_state_string=match.information_state_string(),
            returns=match.returns,
            error=error,
            done=match.is_over,
        )

    def _phase(self) -> GamePhase:
        if self._match.is_over:
            return "terminal"
        return "playing" if self._state.step_count else "initial"


def _state_of(
    game: Game, name: str, parameters: dict[str, Parameter], seat: Seat, policy: OpponentPolicy, episode_id: str | None
) -> OpenSpielState:
    return OpenSpielState(
        episode_id=episode_id or uuid4().hex,
        game_name=name,
        game_params=parameters,
        agent_player=seat,
        opponent_policy=policy,
        num_players=game.num_players(),
        num_distinct_actions=game.num_distinct_actions(),
        info_state_shape=info_state_shape(game),
        min_return=game.min_utility(),
        max_return=game.max_utility(),
    )


def _chosen(legal: Mapping[int, str], action: OpenSpielAction) -> int:
    """Return the number of the legal action that is meant.

    Raises:
        ValueError: None is, or two are.
    """
    text = action.action.strip()
    if (action.action_id is None) == (not text):
        raise ValueError("expected either action_id or action, one of legal_actions or of legal_action_texts")
    if action.action_id is not None:
        if action.action_id not in legal:
            raise ValueError(f"{action.action_id} is no legal action: take one of legal_actions")
        return action.action_id
    named = [number for number, told in legal.items() if told.strip().casefold() == text.casefold()]
    exact = [number for number in named if legal[number].strip() == text]
    if not named and text.isdecimal() and int(text) in legal:
        return int(text)
    if not named:
        raise ValueError(f"{text!r} is no legal action: take one of legal_action_texts")
    return (exact or named)[0]
