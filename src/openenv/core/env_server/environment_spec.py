"""What a server knows of the environment it serves: its models, its arguments, its claims."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, get_type_hints

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError, PydanticSerializationError
from typing_extensions import Required, TypedDict

from .._generics import is_subclass, type_arguments
from ..exceptions import ConfigurationError, InvalidRequestError
from ..wire.frames import ErrorCode, JsonObject
from ._wire_model import FROM_WIRE, ForWire, WireJsonSchema
from .interfaces import Environment
from .tasks import can_look_up
from .types import Action, Observation, State

__all__ = [
    "EnvironmentFactory",
    "EnvironmentSpec",
    "ResetArguments",
    "authored_method",
    "declared_models",
    "validation_problem",
]

EnvironmentFactory = Callable[[], Environment[Any, Any, Any]]
"""A class or a function that makes an environment without being given anything."""

_OWN_PACKAGE = "openenv.core."


def _no_truth_value(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a whole number, not a truth value")
    return value


# pydantic takes `true` for 1, and whoever sends it has put something else in the seed's place.
_Seed: Any = Annotated[int, BeforeValidator(_no_truth_value)]

# Every client may send these two, whether the environment cares for them or not.
_ALWAYS_ACCEPTED: dict[str, Any] = {"seed": _Seed | None, "episode_id": str | None}

# What picks a task for a reset that takes one; `None` stands for its absence.
_PICKS_TASK: dict[str, Any] = {
    "split": Annotated[str | None, Field(description="The split of the task to begin with; goes with index.")],
    "index": Annotated[
        Annotated[int, Field(ge=0), BeforeValidator(_no_truth_value)] | None,
        Field(description="The task's number in its split, from 0 on."),
    ],
}


@dataclass(frozen=True)
class EnvironmentSpec:
    """The environment a server serves.

    Attributes:
        factory: Makes one instance for each session.
        name: The environment's name, as people know it.
        action: The model of its actions.
        observation: The model of its observations.
        reset_observation: The model of what a reset shows, where it differs.
        state: The model of its state.
    """

    factory: EnvironmentFactory
    name: str
    action: type[Action]
    observation: type[Observation]
    reset_observation: type[Observation]
    state: type[State]

    @classmethod
    def of(
        cls,
        factory: EnvironmentFactory,
        action: type[Action] | None = None,
        observation: type[Observation] | None = None,
        *,
        state: type[State] | None = None,
        reset_observation: type[Observation] | None = None,
        name: str | None = None,
    ) -> EnvironmentSpec:
        """Return the spec of an environment, its models taken from `Environment[Act, Obs, State]` where not given.

        Raises:
            ConfigurationError: The factory cannot be called, or a model is neither given nor declared.
        """
        if not callable(factory):
            raise ConfigurationError(
                f"expected an Environment class or a function that returns one, got {type(factory).__name__}: pass "
                f"the class itself, not an instance"
            )
        declared = declared_models(factory)
        found_observation = observation or declared.get("observation")
        found_action = action or declared.get("action")
        if found_action is None or found_observation is None:
            missing = "action" if found_action is None else "observation"
            raise ConfigurationError(
                f"{_factory_name(factory)} does not say what its {missing} class is: declare it, as in "
                f"class {_factory_name(factory)}(Environment[MyAction, MyObservation, State]), or pass it to create_app"
            )
        if is_subclass(found_action, Observation) or is_subclass(found_observation, Action):
            raise ConfigurationError(
                f"expected {_factory_name(factory)}'s action class and then its observation class, got "
                f"{found_action.__name__} and {found_observation.__name__}: they stand the wrong way round"
            )
        return cls(
            factory=factory,
            name=name or _factory_name(factory),
            action=found_action,
            observation=found_observation,
            reset_observation=reset_observation or found_observation,
            state=state or declared.get("state") or State,
        )

    @property
    def factory_name(self) -> str:
        """Return the name of the class or function that makes the environment."""
        return _factory_name(self.factory)

    @property
    def environment_class(self) -> type[Environment[Any, Any, Any]] | None:
        """Return the environment's class where it is known before one is made."""
        return _class_of(self.factory)

    @property
    def supports_concurrent_sessions(self) -> bool:
        """Return whether its class says that instances share nothing; a plain function promises it by being one."""
        known = self.environment_class
        return True if known is None else bool(known.SUPPORTS_CONCURRENT_SESSIONS)

    @property
    def needs_own_thread(self) -> bool:
        """Return whether its class asks, or may ask, for one and the same thread for all calls."""
        known = self.environment_class
        # What a plain function makes is not known before the constructor runs, which must run there already.
        return known is None or bool(known.REQUIRES_SINGLE_THREAD_EXECUTOR)


def _factory_name(factory: object) -> str:
    wrapped = getattr(factory, "func", None)
    if wrapped is not None:
        return _factory_name(wrapped)
    return getattr(factory, "__name__", None) or type(factory).__name__


def _class_of(factory: object) -> type[Environment[Any, Any, Any]] | None:
    """Return the class a factory makes, where it is one or is annotated to return one."""
    if isinstance(factory, type):
        return factory if is_subclass(factory, Environment) else None
    wrapped = getattr(factory, "func", None)
    if wrapped is not None:
        return _class_of(wrapped)
    returned = _hints(factory).get("return")
    # A base class says nothing of what the class that is made will be.
    return returned if is_subclass(returned, Environment) and not inspect.isabstract(returned) else None


def declared_models(factory: object) -> dict[str, type[Any]]:
    """Return the models, by name, that a factory's class declares by `Environment[Act, Obs, State]`."""
    known = _class_of(factory)
    arguments = type_arguments(known, Environment) if known is not None else None
    named = zip(("action", "observation", "state"), arguments or (), strict=False)
    return {name: model for name, model in named if isinstance(model, type)}


def _hints(function: object) -> dict[str, Any]:
    """Return a callable's type hints; those that cannot be resolved are left out."""
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        raw = getattr(function, "__annotations__", {})
        return {name: hint for name, hint in raw.items() if not isinstance(hint, str)}


@lru_cache(maxsize=256)
def authored_method(
    environment_class: type[Environment[Any, Any, Any]], plain: str, asynchronous: str
) -> Callable[..., Any]:
    """Return the method an author wrote: the asynchronous one where the nearest class has one, else the plain one.

    The bases of this package offer both, so what they define says nothing of the author's wish.
    """
    written = (cls for cls in environment_class.__mro__ if not cls.__module__.startswith(_OWN_PACKAGE))
    nearest = next((cls for cls in written if plain in vars(cls) or asynchronous in vars(cls)), Environment)
    is_asynchronous = nearest is not Environment and asynchronous in vars(nearest)
    method: Callable[..., Any] = getattr(environment_class, asynchronous if is_asynchronous else plain)
    return method


class ResetArguments:
    """The arguments that an environment's reset takes, as its signature tells them.

    Where it takes a `task`, and the environment has a method that finds one, `split` and `index` stand for it.

    Attributes:
        names: The arguments it names, and the two that every client may send.
        takes_any: Whether it takes further ones (`**kwargs`).
    """

    def __init__(self, environment_class: type[Environment[Any, Any, Any]]) -> None:
        """Read the signature of a class's `reset`, or of its `reset_async` where that is overridden."""
        reset = authored_method(environment_class, "reset", "reset_async")
        hints = _hints(reset)
        parameters = list(inspect.signature(reset).parameters.values())[1:]
        named = [p for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
        self._owner = environment_class.__name__
        self._taken = {p.name for p in named}
        self.takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self._could_find_task = can_look_up(environment_class)
        self._finds_task = self._could_find_task and "task" in self._taken
        self._needs_task = self._finds_task and any(p.name == "task" and p.default is p.empty for p in named)
        self._stand_ins = frozenset(_PICKS_TASK.keys() - self._taken if self._finds_task else ())
        beside = _ALWAYS_ACCEPTED | {name: _PICKS_TASK[name] for name in sorted(self._stand_ins, reverse=True)}
        self.names = [*(p.name for p in named), *(n for n in beside if n not in self._taken)]
        fields = {name: kind for name, kind in beside.items() if name not in self._taken}
        fields |= {p.name: _field_of(p, _hint_of(p, hints)) for p in named}
        if self._needs_task:
            fields["task"] = hints.get("task", Any)
        self._adapter = _adapter_of(fields, takes_any=self.takes_any)

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, environment_class: type[Environment[Any, Any, Any]]) -> ResetArguments:
        """Return the arguments of a class, read once."""
        return cls(environment_class)

    def validate(self, data: Mapping[str, object]) -> dict[str, Any]:
        """Return the arguments to call reset with.

        Raises:
            InvalidRequestError: One is not taken, missing, or of the wrong type.
        """
        unknown = [] if self.takes_any else [name for name in data if name not in self.names]
        if unknown:
            raise InvalidRequestError(
                f"reset of {self._owner} does not take {', '.join(map(repr, unknown))}: it takes "
                f"{', '.join(self.names)}{self._advice(unknown)}",
                code=ErrorCode.VALIDATION_ERROR.value,
                details={"unknown": unknown, "accepted": self.names},
            )
        try:
            values = self._adapter.validate_python(dict(data), context=FROM_WIRE)
        except ValidationError as exc:
            raise validation_problem(exc, f"the reset arguments of {self._owner}") from exc
        if self._finds_task:
            self._check_task(values)
        passed = self.takes_any
        return {n: value for n, value in values.items() if n in self._taken or (passed and n not in self._stand_ins)}

    def names_task(self, data: Mapping[str, object]) -> bool:
        """Return whether arguments name a task to find, by `split` and `index`, for a reset that takes it."""
        if not self._finds_task or data.get("task") is not None:
            return False
        return data.get("split") is not None and data.get("index") is not None

    def _check_task(self, values: Mapping[str, object]) -> None:
        """Make sure that there is one way to a task, or none where none is needed."""
        given = [name for name in _PICKS_TASK if values.get(name) is not None]
        problem = ""
        if values.get("task") is not None:
            if self._stand_ins.intersection(given):
                problem = f"takes a task, or split and index in its place: got task and {' and '.join(given)}"
        elif len(given) == 1 and not self._stand_ins.isdisjoint(given):
            problem = f"takes split and index together: got {given[0]} alone"
        elif len(given) < len(_PICKS_TASK) and self._needs_task and "task" not in values:
            problem = "needs a task: give task, or split and index"
        if problem:
            raise InvalidRequestError(f"reset of {self._owner} {problem}", code=ErrorCode.VALIDATION_ERROR.value)

    def _advice(self, unknown: list[str]) -> str:
        if not self._could_find_task or _PICKS_TASK.keys().isdisjoint(unknown):
            return ""
        return ". To be given the task that split and index stand for, its signature has to name an argument task"

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the arguments."""
        return self._adapter.json_schema(schema_generator=WireJsonSchema)


def _adapter_of(fields: dict[str, Any], *, takes_any: bool) -> TypeAdapter[dict[str, Any]]:
    make: Any = TypedDict
    model = make("ResetArguments", fields, total=False)
    model.__pydantic_config__ = ConfigDict(extra="allow" if takes_any else "forbid", arbitrary_types_allowed=True)
    for_wire: Any = Annotated[model, ForWire()]
    return TypeAdapter(for_wire)


def _hint_of(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    hint = hints.get(parameter.name, Any)
    return Annotated[hint, BeforeValidator(_no_truth_value)] if parameter.name == "seed" else hint


def _field_of(parameter: inspect.Parameter, hint: Any) -> Any:
    if parameter.default is parameter.empty:
        return Required[hint]
    if parameter.default is None:
        hint = typing.Optional[hint]  # noqa: UP045 - a hint may be a string or a class without `|`
    try:
        default = WireJsonSchema().encode_default(parameter.default)
    except (PydanticSerializationError, ValueError):
        return hint
    return Annotated[hint, Field(json_schema_extra={"default": default})]


def validation_problem(exc: ValidationError, what: str) -> InvalidRequestError:
    """Return the error that says which fields were wrong, what was expected and what came."""
    problems: list[JsonObject] = [
        {"field": ".".join(map(str, row["loc"])) or "(whole)", "problem": row["msg"], "got": _shown(row["input"])}
        for row in exc.errors(include_url=False, include_context=False)
    ]
    told = "; ".join(f"{row['field']}: {row['problem']}, got {row['got']}" for row in problems)
    return InvalidRequestError(
        f"{what} are not valid: {told}", code=ErrorCode.VALIDATION_ERROR.value, details={"problems": problems}
    )


def _shown(value: object, length: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= length else text[:length] + "…"
