"""What an environment promises of its tools."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.env_server.mcp_types import RESERVED_TOOL_NAMES, Tool, ToolErrorType
from ..core.exceptions import ToolCallError
from ._environment_check import Check, LeftOut, Seen, Unmet
from ._environment_subject import Fields, Subject
from ._schema_values import invalid_objects, schema_problem
from .environment_report import Level, Severity

__all__ = ["TOOL_CHECKS"]

_NO_SUCH_TOOL = "no_such_tool"


def tools_are_listed(subject: Subject) -> Iterator[Seen]:
    """Read the list."""
    if not subject.tools and subject.why_no_tools:
        raise Unmet(f"asked for its tools, it raised {subject.why_no_tools}")
    names = [tool.name for tool in _tools(subject)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Seen(f"there are {names.count(name)} tools of the name {name!r}", field=name)
    for name in sorted(RESERVED_TOOL_NAMES & set(names)):
        yield Seen(f"a tool is called {name!r}, which is what a session's own operations are called", field=name)


def tools_are_described(subject: Subject) -> Iterator[Seen]:
    """Read the descriptions."""
    for tool in _tools(subject):
        if not tool.description.strip():
            yield Seen(f"the tool {tool.name!r} has no description", field=tool.name)


def tool_schemas_are_valid(subject: Subject) -> Iterator[Seen]:
    """Look at the schemas of the tools' arguments."""
    for tool in _tools(subject):
        problem = schema_problem(tool.input_schema)
        if problem:
            yield Seen(f"the schema of {tool.name!r} is none: {problem}", field=tool.name)
        elif tool.input_schema.get("type") != "object":
            yield Seen(f"the schema of {tool.name!r} has the type {tool.input_schema.get('type')!r}", field=tool.name)


def tools_take_valid_arguments(subject: Subject) -> Iterator[Seen]:
    """Call each tool with random arguments that its schema describes."""
    refusing = {ToolErrorType.INVALID_ARGS, ToolErrorType.TOOL_NOT_FOUND, ToolErrorType.TRANSPORT_ERROR}
    with subject.session() as session:
        session.begin()
        for tool in _tools(subject):
            for arguments in subject.calls[tool.name]:
                error = session.call_tool(tool.name, arguments)
                if error is not None and error.code in {each.value for each in refusing}:
                    yield Seen(f"{_call(tool, arguments)} was refused: {_line(error)}", field=tool.name)
                    break


def tools_return_results(subject: Subject) -> Iterator[Seen]:
    """Call each tool, and see whether it ever returns something."""
    tools = [tool for tool in _tools(subject) if not _takes_free_text(tool.input_schema)]
    if not tools:
        raise LeftOut("what its tools take is text of which only some may mean something")
    with subject.session() as session:
        session.begin()
        for tool in tools:
            calls = [(arguments, session.call_tool(tool.name, arguments)) for arguments in subject.calls[tool.name]]
            if calls and all(error is not None for _, error in calls):
                arguments, error = calls[-1]
                why = "" if error is None else _line(error)
                told = f"each of {len(calls)} calls failed, such as {_call(tool, arguments)}: {why}"
                yield Seen(told, field=tool.name)


def _takes_free_text(schema: object) -> bool:
    """Tell whether a text that a schema describes may be any."""
    if isinstance(schema, list):
        return any(map(_takes_free_text, schema))
    if not isinstance(schema, dict):
        return False
    if schema.get("type") == "string":
        return not {"const", "enum", "format", "pattern"} & set(schema)
    return any(map(_takes_free_text, schema.values()))


def tools_refuse_invalid_arguments(subject: Subject) -> Iterator[Seen]:
    """Call each tool with arguments that its schema does not describe, and one that there is not."""
    with subject.session() as session:
        session.begin()
        for tool in _tools(subject):
            for wrong, arguments in _invalid(tool, subject):
                error = session.call_tool(tool.name, arguments)
                if error is None or error.code != ToolErrorType.INVALID_ARGS.value:
                    got = "returned a result" if error is None else f"failed with {error.code}: {_line(error)}"
                    yield Seen(f"{tool.name!r}, called {wrong}, {got}", field=tool.name)
                    break
        missing = session.call_tool(_NO_SUCH_TOOL, {})
        if missing is None or missing.code != ToolErrorType.TOOL_NOT_FOUND.value:
            told = "returned a result" if missing is None else f"failed with {missing.code}"
            yield Seen(f"{_NO_SUCH_TOOL!r}, which there is not, {told}")


def _invalid(tool: Tool, subject: Subject) -> list[tuple[str, Fields]]:
    valid = subject.calls[tool.name]
    return list(invalid_objects(tool.input_schema, valid[0], may_have_more=True)) if valid else []


def _line(error: ToolCallError) -> str:
    return (error.message.splitlines() or [""])[0]


def _call(tool: Tool, arguments: Fields) -> str:
    return f"{tool.name}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


def _tools(subject: Subject) -> list[Tool]:
    if not subject.tools:
        raise LeftOut("it has no tools")
    return subject.tools


TOOL_CHECKS: tuple[Check[Subject], ...] = (
    Check(
        tools_are_listed,
        Level.CONTRACT,
        "tools have names of their own, and none of a session's operations (reset, step, state, close)",
        'rename the tool, as in @tool(name="…")',
    ),
    Check(
        tools_are_described,
        Level.CONTRACT,
        "every tool says what it does, for models choose by that",
        "write a docstring on its method",
        Severity.WARNING,
    ),
    Check(
        tool_schemas_are_valid,
        Level.CONTRACT,
        "a tool's arguments have a JSON schema of the type object",
        "annotate every argument with a type that pydantic describes",
    ),
    Check(
        tools_take_valid_arguments,
        Level.CONTRACT,
        "arguments that a tool's schema describes are not refused",
        "say in the argument's type what is valid, as in Annotated[int, Field(ge=0)], rather than in its code",
    ),
    Check(
        tools_return_results,
        Level.CONTRACT,
        "of several valid calls of a tool, some return a result",
        "return what went wrong as a result where it is a matter of the arguments' values",
        Severity.WARNING,
    ),
    Check(
        tools_refuse_invalid_arguments,
        Level.CONTRACT,
        "arguments that a tool's schema does not describe are refused as invalid_args, and no such tool as such",
        "annotate every argument closely, and take no **kwargs",
    ),
)
"""In the order in which they are made."""
