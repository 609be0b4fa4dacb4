"""What the neutral environment takes, and what it answers."""

from pydantic import Field

from openenv.core.env_server import Action, Observation

__all__ = ["Heard", "Picture", "Word"]


class Word(Action):
    """Something to say, or how long to sleep."""

    text: str = ""
    sleep_s: float = Field(default=0.0, ge=0.0)


class Heard(Observation):
    """What came back."""

    text: str = ""
    length: int = 0


class Picture(Observation):
    """A big observation: an array as the nearest thing to it that a side can carry."""

    pixels: object = None
