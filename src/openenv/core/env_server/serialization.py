"""Actions and observations to plain dictionaries and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from ..wire.codec import decode, encode_observation
from ._wire_model import FROM_WIRE
from .types import Action, Observation

__all__ = ["deserialize_action", "deserialize_action_with_preprocessing", "serialize_observation"]

_ActT = TypeVar("_ActT", bound=Action)


def serialize_observation(observation: Observation) -> dict[str, Any]:
    """Return an observation as the data of an answer: `observation`, `reward`, `done` and, if it has any, `metadata`.

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    return cast("dict[str, Any]", decode(encode_observation(observation)))


def deserialize_action(action_data: Mapping[str, Any], action_cls: type[_ActT]) -> _ActT:
    """Return the action that a dictionary stands for.

    Raises:
        pydantic.ValidationError: A field is missing, unknown or of the wrong type.
    """
    return action_cls.model_validate(action_data, context=FROM_WIRE)


def deserialize_action_with_preprocessing(action_data: Mapping[str, Any], action_cls: type[_ActT]) -> _ActT:
    """Return what `deserialize_action` returns: the models turn lists into arrays by themselves."""
    return deserialize_action(action_data, action_cls)
