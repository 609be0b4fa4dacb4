"""The JSON schema of a function's arguments, and their validation, from its signature."""

from __future__ import annotations

import difflib
import inspect
import reprlib
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo

from ..env_server._wire_model import FROM_WIRE, WireModel
from ..exceptions import ConfigurationError, InvalidRequestError
from .context import ToolContext
from .docstring import read_docstring
from .hints import Scope
from .schema_generator import ToolJsonSchema

__all__ = ["ToolSignature", "read_signature"]


class _Arguments(WireModel):
    """Base of the models that validate arguments: unknown ones are refused, bytes and arrays survive JSON."""

    model_config = ConfigDict(extra="forbid", validate_assignment=False)


@dataclass(frozen=True)
class ToolSignature:
    """The arguments a tool takes.

    Attributes:
        tool_name: The tool's name, for messages.
        input_schema: JSON schema of the arguments, of type `object`.
        description: The docstring's text before its first section.
        context_name: The argument that takes the call's `ToolContext`, which no caller gives; `None` without one.
        defaulted: The arguments whose defaults only pydantic's `Field` knows, not the function itself.
    """

    tool_name: str
    input_schema: dict[str, Any]
    description: str
    _model: type[BaseModel]
    context_name: str | None = None
    defaulted: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the arguments' names in the order of the signature."""
        return tuple(self.input_schema["properties"])

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the function wants them: numbers, enums, models and arrays made of JSON.

        Arguments left out stay out, so that the function's own defaults hold.

        Args:
            arguments: JSON values by name; values that already have the right type pass as they are.

        Raises:
            InvalidRequestError: One is missing, unknown or of the wrong type; the message names each.
        """
        try:
            valid = self._model.model_validate(dict(arguments), context=FROM_WIRE)
        except ValidationError as exc:
            raise self._refusal(exc) from None
        given = valid.model_fields_set
        names = _names_of(self._model).items()
        return {name: getattr(valid, field) for field, name in names if field in given or name in self.defaulted}

    def defaults(self) -> dict[str, Any]:
        """Return what `defaulted` arguments are where they are left out, anew for each call."""
        fields = self._model.model_fields.values()
        found = {str(field.alias): field for field in fields if field.alias in self.defaulted}
        return {name: field.get_default(call_default_factory=True, validated_data={}) for name, field in found.items()}

    def _refusal(self, exc: ValidationError) -> InvalidRequestError:
        errors = exc.errors(include_url=False, include_context=False)
        problems = [self._problem(error["loc"], error["type"], error["msg"], error["input"]) for error in errors]
        takes = ", ".join(self.names) or "no arguments"
        return InvalidRequestError(
            f"invalid arguments for tool {self.tool_name!r}: {'; '.join(problems)} (it takes: {takes})",
            code="VALIDATION_ERROR",
            details={"errors": [{"loc": row["loc"], "type": row["type"], "msg": row["msg"]} for row in errors]},
        )

    def _problem(self, location: tuple[int | str, ...], kind: str, message: str, got: Any) -> str:
        path = ".".join(str(part) for part in location)
        if kind == "missing":
            return f"{path!r} is missing"
        if kind != "extra_forbidden":
            return f"{path!r}: {message[:1].lower()}{message[1:]}, got {reprlib.repr(got)}"
        close = difflib.get_close_matches(path, self.names, n=1) if len(location) == 1 else []
        return f"{path!r} is unknown" + (f", did you mean {close[0]!r}?" if close else "")


def read_signature(
    function: Callable[..., Any],
    tool_name: str,
    *,
    docstring: str | None = None,
    skip_first: bool = False,
    namespace: Mapping[str, Any] | None = None,
) -> ToolSignature:
    """Return the arguments that a function takes.

    Args:
        function: The function; decorated ones are read through `functools.wraps`.
        tool_name: The tool's name, for messages.
        docstring: What to read in place of the function's own docstring.
        skip_first: Whether the first argument is `self` or `cls`, which no caller gives.
        namespace: Further names that its annotations may use, such as those of its class.

    Raises:
        ConfigurationError: An annotation cannot be resolved or has no JSON form, or an argument cannot be given by
            name.
    """
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1 if skip_first else 0 :]
    for parameter in parameters:
        if parameter.kind not in {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}:
            raise ConfigurationError(
                f"argument {parameter.name!r} of tool {tool_name!r} cannot be given by name: name each argument"
            )
    described = read_docstring(docstring or function.__doc__)
    hints = _hints(function, tool_name, parameters, namespace or {})
    context_name = _context_name(hints, tool_name)
    parameters = [parameter for parameter in parameters if parameter.name != context_name]
    # Numbered, because pydantic has no fields that begin with an underscore or are named like its own methods.
    fields: dict[str, Any] = {
        f"argument_{index}": _field(parameter, hints[parameter.name], described.arguments.get(parameter.name))
        for index, parameter in enumerate(parameters)
    }
    try:
        model = create_model(tool_name, __base__=_Arguments, **fields)
        schema = model.model_json_schema(schema_generator=ToolJsonSchema)
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError) as exc:
        raise ConfigurationError(
            f"tool {tool_name!r} takes an argument that has no JSON form: {exc.message}; annotate it with a JSON type, "
            f"an enum, a pydantic model or a dataclass"
        ) from exc
    defaulted = frozenset(
        name
        for field, name in _names_of(model).items()
        if not model.model_fields[field].is_required() and not _has_own_default(signature.parameters[name])
    )
    return ToolSignature(tool_name, _object_schema(schema), described.description, model, context_name, defaulted)


def _context_name(hints: Mapping[str, Any], tool_name: str) -> str | None:
    """Return the argument that takes the call's context."""
    names = [name for name, hint in hints.items() if hint is ToolContext or ToolContext in get_args(hint)]
    if len(names) > 1:
        raise ConfigurationError(f"tool {tool_name!r} takes several of ToolContext: {', '.join(names)}; keep one")
    return names[0] if names else None


def _names_of(model: type[BaseModel]) -> dict[str, str]:
    return {field: info.alias or field for field, info in model.model_fields.items()}


def _object_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without what pydantic says of the model itself."""
    rest = {key: value for key, value in schema.items() if key not in {"title", "description", "type", "properties"}}
    return {"type": "object", "properties": schema.get("properties", {}), **rest}


def _field(parameter: inspect.Parameter, hint: Any, description: str | None) -> tuple[Any, Any]:
    default = parameter.default if _has_own_default(parameter) else ...
    field = parameter.default if isinstance(parameter.default, FieldInfo) else None
    if (default if field is None else field.default) is None and not _takes_none(hint):
        hint = typing.Optional[hint]  # noqa: UP045 - hint is a value
    if field is not None:
        # As FastAPI and FastMCP take it; inside `Annotated` it goes together with the argument's own name.
        hint = Annotated[hint, field]
    description = _own_description(hint) or description
    return hint, Field(default, alias=parameter.name, description=description)


def _has_own_default(parameter: inspect.Parameter) -> bool:
    """Return whether the function knows by itself what an argument is that is left out."""
    return parameter.default is not inspect.Parameter.empty and not isinstance(parameter.default, FieldInfo)


def _takes_none(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        return _takes_none(get_args(hint)[0])
    return hint is Any or hint is None or type(None) in get_args(hint)


def _own_description(hint: Any) -> str | None:
    """Return the description inside an `Annotated` hint: a plain text, or that of pydantic's `Field`."""
    if get_origin(hint) is not Annotated:
        return None
    for note in get_args(hint)[1:]:
        text = note.description if isinstance(note, FieldInfo) else note
        if isinstance(text, str):
            return text
    return None


def _hints(
    function: Callable[..., Any],
    tool_name: str,
    parameters: Iterable[inspect.Parameter],
    namespace: Mapping[str, Any],
) -> dict[str, Any]:
    """Return each argument's type."""
    scope = Scope.of(function, namespace)
    found: dict[str, Any] = {}
    for parameter in parameters:
        annotation = parameter.annotation
        if annotation is inspect.Parameter.empty:
            found[parameter.name] = Any
            continue
        try:
            found[parameter.name] = scope.resolve(annotation)
        except NameError as exc:
            raise ConfigurationError(
                f"argument {parameter.name!r} of tool {tool_name!r} is annotated with {annotation!r}, which is not "
                f"known when the program runs ({exc}): define it at the module's top level, or import it outside "
                f"`if TYPE_CHECKING:`"
            ) from exc
    return found
