"""What the coding environment takes, and what it answers."""

from pydantic import Field

from openenv import Action, Observation, State

__all__ = ["CodeAction", "CodeObservation", "CodeState"]


class CodeAction(Action):
    """Python to run."""

    code: str = Field(description="Python source; names that it sets stay for the next step.")


class CodeObservation(Observation):
    """What came of the code."""

    stdout: str = Field(default="", description="What it printed, and what programs that it ran printed.")
    stderr: str = Field(default="", description="The same of standard error, with the traceback of an error.")
    exit_code: int = Field(
        default=0,
        description="0 for success, 1 for an error, what sys.exit was given, 124 after a timeout, "
        "128 and the signal's number for a process that a signal ended.",
    )
    value: str | None = Field(default=None, description="The repr of the last expression, unless that is None.")
    session_lost: str | None = Field(
        default=None, description="Why the process ended, and with it all variables; null while they are kept."
    )
    prompt: str = Field(default="", description="What the task asks for; told by the reset.")
    tests_passed: int = Field(default=0, description="How many of the task's tests pass after this step.")
    tests_total: int = Field(default=0, description="How many tests the task has; 0 without a task.")


class CodeState(State):
    """Where the session stands."""

    last_exit_code: int = Field(default=0, description="The exit code of the last step.")
    confinement: dict[str, bool] = Field(
        default_factory=dict,
        description="Which means of the kernel hold the code; empty until code has run.",
    )
