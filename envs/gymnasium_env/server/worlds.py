"""Environments of Gymnasium, made by their ids."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import gymnasium

from gymnasium_env.server.drawing import DrawnInTurn
from openenv.core.exceptions import ConfigurationError

__all__ = ["World", "action_meanings", "make_world", "render_modes"]

World: TypeAlias = "gymnasium.Env[Any, Any]"

_ATARI = "ALE/"


def make_world(gymnasium_id: str, options: Mapping[str, Any]) -> World:
    """Make an environment that can be rendered, if it can be at all.

    Args:
        gymnasium_id: What Gymnasium calls it.
        options: Further arguments of `gymnasium.make`.

    Raises:
        ConfigurationError: Gymnasium cannot make it; the message says why.
    """
    if gymnasium_id.startswith(_ATARI):
        _register_atari()
    try:
        # What comes is checked against the space, and what is answered is as Gymnasium's own environments give it.
        made: World = gymnasium.make(gymnasium_id, disable_env_checker=True, **_with_mode(gymnasium_id, options))
    except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
        raise ConfigurationError(f"Gymnasium cannot make {gymnasium_id!r}: {error}") from error
    return DrawnInTurn(made)


def render_modes(world: World) -> list[str]:
    """Return the ways in which an environment can be shown without a screen."""
    modes = world.metadata.get("render_modes") or ()
    return [mode for mode in modes if mode in ("ansi", "rgb_array")]


def action_meanings(world: World) -> list[str]:
    """Return what the actions mean, as Atari's environments tell it; nothing where it is not told."""
    tell = getattr(world.unwrapped, "get_action_meanings", None)
    return [str(meaning) for meaning in tell()] if callable(tell) else []


def _with_mode(gymnasium_id: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with a render mode that the environment has, as some need to know it from the start."""
    if "render_mode" in options:
        return dict(options)
    entry = gymnasium.spec(gymnasium_id).entry_point
    made_by = gymnasium.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    modes = getattr(made_by, "metadata", {}).get("render_modes") or ()
    mode = next((mode for mode in ("rgb_array", "ansi") if mode in modes), None)
    return {**options, **({"render_mode": mode} if mode else {})}


def _register_atari() -> None:
    try:
        import ale_py
    except ImportError:
        raise ConfigurationError(
            "Atari needs ale-py, which is not installed: pip install 'openenv-gymnasium-env[atari]'"
        ) from None
    # It greets on standard error for each environment that is made.
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    gymnasium.register_envs(ale_py)
