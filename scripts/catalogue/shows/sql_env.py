"""The SQL environment: a look around, and an answer."""

from sql_env import SqlAction, SqlEnv
from sql_env.server.sql_environment import SqlEnvironment

from ..show import Transcript

__all__ = ["show"]

_LOOK = "SELECT name, region, platforms FROM stations WHERE platforms > 4 ORDER BY name LIMIT 5"
_ANSWER = "SELECT count(*) FROM stations WHERE region = 'coast' AND platforms > 4"


def show() -> Transcript:
    """Ask a question of the test split, and answer it."""
    transcript = Transcript()
    with SqlEnv.from_environment(SqlEnvironment).sync() as env:
        transcript.agent('reset(split="test", index=0)')
        transcript.environment(env.reset(split="test", index=0).observation.question)
        transcript.agent(_LOOK)
        for row in env.step(SqlAction(sql=_LOOK)).observation.rows:
            transcript.environment("  ".join(map(str, row)))
        transcript.agent(f"{_ANSWER}   -- submit")
        result = env.step(SqlAction(sql=_ANSWER, submit=True))
        right = "right" if result.observation.is_correct else "wrong"
        transcript.environment(f"{result.observation.rows}   {right}   reward {result.reward:g}   done {result.done}")
    return transcript
