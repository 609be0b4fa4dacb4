"""The OpenSpiel environment: a draw against an opponent that plays without a mistake, and a hand of poker."""

from openspiel_env import OpenSpielAction, OpenSpielEnv
from openspiel_env.server.openspiel_environment import OpenSpielEnvironment

from ..show import Transcript

__all__ = ["show"]


def show() -> Transcript:
    """Hold a draw at tic-tac-toe, and bet at Kuhn poker."""
    transcript = Transcript()
    with OpenSpielEnv.from_environment(OpenSpielEnvironment).sync() as env:
        transcript.agent('reset(game_name="tic_tac_toe", opponent_policy="minimax", seed=1)')
        result = env.reset(seed=1, game_name="tic_tac_toe", opponent_policy="minimax")
        transcript.environment(result.observation.observation_string)
        for action in ("x(1,1)", "x(0,2)", "x(1,0)", "x(2,1)", "x(2,2)"):
            transcript.agent(action)
            result = env.step(OpenSpielAction(action=action))
            transcript.environment(result.observation.observation_string)
        transcript.environment(f"reward {result.reward}   done {result.done}")
        transcript.agent('reset(game_name="kuhn_poker", opponent_policy="first", seed=3)')
        seen = env.reset(seed=3, game_name="kuhn_poker", opponent_policy="first").observation
        transcript.environment(f"knows: {seen.information_state_string}   may: {', '.join(seen.legal_action_texts)}")
        transcript.agent("Bet")
        result = env.step(OpenSpielAction(action="Bet"))
        transcript.environment(f"reward {result.reward}   done {result.done}")
    return transcript
