"""What the terminal environment takes, and what it answers."""

from pydantic import Field

from openenv import Action, Observation, State

__all__ = ["TerminalAction", "TerminalObservation", "TerminalState"]

_LONGEST = 64_000


class TerminalAction(Action):
    """A command line, or what is typed, or neither of them to wait."""

    command: str | None = Field(
        default=None,
        max_length=_LONGEST,
        description="A command line, also of several lines, to run until the shell's next prompt.",
    )
    text: str | None = Field(
        default=None,
        max_length=_LONGEST,
        description="Text to type into whatever reads the terminal, as it stands; no Enter is added.",
    )
    keys: list[str] = Field(
        default_factory=list,
        max_length=200,
        description="Keys to press after the text: Enter, Tab, Escape, Backspace, Delete, Up, Down, Left, Right, Home, "
        "End, PageUp, PageDown, F1 to F12, C-c for Ctrl and c, M-f for Alt and f, or one character.",
    )
    wait_s: float | None = Field(
        default=None,
        ge=0,
        le=600,
        description="Seconds to wait for the prompt at most; null for 30 after a command, and 1 otherwise. What still "
        "runs then goes on. At the prompt nothing is waited for but until, and what keys do.",
    )
    until: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Text in the output that ends the waiting too, such as another program's prompt.",
    )
    submit: bool = Field(default=False, description="Whether the task is done: it is checked, and the episode ends.")


class TerminalObservation(Observation):
    """What came of it."""

    output: str = Field(default="", description="What was printed since the last step, without colours and prompts.")
    omitted_bytes: int = Field(default=0, description="How much was left out in the middle of the output.")
    exit_code: int | None = Field(
        default=None, description="The exit code of what ended at the prompt; null while something runs."
    )
    is_running: bool = Field(default=False, description="Whether a program runs, and the shell shows no prompt.")
    cwd: str = Field(default="~", description="The shell's working directory; the task's directory is ~.")
    screen: str = Field(default="", description="The terminal's screen, as a person sees it.")
    cursor: tuple[int, int] = Field(default=(0, 0), description="The cursor's row and column on it, from 0.")
    error: str = Field(default="", description="Why nothing or not all was done; empty if all was.")
    shell_ended: bool = Field(
        default=False, description="Whether the shell ended, and a new one runs in the same directory."
    )
    instruction: str = Field(default="", description="What the task asks for; told by the reset.")
    checks: dict[str, bool] = Field(
        default_factory=dict, description="What the task asks for, with whether it is done; told after submit."
    )
    guards: dict[str, bool] = Field(
        default_factory=dict, description="What was to stay as it is, with whether it did; told after submit."
    )


class TerminalState(State):
    """Where the session stands."""

    task: str = Field(default="", description="The task's name; empty without one.")
    cwd: str = Field(default="~", description="The shell's working directory.")
    is_running: bool = Field(default=False, description="Whether a program runs.")
    last_exit_code: int | None = Field(default=None, description="The exit code that was told last.")
    steps_left: int | None = Field(default=None, description="Steps until the episode ends; null without a task.")
    confinement: dict[str, bool] = Field(
        default_factory=dict, description="Which means of the kernel hold the session."
    )
