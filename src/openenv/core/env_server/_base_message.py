"""What the models of messages and of settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["BaseMessage"]


class BaseMessage(BaseModel):
    """A message whose fields are all known."""

    # Built when first used: clients import these models and hardly ever use them.
    model_config = ConfigDict(extra="forbid", validate_assignment=True, defer_build=True)
