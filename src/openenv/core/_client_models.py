"""How a client turns actions into payloads and answers into results, by the models its class was made with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from ._generics import is_subclass, type_arguments
from .client_types import StepResult
from .env_server._wire_model import FROM_WIRE
from .exceptions import InvalidRequestError, ProtocolError
from .wire.codec import EncodeError, decode, encode, encode_model
from .wire.content import holds_binary
from .wire.frames import JsonObject

if TYPE_CHECKING:
    from .env_server.environment_spec import EnvironmentSpec

__all__ = ["ClientModels", "payload_of", "result_as", "sendable", "state_as"]


@dataclasses.dataclass(frozen=True)
class ClientModels:
    """The types of a client; `dict` where its class leaves them open.

    Attributes:
        action: What its steps take.
        observation: What its resets and steps give.
        state: What its `state` gives.
    """

    action: Any
    observation: Any
    state: Any

    @classmethod
    def of(cls, client_class: type, base: type) -> ClientModels:
        """Return the types that a client class puts in the place of the base's parameters."""
        arguments = type_arguments(client_class, base) or ()
        known = [argument if _is_concrete(argument) else dict for argument in arguments]
        return cls(*known) if len(known) == len(dataclasses.fields(cls)) else cls(dict, dict, dict)

    def spec_of(self, environment: Any) -> EnvironmentSpec:
        """Return the spec of an environment that takes and gives these types.

        Args:
            environment: Its class, or a function that makes an instance; or its spec.

        Raises:
            ConfigurationError: It is neither, or its models are not known.
        """
        from .env_server.environment_spec import EnvironmentSpec
        from .env_server.types import Action, Observation, State

        if isinstance(environment, EnvironmentSpec):
            return environment
        return EnvironmentSpec.of(
            environment,
            _model(self.action, Action),
            _model(self.observation, Observation),
            state=_model(self.state, State),
        )


def _is_concrete(argument: object) -> bool:
    return not hasattr(argument, "__bound__") and argument is not Any


def _model(kind: object, base: type) -> Any:
    return kind if is_subclass(kind, base) and kind is not base else None


def payload_of(action: object, expected: object, *, binary: bool = False) -> bytes:
    """Return an action as the data of a step.

    Args:
        action: A model, a dataclass or a mapping.
        expected: The type the client declares, for the message.
        binary: Whether to write msgpack rather than JSON; what has its form in JSON alone is JSON all the same.

    Raises:
        InvalidRequestError: It is none of these, or something in it has no JSON form.
    """
    if isinstance(action, BaseModel) or type(action) is dict:
        return (_packed(action, binary) if binary else b"") or sendable(action)
    if isinstance(action, Mapping):
        return _packed(dict(action), binary) or sendable(dict(action))
    if dataclasses.is_dataclass(action) and not isinstance(action, type):
        return _packed(action, binary) or sendable(action)
    name = getattr(expected, "__name__", str(expected))
    raise InvalidRequestError(f"expected {name} or a dict as action, got {type(action).__name__}: {action!r:.80}")


def _packed(value: object, binary: bool) -> bytes:
    if not binary:
        return b""
    from .wire.binary import pack

    try:
        return pack(value.model_dump() if isinstance(value, BaseModel) else value)
    except EncodeError:
        return b""


def sendable(value: object) -> bytes:
    """Return as JSON what a client was given to send.

    Raises:
        InvalidRequestError: Something in it has no JSON form.
    """
    try:
        return encode_model(value) if isinstance(value, BaseModel) else encode(value)
    except EncodeError as exc:
        raise InvalidRequestError(str(exc)) from exc


@lru_cache(maxsize=256)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@lru_cache(maxsize=256)
def _carries(kind: Any) -> frozenset[str]:
    """Return which of reward and done an observation type has as fields of its own."""
    fields = getattr(kind, "model_fields", None) or getattr(kind, "__dataclass_fields__", None) or {}
    return frozenset({"reward", "done"} & fields.keys())


def result_as(payload: JsonObject, kind: Any) -> StepResult[Any]:
    """Return the result that an answer's data stands for.

    Args:
        payload: `observation`, `reward`, `done` and perhaps `metadata`.
        kind: The observation's type.

    Raises:
        ProtocolError: The data does not fit the type.
    """
    fields, reward, done = payload.get("observation"), payload.get("reward"), payload.get("done", False)
    if not isinstance(fields, dict):
        raise ProtocolError(f"expected an observation from the server, got {sorted(payload)}")
    metadata = payload.get("metadata")
    if type(metadata) is not dict:
        metadata = None
    observation = fields if kind is dict else _validated(_with(fields, reward, done, kind), kind, "observation")
    # By position, which is quicker: there is one for each step.
    return StepResult(observation, reward, bool(done), metadata)  # type: ignore[arg-type]


def _with(fields: JsonObject, reward: object, done: object, kind: Any) -> JsonObject:
    """Return the fields of an observation with those of reward and done that its type has too."""
    carried = _carries(kind)
    if len(carried) == 2:
        return {**fields, "reward": reward, "done": done}
    beside = {"reward": reward, "done": done}
    return {**fields, **{name: beside[name] for name in carried}}


def state_as(payload: JsonObject, kind: Any) -> Any:
    """Return the state that an answer's data stands for.

    Raises:
        ProtocolError: The data does not fit the type.
    """
    return payload if kind is dict else _validated(payload, kind, "state")


def _validated(value: JsonObject, kind: Any, what: str) -> Any:
    try:
        return _adapter(kind).validator.validate_python(value, context=FROM_WIRE)
    except ValidationError as exc:
        if holds_binary(value):
            # The types may want lists where the environment had arrays.
            return _validated(decode(encode(value)), kind, what)
        name = getattr(kind, "__name__", str(kind))
        rows = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in exc.errors(include_url=False))
        raise ProtocolError(
            f"the server's {what} does not fit {name}: {rows}. Are client and server of one version?"
        ) from exc
