"""What a server of the OpenSpiel environment plays where a reset does not say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast, get_args

from openenv.core.exceptions import ConfigurationError
from openspiel_env.models import OpponentPolicy, Parameter, Seat

__all__ = ["OpenSpielSettings"]


@dataclass(frozen=True)
class OpenSpielSettings:
    """What is played where a reset does not say.

    Attributes:
        game_name: The game, as OpenSpiel calls it.
        game_params: Its parameters: any that it has.
        agent_player: The player that the agent is, or `both`.
        opponent_policy: How the others play.
    """

    game_name: str = "catch"
    game_params: Mapping[str, Parameter] = field(default_factory=dict)
    agent_player: Seat = 0
    opponent_policy: OpponentPolicy = "random"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "OpenSpielSettings":
        """Return the settings that environment variables give.

        Args:
            environ: The variables: `OPENSPIEL_GAME`, `OPENSPIEL_GAME_PARAMS` (JSON), `OPENSPIEL_AGENT_PLAYER` and
                `OPENSPIEL_OPPONENT_POLICY`.

        Raises:
            ConfigurationError: One has a value that cannot work.
        """
        policy = environ.get("OPENSPIEL_OPPONENT_POLICY", "").strip().lower() or cls.opponent_policy
        if policy not in get_args(OpponentPolicy):
            known = ", ".join(get_args(OpponentPolicy))
            raise ConfigurationError(f"expected one of {known} as OPENSPIEL_OPPONENT_POLICY, got {policy!r}")
        return cls(
            game_name=environ.get("OPENSPIEL_GAME", "").strip() or cls.game_name,
            game_params=_parameters(environ.get("OPENSPIEL_GAME_PARAMS", "")),
            agent_player=_seat(environ.get("OPENSPIEL_AGENT_PLAYER", "")),
            opponent_policy=cast("OpponentPolicy", policy),
        )


def _seat(text: str) -> Seat:
    text = text.strip().lower()
    if text == "both":
        return "both"
    if text and not text.isdecimal():
        raise ConfigurationError(f"expected a player's number or both as OPENSPIEL_AGENT_PLAYER, got {text!r}")
    return int(text or 0)


def _parameters(text: str) -> Mapping[str, Parameter]:
    try:
        parameters = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigurationError(f"expected JSON as OPENSPIEL_GAME_PARAMS, got {text[:80]!r}: {error}") from error
    if not isinstance(parameters, dict) or not all(isinstance(each, Parameter) for each in parameters.values()):
        raise ConfigurationError(f"expected an object of numbers and texts as OPENSPIEL_GAME_PARAMS, got {text[:80]!r}")
    return parameters
