"""What the browser environment takes, and what it answers."""

from typing import Literal

from pydantic import Field

from openenv import Action, Observation, State

__all__ = ["ActionKind", "BrowserAction", "BrowserObservation", "BrowserState", "VIEWPORT"]

VIEWPORT = (1280, 800)
"""How many pixels a page shows across and down."""

ActionKind = Literal["goto", "click", "type", "press", "select", "scroll", "back", "read", "screenshot", "answer"]


class BrowserAction(Action):
    """Something to do in the browser. Elements are named by the references that the outline gives them."""

    kind: ActionKind = Field(
        description="goto a URL; click, type into, press a key in or select an option of an element; scroll the page "
        "or an element into view; go back; read the text of the page or of an element; take a screenshot; give the "
        "answer, which ends the episode."
    )
    ref: str = Field(
        default="",
        max_length=32,
        description="The element, such as e12. Without it, click goes by x and y, type and press by the focus, read "
        "and scroll by the page.",
    )
    x: int | None = Field(default=None, ge=0, lt=VIEWPORT[0], description="For click: pixels from the left.")
    y: int | None = Field(default=None, ge=0, lt=VIEWPORT[1], description="For click: pixels from the top.")
    url: str = Field(default="", max_length=2000, description="For goto: an address, or a path on the present site.")
    text: str = Field(
        default="", max_length=4000, description="What to type, the option's label to select, or the answer."
    )
    key: str = Field(default="", max_length=32, description="For press: a key, such as Enter, ArrowDown or Control+A.")
    submit: bool = Field(default=False, description="For type: whether to press Enter afterwards.")
    direction: Literal["down", "up"] = Field(default="down", description="For scroll without an element: where to.")


class BrowserObservation(Observation):
    """What the browser shows after an action."""

    goal: str = Field(default="", description="What is asked for; empty without a task.")
    url: str = Field(default="", description="The page's address.")
    title: str = Field(default="", description="The page's title.")
    outline: str = Field(
        default="", description="The page's accessibility tree as YAML, in which [ref=e12] names an element."
    )
    text: str = Field(default="", description="What was read, after the action read.")
    screenshot: bytes | None = Field(default=None, description="A PNG of what is in view, after a screenshot.")
    error: str = Field(default="", description="Why the action could not be done; empty if it was.")
    restarted: str = Field(
        default="", description="Why the browser had to be started anew, which loses cookies and what was typed."
    )
    steps_left: int | None = Field(default=None, description="How many steps the task leaves; null without one.")
    checks: dict[str, bool] = Field(
        default_factory=dict, description="At the end of a task: what it asks for, and whether that was met."
    )
    harm: list[str] = Field(
        default_factory=list, description="At the end of a task: what was changed that it does not ask for."
    )


class BrowserState(State):
    """Where the episode stands."""

    task: str = Field(default="", description="The task's name; empty without one.")
    goal: str = Field(default="", description="What is asked for.")
    url: str = Field(default="", description="The page's address.")
    steps_left: int | None = Field(default=None, description="How many steps the task leaves; null without one.")
    restarts: int = Field(default=0, description="How often the browser had to be started anew for this session.")
