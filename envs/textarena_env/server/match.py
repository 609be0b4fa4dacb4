"""A game that is being played."""

import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from textarena_env.models import TextArenaMessage
from textarena_env.server.chance import Chance
from textarena_env.server.library import make_game

__all__ = ["Match"]

_REASON = re.compile(r"invalid move\. Reason: (.*?)\s*Please resubmit", re.DOTALL)
_PROMPT = "PROMPT"
_OF_ONE_SECRET_WORD = ("Hangman-", "Wordle-")


class Match:
    """A game between numbered players, who speak one at a time.

    Args:
        env_id: The game's name.
        num_players: How many play.
        seed: What the game follows from.
        is_secret: Which words may be the secret one, in Wordle and Hangman; `None` for all.

    Raises:
        ValueError: So many cannot play it.
    """

    def __init__(
        self, env_id: str, num_players: int, seed: int, is_secret: Callable[[str], bool] | None = None
    ) -> None:
        self.chance = Chance(seed)
        self._prompts: dict[int, str] = {}
        self._is_over = False
        with self.chance.drawn():
            self._game = make_game(env_id)
            self._order_words(is_secret if env_id.startswith(_OF_ONE_SECRET_WORD) else None)
            try:
                self._game.reset(num_players=num_players, seed=seed)
            except Exception as error:
                raise ValueError(f"{num_players} cannot play {env_id!r}: {type(error).__name__}: {error}") from error

    @property
    def current_player(self) -> int:
        """The player whose turn it is."""
        return int(self._game.state.current_player_id)

    @property
    def is_over(self) -> bool:
        """Whether the game has ended."""
        return self._is_over

    @property
    def turn(self) -> int:
        """How many turns the game counts."""
        return int(getattr(self._game.state, "turn", 0))

    @property
    def rewards(self) -> dict[int, float]:
        """What each player gets; empty while the game goes on, or where it gives none."""
        given = self._game.state.rewards if self._is_over else None
        return {int(player): _number(reward) for player, reward in (given or {}).items()}

    @property
    def info(self) -> dict[str, Any]:
        """What the game tells of each player, by number."""
        return {str(player): dict(told) for player, told in self._game.state.game_info.items()}

    @property
    def game_state(self) -> dict[str, Any]:
        """What the game keeps, secrets and all."""
        return dict(self._game.state.game_state or {})

    def say(self, message: str) -> str:
        """Make the current player's move; return why it was not valid, and nothing where it was.

        Args:
            message: What the player says.
        """
        player, state = self.current_player, self._game.state
        seen = len(state.logs)
        with self.chance.drawn():
            try:
                done, _ = self._game.step(message)
            except Exception as error:  # noqa: BLE001 - what a game cannot read is a move that it does not allow
                state.set_invalid_move(reason=f"The game cannot read it ({type(error).__name__}: {error}).")
                done, _ = state.step()
        self._is_over = bool(done)
        if self._is_over and state.game_info.get(player, {}).get("invalid_move"):
            return str(state.game_info[player].get("reason", "")) or "invalid move"
        reasons = [_REASON.search(str(text)) for sender, text in state.logs[seen:] if sender != player]
        return next((found[1] for found in reasons if found), "")

    def read(self, player: int) -> list[TextArenaMessage]:
        """Return what a player has not read yet.

        Args:
            player: The player's number.
        """
        unread = self._game.state.observations.get(player, [])
        self._game.state.observations[player] = []
        messages = [_message(parts) for parts in unread]
        prompts = [message.content for message in messages if message.category == _PROMPT]
        if prompts:
            self._prompts[player] = "\n".join([self._prompts[player], *prompts] if player in self._prompts else prompts)
        return [message for message in messages if message.category != _PROMPT]

    def prompt_of(self, player: int) -> str:
        """Return the rules as a player has read them.

        Args:
            player: The player's number.
        """
        return self._prompts.get(player, "")

    def outcome_for(self, player: int) -> str:
        """Return why the game ended, as it tells a player.

        Args:
            player: The player's number.
        """
        return str(self._game.state.game_info.get(player, {}).get("reason") or "") if self._is_over else ""

    def _order_words(self, is_secret: Callable[[str], bool] | None) -> None:
        game = self._game
        while hasattr(game, "env"):
            game = game.env
        if hasattr(game, "word_list"):
            # Some come out of a set, whose order differs from process to process.
            game.word_list = sorted(word for word in game.word_list if is_secret is None or is_secret(word))


def _message(parts: tuple[Any, ...]) -> TextArenaMessage:
    """Return a message of the game. Some games give its parts in an order of their own."""
    kinds = [part.name for part in parts if isinstance(part, Enum)]
    senders = [part for part in parts if isinstance(part, int)]
    texts = [part for part in parts if isinstance(part, str)]
    return TextArenaMessage(
        sender_id=senders[0] if senders else -1,
        content=texts[0] if texts else "",
        category=kinds[0] if kinds else "GAME_MESSAGE",
    )


def _number(reward: Any) -> float:
    """Return a reward. Some games have the reason of an invalid move in its place: it costs what it does elsewhere."""
    return -1.0 if isinstance(reward, str) else float(reward)
