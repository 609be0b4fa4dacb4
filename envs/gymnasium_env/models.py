"""What the Gymnasium environment takes, and what it answers."""

from typing import Any, Literal

from pydantic import Field

from openenv import Action, Observation, State

__all__ = ["GymnasiumAction", "GymnasiumObservation", "GymnasiumState", "Render"]

# True stands for "png"; None for what the server's settings say.
Render = bool | Literal["png", "array", "text"] | None


class GymnasiumAction(Action):
    """An action of the environment's action space."""

    action: Any = Field(description="A value of the action space, which the state describes: a number, a list, …")
    render: Render = Field(default=None, description="How to show what came of it; by default as the server does.")


class GymnasiumObservation(Observation):
    """What Gymnasium tells of a step; arrays are arrays."""

    observation: Any = Field(description="A value of the observation space.")
    terminated: bool = Field(default=False, description="Whether the episode came to its own end.")
    truncated: bool = Field(default=False, description="Whether it was ended for another reason, such as its length.")
    info: dict[str, Any] = Field(default_factory=dict, description="What Gymnasium tells beside it.")
    png: bytes | None = Field(default=None, description='The frame as a PNG file; with render="png".')
    frame: Any = Field(default=None, description='The frame as an array of height, width and RGB; with render="array".')
    text: str = Field(default="", description='The environment as text, colours as tags; with render="text".')


class GymnasiumState(State):
    """Where the episode stands, and what may be done."""

    id: str = Field(default="", description="What is played, as Gymnasium calls it.")
    action_space: dict[str, Any] = Field(default_factory=dict, description="The action space as a JSON schema.")
    observation_space: dict[str, Any] = Field(default_factory=dict, description="The observation space as one.")
    action_meanings: list[str] = Field(default_factory=list, description="What the actions mean, where that is known.")
    render_modes: list[str] = Field(default_factory=list, description="In which ways it can be shown.")
    episode_return: float = Field(default=0.0, description="The sum of the rewards since the reset.")
