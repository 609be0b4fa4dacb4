"""The reasoning-gym environment: questions of three of its datasets, and answers."""

from reasoning_gym_env import ReasoningGymAction, ReasoningGymEnv
from reasoning_gym_env.server.reasoning_gym_environment import ReasoningGymEnvironment

from ..show import Transcript

__all__ = ["show"]

_ANSWERS = {
    "leg_counting": ("seven", "<answer>100</answer>"),
    "gcd": ("2",),
    "mini_sudoku": ("4 2 1 3\n1 3 4 2\n2 1 3 4\n3 4 2 1",),
}


def show() -> Transcript:
    """Ask a question of each, and answer it."""
    transcript = Transcript()
    with ReasoningGymEnv.from_environment(ReasoningGymEnvironment).sync() as env:
        for dataset, answers in _ANSWERS.items():
            transcript.agent(f'reset(dataset="{dataset}", seed=42, tries={len(answers)})')
            question = env.reset(dataset=dataset, seed=42, tries=len(answers)).observation.question
            transcript.environment(question)
            for answer in answers:
                transcript.agent(answer)
                result = env.step(ReasoningGymAction(answer=answer))
                transcript.environment(f"score {result.observation.score:g}   done {result.done}")
    return transcript
