"""`@prompt`: marks a method of an environment as a prompt that MCP clients offer to their users."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from ..exceptions import ConfigurationError
from ..media import content_block
from .results import content_of, json_value
from .signature import ToolSignature, read_signature

__all__ = ["BoundPrompt", "prompt", "prompt_messages", "prompts_of"]

_F = TypeVar("_F", bound=Callable[..., Any])

_MARK = "__openenv_prompt__"
_ROLES = ("user", "assistant")


@dataclass(frozen=True)
class _PromptMark:
    """What `@prompt` notes on a function."""

    name: str
    description: str | None


@dataclass(frozen=True)
class BoundPrompt:
    """A prompt of one environment.

    Attributes:
        name: The name it is asked for by.
        description: What it is for.
        signature: The arguments it takes.
        function: The environment's method.
    """

    name: str
    description: str
    signature: ToolSignature
    function: Callable[..., Any]

    def row(self) -> dict[str, Any]:
        """Return what clients are told of it, in MCP's own fields."""
        schema = self.signature.input_schema
        required = schema.get("required", [])
        arguments = [
            {"name": name, "description": about.get("description", ""), "required": name in required}
            for name, about in schema["properties"].items()
        ]
        return {"name": self.name, "description": self.description, "arguments": arguments}

    def completions(self, argument: str, begun: str) -> list[str]:
        """Return the values of an argument that go on from what its user has begun to write, where it has a few.

        Args:
            argument: The argument's name.
            begun: What has been written of it.
        """
        schema = self.signature.input_schema
        values = _values_of(schema["properties"].get(argument, {}), schema.get("$defs", {}))
        return [value for value in values if value.casefold().startswith(begun.casefold())]


def _values_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[str]:
    """Return the texts that a schema allows, where it names them."""
    if "$ref" in schema:
        return _values_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    inner = [value for part in schema.get("anyOf", ()) for value in _values_of(part, definitions)]
    named = [schema["const"]] if "const" in schema else schema.get("enum", [])
    return [*(str(value) for value in named), *inner]


@overload
def prompt(function: _F, /) -> _F: ...


@overload
def prompt(*, name: str | None = None, description: str | None = None) -> Callable[[_F], _F]: ...


def prompt(
    function: _F | None = None, /, *, name: str | None = None, description: str | None = None
) -> _F | Callable[[_F], _F]:
    """Offer a method of an environment as a prompt: a text with places to fill in, which users of MCP clients pick.

    The method, which may be a coroutine function, returns a text, a picture or a sound, or a list of such and of
    messages, `{"role": "user" | "assistant", "content": ...}`. Its arguments arrive as texts and become what their type
    hints say. Their descriptions come from the docstring, like a tool's. Overridden in a subclass it stays a prompt;
    `name = None` in a subclass withdraws it.

    Args:
        function: The method, where the decorator is used bare.
        name: The prompt's name; the method's own by default.
        description: What it is for; from the docstring by default.

    Raises:
        ConfigurationError: It is no function.
    """

    def mark(marked: _F) -> _F:
        if not inspect.isfunction(marked):
            raise ConfigurationError(f"@prompt marks methods; got {type(marked).__name__}: write it above a `def`")
        setattr(marked, _MARK, _PromptMark(name or marked.__name__, description))
        return marked

    return mark if function is None else mark(function)


def prompts_of(owner: object) -> dict[str, BoundPrompt]:
    """Return the prompts of an environment, or of its class, by name and in the order of their definition.

    Args:
        owner: An environment or its class.

    Raises:
        ConfigurationError: The arguments of one have no JSON schema.
    """
    cls = owner if isinstance(owner, type) else type(owner)
    found: dict[str, BoundPrompt] = {}
    for attribute in dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base)):
        function = inspect.getattr_static(cls, attribute)
        marks = (getattr(vars(base).get(attribute), _MARK, None) for base in cls.__mro__)
        mark = next((mark for mark in marks if isinstance(mark, _PromptMark)), None)
        if mark is not None and inspect.isfunction(function):
            signature = read_signature(function, mark.name, skip_first=True, namespace=vars(cls))
            described = signature.description if mark.description is None else mark.description
            found[mark.name] = BoundPrompt(mark.name, described, signature, getattr(owner, attribute))
    return found


def prompt_messages(value: Any) -> list[dict[str, Any]]:
    """Return what a prompt's method returned as messages, in MCP's own fields.

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    items = value if isinstance(value, (list, tuple)) else [value]
    return [_message(item) for item in items]


def _message(item: Any) -> dict[str, Any]:
    role, content = "user", item
    if isinstance(item, Mapping) and item.get("role") in _ROLES and "content" in item:
        role, content = item["role"], item["content"]
    elif getattr(item, "role", None) in _ROLES and hasattr(item, "content"):
        role, content = item.role, item.content
    block = content_block(content)
    return {"role": role, "content": content_of(json_value(content) if block is None else block)}
