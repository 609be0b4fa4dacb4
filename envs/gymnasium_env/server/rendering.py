"""What an environment looks like: as a PNG file, as an array, or as text."""

import io
import re
from typing import Any

import gymnasium
import numpy as np
from PIL import Image

from gymnasium_env.models import Render
from gymnasium_env.server.worlds import World, render_modes
from openenv.core.exceptions import InvalidRequestError

__all__ = ["check_can_render", "rendered", "with_tags"]

_MODES = {"png": "rgb_array", "array": "rgb_array", "text": "ansi"}
_COLOURED = re.compile(r"\x1b\[([0-9;]+)m(.*?)\x1b\[0?m", re.DOTALL)
_OTHER_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_COLOURS = ("gray", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def check_can_render(world: World, render: Render) -> None:
    """See that an environment can be rendered in a way, before anything is done.

    Raises:
        InvalidRequestError: It cannot.
    """
    if render and _mode(render) not in render_modes(world):
        name = world.spec.id if world.spec else str(world)
        raise InvalidRequestError(
            f"{name} cannot be rendered as {_kind(render)}, which takes {_mode(render)}: its render modes are "
            f"{', '.join(render_modes(world)) or 'none'}"
        )


def rendered(world: World, render: Render) -> dict[str, Any]:
    """Return the field of an observation that shows the environment; nothing where none is asked for.

    Raises:
        RuntimeError: What draws the frames is not installed.
    """
    if not render:
        return {}
    kind = _kind(render)
    if world.unwrapped.render_mode != _mode(render):
        # Environments look at their mode whenever they are rendered, so that one can do both.
        world.unwrapped.render_mode = _mode(render)
    try:
        shown: Any = world.render()
    except gymnasium.error.DependencyNotInstalled as error:
        raise RuntimeError(f"what draws its frames is not installed: {error}") from error
    if kind == "text":
        return {"text": with_tags(str(shown))}
    # The frame may be the environment's own, which the next step changes.
    frame = np.array(shown, dtype=np.uint8)
    return {"frame": frame} if kind == "array" else {"png": _png(frame)}


def with_tags(text: str) -> str:
    """Return a text for terminals with tags in the place of its colours, such as `<red>S</red>`."""
    return _OTHER_ESCAPES.sub("", _COLOURED.sub(_tagged, text))


def _tagged(match: re.Match[str]) -> str:
    numbers = [int(number) for number in match[1].split(";") if number]
    # The tens say whether it is the letters' colour or the ground's.
    colours = [_COLOURS[number % 10] for number in numbers if 30 <= number < 48 and number % 10 < len(_COLOURS)]
    return f"<{colours[0]}>{match[2]}</{colours[0]}>" if colours else match[2]


def _kind(render: Render) -> str:
    return render if isinstance(render, str) else "png"


def _mode(render: Render) -> str:
    return _MODES[_kind(render)]


def _png(frame: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="PNG")
    return buffer.getvalue()
