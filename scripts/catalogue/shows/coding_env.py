"""The coding environment: variables that stay, an error, and a task with tests."""

from coding_env import CodeAction, CodingEnv
from coding_env.server.coding_environment import CodingEnvironment

from ..show import Transcript

__all__ = ["show"]

_FREE = ("squares = [n * n for n in range(5)]", "print(squares)\nsum(squares)", "squares[9]")
_TRIES = (
    "def running_total(numbers):\n    return [sum(numbers)]",
    "from itertools import accumulate\ndef running_total(numbers):\n    return list(accumulate(numbers))",
)


def show() -> Transcript:
    """Run code, and solve a task at the second try."""
    transcript = Transcript()
    with CodingEnv.from_environment(CodingEnvironment).sync() as env:
        env.reset()
        for code in _FREE:
            transcript.agent(code)
            seen = env.step(CodeAction(code=code)).observation
            transcript.environment(seen.stdout)
            transcript.environment(seen.stderr.strip().rpartition("\n")[2] or seen.value or "")
        transcript.agent('reset(split="train", index=0)')
        transcript.environment(env.reset(split="train", index=0).observation.prompt)
        for code in _TRIES:
            transcript.agent(code)
            result = env.step(CodeAction(code=code))
            passed = f"{result.observation.tests_passed} of {result.observation.tests_total} tests pass"
            transcript.environment(f"{passed}   reward {result.reward:g}   done {result.done}")
    return transcript
