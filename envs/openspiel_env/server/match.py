"""One game, as it is played by an agent and its opponents."""

import random

import numpy as np
from numpy.typing import NDArray

from openspiel_env.models import Seat
from openspiel_env.server.games import PERFECT_INFORMATION, Game
from openspiel_env.server.opponents import Opponent, sample_chance

__all__ = ["Match", "info_state_shape"]


class Match:
    """A game from its beginning to its end; it stops wherever the agent is to move.

    Attributes:
        replies: What the opponents have done since the agent's last action, as numbers and texts.
        is_forfeited: Whether the agent lost it by actions that are not legal.
    """

    def __init__(self, game: Game, seat: Seat, opponent: Opponent, chance: random.Random) -> None:
        """Begin a game.

        Args:
            game: What is played.
            seat: The agent's player, or `both`.
            opponent: Who plays the others.
            chance: What chance draws from.
        """
        self.is_forfeited = False
        self.replies: list[tuple[int, str]] = []
        self._kind = game.get_type()
        self._game = game
        self._seat = seat
        self._opponent = opponent
        self._chance = chance
        self._returns: list[float] | None = None
        self._state = game.new_initial_state()
        self._watcher = 0 if seat == "both" else seat
        self._go_on()

    @property
    def is_over(self) -> bool:
        """Return whether the game has ended."""
        return self.is_forfeited or bool(self._state.is_terminal())

    @property
    def player(self) -> int:
        """Return whose view is shown: the player's who is to move, at the end the agent's."""
        return self._watcher

    @property
    def current_player(self) -> int:
        """Return who is to move, as OpenSpiel numbers them; -4 at the end."""
        return -4 if self.is_over else int(self._state.current_player())

    @property
    def returns(self) -> list[float]:
        """Return what each player has got so far."""
        # Nothing is never less than nothing.
        return self._returns or [float(each) + 0.0 for each in self._state.returns()]

    @property
    def hides_nothing(self) -> bool:
        """Return whether every player sees all that is done."""
        return bool(self._kind.information == PERFECT_INFORMATION)

    def legal_actions(self) -> dict[int, str]:
        """Return what the agent may do, by number, with what it means."""
        if self.is_over:
            return {}
        player = self._state.current_player()
        return {int(each): str(self._state.action_to_string(player, each)) for each in self._state.legal_actions()}

    def play(self, action: int) -> None:
        """Do one of the legal actions for the agent, and go on until it is to move again."""
        self._state.apply_action(action)
        self.replies = []
        self._go_on()

    def forfeit(self) -> None:
        """End the game as lost for the player who is to move: with the least that it can get."""
        returns, least = self.returns, float(self._game.min_utility())
        loser = self.player
        returns[loser] = least
        if len(returns) == 2 and self._game.utility_sum() == 0:
            returns[1 - loser] = -least
        self._returns = returns
        self.is_forfeited = True

    def observation_string(self) -> str:
        """Return what the player sees, as text; what there is for all where the game hides nothing."""
        if self._kind.provides_observation_string:
            return str(self._state.observation_string(self.player))
        return str(self._state) if self.hides_nothing else ""

    def information_state_string(self) -> str:
        """Return what the player knows, as text; empty where the game does not tell."""
        known = self._kind.provides_information_state_string
        return str(self._state.information_state_string(self.player)) if known else ""

    def observation_tensor(self) -> NDArray[np.float32] | None:
        """Return what the player sees, in the game's shape; `None` where the game does not tell."""
        if not self._kind.provides_observation_tensor:
            return None
        tensor = np.asarray(self._state.observation_tensor(self.player), np.float32)
        shape: list[int] = self._game.observation_tensor_shape()
        return tensor.reshape(shape)

    def info_state(self) -> NDArray[np.float32]:
        """Return what the player knows, flat; what it sees where the game tells no more."""
        if self._kind.provides_information_state_tensor:
            return np.asarray(self._state.information_state_tensor(self.player), np.float32)
        seen = self.observation_tensor()
        return np.zeros(0, np.float32) if seen is None else seen.ravel()

    def _go_on(self) -> None:
        state = self._state
        while not state.is_terminal():
            if state.is_chance_node():
                state.apply_action(sample_chance(state, self._chance))
                continue
            player = int(state.current_player())
            if self._seat in ("both", player):
                self._watcher = player
                return
            action = self._opponent(state)
            self.replies.append((action, str(state.action_to_string(player, action))))
            state.apply_action(action)


def info_state_shape(game: Game) -> list[int]:
    """Return the shape that `Match.info_state` is flat of."""
    kind = game.get_type()
    if kind.provides_information_state_tensor:
        return [int(length) for length in game.information_state_tensor_shape()]
    return [int(length) for length in game.observation_tensor_shape()] if kind.provides_observation_tensor else [0]
