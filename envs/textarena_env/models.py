"""What the TextArena environment takes, and what it answers."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from openenv import Action, Observation, State

__all__ = [
    "LetterMark",
    "OpponentName",
    "TextArenaAction",
    "TextArenaMessage",
    "TextArenaObservation",
    "TextArenaState",
    "WordleFeedback",
    "WordleGuess",
]

OpponentName = Literal["random", "self"]
LetterMark = Literal["green", "yellow", "gray"]


class TextArenaAction(Action):
    """What the player whose turn it is says."""

    message: str = Field(max_length=4096, description="A text with the move in square brackets, as the prompt says.")


class TextArenaMessage(BaseModel):
    """Something that a player has read."""

    model_config = ConfigDict(extra="forbid")

    sender_id: int = Field(description="The player who said it; -1 for the game.")
    content: str = Field(description="What was said.")
    category: str = Field(description="What kind it is, as TextArena names it, such as GAME_BOARD or PLAYER_ACTION.")


class WordleGuess(BaseModel):
    """A word that was guessed in Wordle."""

    model_config = ConfigDict(extra="forbid")

    word: str = Field(description="The word.")
    marks: list[LetterMark] = Field(
        description="For each letter: green in its place, yellow at another, gray not in the word, or not as often."
    )


class WordleFeedback(BaseModel):
    """What is known of Wordle's secret word."""

    model_config = ConfigDict(extra="forbid")

    word_length: int = Field(description="How many letters it has.")
    guesses: list[WordleGuess] = Field(default_factory=list, description="The words that were guessed, in order.")
    guesses_left: int = Field(description="How many guesses are left.")


class TextArenaObservation(Observation):
    """What the player whose turn it is sees."""

    prompt: str = Field(default="", description="The rules of the game, as they are told to the player.")
    messages: list[TextArenaMessage] = Field(
        default_factory=list, description="What the player has read since, in order, the own moves among them."
    )
    current_player_id: int = Field(default=0, description="The player whose turn it is.")
    legal_players: list[int] = Field(default_factory=list, description="Who may move: one, or nobody at the end.")
    error: str = Field(default="", description="Why the last move was not valid, as the game says; empty if it was.")
    rewards: dict[str, float] = Field(default_factory=dict, description="What each player gets, by number, at the end.")
    outcome: str = Field(default="", description="Why the game ended; empty while it goes on.")
    wordle: WordleFeedback | None = Field(default=None, description="What is known of the secret word, in Wordle.")


class TextArenaState(State):
    """Where the game stands."""

    env_id: str = Field(default="", description="The game's name in TextArena.")
    num_players: int = Field(default=0, description="How many play.")
    agent_id: int = Field(default=0, description="The player who the agent is.")
    opponent: OpponentName = Field(default="random", description="Who plays the others.")
    seed: int = Field(default=0, description="What the game follows from.")
    turn: int = Field(default=0, description="How many turns the game counts.")
    info: dict[str, Any] = Field(default_factory=dict, description="What the game tells of the players at the end.")
