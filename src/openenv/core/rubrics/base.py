"""What a rubric is: a function from an action and its observation to a score, made of other rubrics or not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from math import isfinite
from types import MappingProxyType
from typing import Any

from ..exceptions import ConfigurationError, RubricError
from ._evaluation import Evaluation, after, run

__all__ = ["HookHandle", "Rubric"]

_NONE_NAMED: Mapping[str, Any] = MappingProxyType({})


class HookHandle:
    """What takes a hook away again."""

    def __init__(self, hooks: list[Callable[..., Any]], hook: Callable[..., Any]) -> None:
        """Take the list that a hook stands in."""
        self._hooks = hooks
        self._hook = hook

    def remove(self) -> None:
        """Take the hook away; does nothing where it is gone already."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


class Rubric(ABC):
    """Scores an action and its observation. Subclass it with a `forward`, and call the instance.

    Rubrics that are assigned to attributes are its children, as modules are in PyTorch: they have names, and their
    scores can be looked up after each call. Subclasses need not call this class's constructor.

    Attributes:
        last_score: What the last call gave; `None` before the first, after `reset`, and where the last call of a parent
            did not get as far as this rubric.
    """

    last_score: float | None = None
    # Instances get their own when there is something to put in; these are never changed.
    _rubric_children: Mapping[str, Rubric] = _NONE_NAMED
    _forward_hooks: list[Callable[..., Any]] | tuple[()] = ()
    _forward_pre_hooks: list[Callable[..., Any]] | tuple[()] = ()

    @abstractmethod
    def forward(self, action: Any, observation: Any) -> Any:
        """Return the score: a finite number. May be a coroutine function.

        Args:
            action: What the agent did.
            observation: What came of it.
        """

    def __call__(self, action: Any, observation: Any) -> Any:
        """Return the score as a float; or where this rubric, or one that it asks, is asynchronous, an awaitable of it.

        Args:
            action: What the agent did.
            observation: What came of it.

        Raises:
            RubricError: `forward` gave no finite number.
        """
        if self._forward_pre_hooks or self._forward_hooks:
            return run(self._hooked(action, observation))
        self._forget_scores()
        return after(self.forward(action, observation), self._keep)

    def _hooked(self, action: Any, observation: Any) -> Evaluation[float]:
        self._forget_scores()
        for hook in tuple(self._forward_pre_hooks):
            yield hook(self, action, observation)
        score = self._keep((yield self.forward(action, observation)))
        for hook in tuple(self._forward_hooks):
            yield hook(self, action, observation, score)
        return score

    def _keep(self, value: Any) -> float:
        score = self.__dict__["last_score"] = self._as_score(value)
        return score

    def _as_score(self, value: Any) -> float:
        if type(value) is float and isfinite(value):
            return value
        if not isinstance(value, (str, bytes)):
            with suppress(TypeError, ValueError, OverflowError):
                score = float(value)
                # Sums and comparisons would pass it on, or hide it.
                if isfinite(score):
                    return score
        wanted = "a finite number" if isinstance(value, float) else "a number"
        got = "None" if value is None else f"{type(value).__name__}: {value!r:.80}"
        raise RubricError(f"expected {wanted} from {type(self).__name__}.forward, got {got}")

    def _forget_scores(self) -> None:
        own = self.__dict__
        own["last_score"] = None
        children: Mapping[str, Rubric] | None = own.get("_rubric_children")
        if children:
            for child in children.values():
                child._forget_scores()

    # -- children ------------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a rubric becomes a child of that name."""
        if isinstance(value, Rubric):
            self._add_child(name, value)
        elif name in self._rubric_children:
            del self._own_children()[name]
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        """Delete an attribute, and the child of that name."""
        if name in self._rubric_children:
            del self._own_children()[name]
        if name in self.__dict__:
            object.__delattr__(self, name)

    def __getattr__(self, name: str) -> Any:
        """Return a child that has a name and is no attribute, as those of containers."""
        # Not by way of the attribute: a copy that is being made has none yet.
        children: Mapping[str, Rubric] = self.__dict__.get("_rubric_children", _NONE_NAMED)
        if name in children:
            return children[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _add_child(self, name: str, rubric: object) -> None:
        """Make a rubric a child of a name.

        Raises:
            ConfigurationError: It is none, or this rubric is part of it.
        """
        if not isinstance(rubric, Rubric):
            raise ConfigurationError(
                f"expected a Rubric as {name!r} of {type(self).__name__}, got {type(rubric).__name__}: {rubric!r:.80}"
            )
        if rubric is self or any(node is self for node in rubric.rubrics()):
            raise ConfigurationError(f"{type(self).__name__} cannot be a part of itself, as its {name!r}")
        self._own_children()[name] = rubric

    def _own_children(self) -> dict[str, Rubric]:
        children: dict[str, Rubric] = self.__dict__.setdefault("_rubric_children", {})
        return children

    def children(self) -> Iterator[Rubric]:
        """Return its children."""
        yield from self._rubric_children.values()

    def named_children(self) -> Iterator[tuple[str, Rubric]]:
        """Return its children with their names."""
        yield from self._rubric_children.items()

    def rubrics(self) -> Iterator[Rubric]:
        """Return its children, theirs, and so on, without itself."""
        for _, rubric in self.named_rubrics():
            yield rubric

    def named_rubrics(self, prefix: str = "") -> Iterator[tuple[str, Rubric]]:
        """Return its children, theirs, and so on, with the dotted paths that lead to them.

        Args:
            prefix: What the paths begin with.
        """
        for name, child in self._rubric_children.items():
            path = f"{prefix}.{name}" if prefix else name
            yield path, child
            yield from child.named_rubrics(path)

    def get_rubric(self, path: str) -> Rubric:
        """Return the rubric that a dotted path leads to: `get_rubric("quality.style")`.

        Raises:
            KeyError: There is none; the message names those that there are.
        """
        found = dict(self.named_rubrics())
        if path not in found:
            known = ", ".join(map(repr, found)) or "no rubric below it"
            raise KeyError(f"no rubric {path!r} in {type(self).__name__}, which has {known}")
        return found[path]

    def __repr__(self) -> str:
        children = ", ".join(f"{name}={child!r}" for name, child in self._rubric_children.items())
        return f"{type(self).__name__}({children})"

    # -- scores --------------------------------------------------------------------------------------------------------

    def last_scores(self) -> dict[str, float | None]:
        """Return the last scores of its children, theirs, and so on, by their paths."""
        return {path: rubric.last_score for path, rubric in self.named_rubrics()}

    def report(self) -> dict[str, Any]:
        """Return what is told of the last call in an observation's metadata: `score`, and `scores` by path."""
        return {"score": self.last_score, "scores": self.last_scores()}

    # -- hooks ---------------------------------------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook: Callable[[Rubric, Any, Any], Any]) -> HookHandle:
        """Have a function called before each `forward`, with the rubric, the action and the observation.

        Args:
            hook: The function. One that is a coroutine function is awaited, and so must be the rubric.
        """
        return self._add_hook("_forward_pre_hooks", hook)

    def register_forward_hook(self, hook: Callable[[Rubric, Any, Any, float], Any]) -> HookHandle:
        """Have a function called after each `forward`, with the rubric, the action, the observation and the score.

        Args:
            hook: The function; what it returns is not used. One that is a coroutine function is awaited, and so must
                be the rubric.
        """
        return self._add_hook("_forward_hooks", hook)

    def _add_hook(self, name: str, hook: Callable[..., Any]) -> HookHandle:
        hooks: list[Callable[..., Any]] = self.__dict__.setdefault(name, [])
        hooks.append(hook)
        return HookHandle(hooks, hook)

    # -- what lasts ----------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Begin a new episode: forget the last scores, and have the children do the same."""
        self.__dict__["last_score"] = None
        for child in self._rubric_children.values():
            child.reset()

    def state_dict(self) -> dict[str, Any]:
        """Return the settings to keep, those of children under their dotted paths.

        Subclasses with settings of their own add these to what this method returns.
        """
        return {
            f"{name}.{key}": value
            for name, child in self._rubric_children.items()
            for key, value in child.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over settings that `state_dict` returned, as far as they are there.

        Subclasses with settings of their own take these, and hand the rest to this method.

        Raises:
            KeyError: A path leads to no child.
        """
        parts: dict[str, dict[str, Any]] = {}
        for key, value in state.items():
            # A child's name may hold dots itself.
            names = [name for name in self._rubric_children if key.startswith(f"{name}.")]
            if names:
                name = max(names, key=len)
                parts.setdefault(name, {})[key[len(name) + 1 :]] = value
            elif "." in key:
                known = ", ".join(map(repr, self._rubric_children)) or "none"
                raise KeyError(f"no child for {key!r} in {type(self).__name__}, whose children are {known}")
        for name, part in parts.items():
            self._rubric_children[name].load_state_dict(part)
