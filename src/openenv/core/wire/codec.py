"""Values to JSON and back, each in one pass of pydantic-core."""

from __future__ import annotations

import base64
import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import PydanticSerializationError, from_json, to_json

from .content import holds_binary

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..env_server.types import Observation

__all__ = ["EncodeError", "decode", "encode", "encode_model", "encode_observation", "readable", "strict_json"]

_BESIDE_THE_OBSERVATION = {"reward", "done"}


class EncodeError(ValueError):
    """A value has no JSON form; the message names its type and what to do."""


def _fallback(value: object) -> object:
    """Return what stands for a value that pydantic-core does not know: arrays, scalars and tensors become lists."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        return value.tolist()
    if isinstance(value, memoryview):
        return base64.urlsafe_b64encode(value).decode()
    to_list = getattr(value, "tolist", None)
    if callable(to_list):
        return to_list()
    raise TypeError(
        f"{type(value).__module__}.{type(value).__qualname__} cannot be sent: expected JSON values, pydantic models, "
        f"dataclasses, arrays, bytes, dates or enums"
    )


def encode(value: object) -> bytes:
    """Return a value as JSON.

    Args:
        value: Mappings, sequences, pydantic models, dataclasses, arrays, bytes (sent as base64), dates, enums, numbers
            (NaN and the infinities are sent as `NaN` and `Infinity`, as Python's own `json` writes them).

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    try:
        return to_json(value, inf_nan_mode="constants", bytes_mode="base64", fallback=_fallback)
    except (PydanticSerializationError, ValueError) as exc:
        raise EncodeError(_reason(exc)) from exc


def readable(value: object) -> str:
    """Return a value as JSON for people and models to read, in which NaN and the infinities are texts.

    Args:
        value: As `encode` takes it; a text is returned as it is, and a number alone as Python writes it.

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    if isinstance(value, str):
        return value
    try:
        mode: Literal["constants", "strings"] = "constants" if isinstance(value, float) else "strings"
        return to_json(value, inf_nan_mode=mode, bytes_mode="base64", fallback=_fallback).decode()
    except (PydanticSerializationError, ValueError) as exc:
        raise EncodeError(_reason(exc)) from exc


def encode_model(model: BaseModel, exclude: set[str] | None = None) -> bytes:
    """Return a model as JSON, by its own serialisers.

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    try:
        return type(model).__pydantic_serializer__.to_json(model, exclude=exclude, fallback=_fallback)
    except (PydanticSerializationError, ValueError) as exc:
        raise EncodeError(f"{type(model).__name__} cannot be sent: {_reason(exc)}") from exc


def _reason(exc: Exception) -> str:
    told = str(exc).removeprefix("Error serializing to JSON: ").removeprefix("TypeError: ")
    if "surrogates not allowed" in told:
        told += " (text made of bytes that are no UTF-8? decode them with errors='replace')"
    return told


def encode_observation(observation: Observation, *, binary: bool = False) -> bytes:
    """Return an observation as the data of an answer: its own fields, and reward, done and metadata beside them.

    Args:
        observation: The observation.
        binary: Whether it may be msgpack; it is where it holds arrays or bytes.

    Raises:
        EncodeError: Something in it cannot be sent.
    """
    if binary and holds_binary(observation):
        packed = _packed_observation(observation)
        if packed is not None:
            return packed
    fields = encode_model(observation, _BESIDE_THE_OBSERVATION)
    reward, done = _encode_reward(observation.reward), b"true" if observation.done else b"false"
    if observation.metadata:
        done += b',"metadata":' + encode(observation.metadata)
    return b'{"observation":%b,"reward":%b,"done":%b}' % (fields, reward, done)


def _packed_observation(observation: Observation) -> bytes | None:
    """Return an observation as msgpack; nothing where something in it has its form in JSON alone."""
    from .binary import pack

    data = {
        "observation": observation.model_dump(exclude=_BESIDE_THE_OBSERVATION),
        "reward": observation.reward,
        "done": observation.done,
    }
    if observation.metadata:
        data["metadata"] = observation.metadata
    try:
        return pack(data)
    except EncodeError:
        return None


def _encode_reward(reward: object) -> bytes:
    if reward is None:
        return b"null"
    # Written by repr as JSON would be; the exceptions are NaN and the infinities, and what is no plain float.
    if type(reward) is float and math.isfinite(reward):
        return repr(reward).encode()
    return encode(reward)


def decode(text: str | bytes) -> Any:
    """Return the value a JSON text stands for.

    Raises:
        ValueError: It is not JSON, or nested deeper than pydantic-core reads (about 200 levels).
    """
    return from_json(text)


def strict_json(value: Mapping[str, object] | bytes) -> bytes:
    """Return JSON that every parser reads: NaN and the infinities, which JSON lacks, become null."""
    plain = from_json(value) if isinstance(value, bytes) else value
    return to_json(plain, inf_nan_mode="null", bytes_mode="base64", fallback=_fallback)
