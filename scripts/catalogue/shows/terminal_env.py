"""The terminal environment: a program in it, and a task whose outcome is checked."""

from terminal_env import TerminalAction, TerminalEnv
from terminal_env.server.terminal_environment import TerminalEnvironment

from ..show import Transcript

__all__ = ["show"]

_SOLUTION = ("chmod 700 keys; chmod 600 keys/*.key; chmod 644 keys/*.pub", "stat -c '%a %n' keys keys/*")


def show() -> Transcript:
    """Ask Python something, and set permissions as a task wants them."""
    transcript = Transcript()
    with TerminalEnv.from_environment(TerminalEnvironment).sync() as env:
        env.reset()
        env.step(TerminalAction(command="python3 -q", until=">>> ", wait_s=30))
        env.step(TerminalAction(text="6 * 7\n", until="\n>>> ", wait_s=30))
        transcript.agent("python3 -q, then the keys: 6 * 7, Enter, Ctrl-D")
        seen = env.step(TerminalAction(keys=["C-d"], wait_s=30)).observation
        transcript.environment(_without_prompt(seen.screen))
        transcript.agent('reset(split="train", index=2, seed=1)')
        transcript.environment(env.reset(split="train", index=2, seed=1).observation.instruction)
        for command in _SOLUTION:
            transcript.agent(command)
            transcript.environment(env.step(TerminalAction(command=command)).observation.output)
        transcript.agent("submit")
        result = env.step(TerminalAction(submit=True))
        for name, passed in result.observation.checks.items():
            transcript.environment(f"{'passed' if passed else 'failed'}: {name}")
        transcript.environment(f"reward {result.reward:g}   done {result.done}")
    return transcript


def _without_prompt(screen: str) -> str:
    """Return what programs have drawn on a screen."""
    return "\n".join(line for line in screen.splitlines() if line.strip())
