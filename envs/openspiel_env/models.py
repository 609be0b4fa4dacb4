"""What the OpenSpiel environment takes, and what it answers."""

from typing import Any, Literal

from pydantic import Field

from openenv import Action, Observation, State

__all__ = [
    "GamePhase",
    "OpenSpielAction",
    "OpenSpielObservation",
    "OpenSpielState",
    "OpponentPolicy",
    "Parameter",
    "Seat",
]

GamePhase = Literal["initial", "playing", "terminal"]
OpponentPolicy = Literal["random", "first", "last", "mcts", "minimax"]
Parameter = bool | int | float | str
# The number of a player, or all of them in turn.
Seat = int | Literal["both"]


class OpenSpielAction(Action):
    """One of the legal actions, by its number or by its text."""

    action_id: int | None = Field(default=None, ge=0, description="The number of one of legal_actions.")
    action: str = Field(
        default="", max_length=200, description="In its place, one of legal_action_texts, or the number as text."
    )
    game_name: str | None = Field(default=None, description="Ignored: a reset chooses the game.")
    game_params: dict[str, Any] = Field(default_factory=dict, description="Ignored likewise.")


class OpenSpielObservation(Observation):
    """The game as the player sees it who is to move."""

    info_state: Any = Field(description="What the player knows, as a flat array; the observation where there is none.")
    observation_tensor: Any = Field(default=None, description="What the player sees, as an array of the game's shape.")
    legal_actions: list[int] = Field(description="The numbers of what may be done; none at the end.")
    legal_action_texts: list[str] = Field(default_factory=list, description="What they mean, in the same order.")
    game_phase: GamePhase = Field(default="playing", description="Where the game stands.")
    current_player_id: int = Field(default=0, description="Who is to move; -4 at the end.")
    opponent_last_action: int | None = Field(
        default=None, description="The opponent's last action since the last step, where the game hides nothing."
    )
    opponent_actions: list[str] = Field(default_factory=list, description="All of them as texts, likewise.")
    observation_string: str = Field(default="", description="What the player sees, as text.")
    information_state_string: str = Field(default="", description="What the player knows, as text.")
    returns: list[float] = Field(default_factory=list, description="What each player has got so far.")
    error: str = Field(default="", description="Why the action could not be taken; empty if it was.")


class OpenSpielState(State):
    """Which game is played, and where it stands."""

    game_name: str = Field(default="", description="The game, as OpenSpiel calls it.")
    game_params: dict[str, Parameter] = Field(default_factory=dict, description="Its parameters that were given.")
    agent_player: Seat = Field(default=0, description="Which player the agent is; both where it plays all.")
    opponent_policy: OpponentPolicy = Field(default="random", description="How the others play.")
    num_players: int = Field(default=1, description="How many players there are.")
    num_distinct_actions: int = Field(default=0, description="How many actions there are, legal or not.")
    info_state_shape: list[int] = Field(default_factory=list, description="The shape that info_state is flat of.")
    min_return: float = Field(default=0.0, description="The least that a player can get.")
    max_return: float = Field(default=0.0, description="The most.")
    illegal_actions: int = Field(default=0, description="How many actions of the agent could not be taken.")
