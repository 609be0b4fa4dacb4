"""What the echo environment takes, and what it answers."""

from pydantic import Field

from openenv import Action, Observation

__all__ = ["EchoAction", "EchoObservation"]


class EchoAction(Action):
    """Something to say."""

    message: str = Field(description="What is to come back.")


class EchoObservation(Observation):
    """What came back."""

    echoed_message: str = Field(description="The message, as it was sent.")
    message_length: int = Field(default=0, description="Its length in characters.")
