"""What the chess environment takes, and what it answers."""

from typing import Literal

from pydantic import Field

from openenv import Action, Observation, State

__all__ = ["ChessAction", "ChessObservation", "ChessState", "Color", "OpponentName", "Outcome"]

Color = Literal["white", "black"]
OpponentName = Literal["random", "negamax"]
Outcome = Literal["", "win", "draw", "loss"]


class ChessAction(Action):
    """A move."""

    move: str = Field(
        max_length=16, description="The move in UCI, such as g1f3 or e7e8q, or in SAN, such as Nf3 or O-O."
    )


class ChessObservation(Observation):
    """The position after the move and the opponent's reply."""

    fen: str = Field(description="The position, in Forsyth-Edwards notation.")
    color: Color = Field(description="The side that the agent plays.")
    legal_moves: list[str] = Field(description="The agent's legal moves in UCI; none at the end of the game.")
    reply: str = Field(
        default="", description="The opponent's last move in SAN, if it has made one since the last step."
    )
    error: str = Field(default="", description="Why the move could not be played; empty if it was.")
    outcome: Outcome = Field(default="", description="How the game ended for the agent; empty while it goes on.")
    result: Literal["*", "1-0", "0-1", "1/2-1/2"] = Field(default="*", description="The result as in PGN.")
    termination: str = Field(default="", description="Why the game ended, such as checkmate or stalemate.")


class ChessState(State):
    """Where the game stands."""

    fen: str = Field(default="", description="The position.")
    color: Color = Field(default="white", description="The side that the agent plays.")
    opponent: OpponentName = Field(default="random", description="Who plays the other side.")
    moves: list[str] = Field(default_factory=list, description="All moves of the game in UCI.")
    illegal_moves: int = Field(default=0, description="How many moves of the agent could not be played.")
