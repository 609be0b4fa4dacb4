"""The Gymnasium environment: frames of three of the environments that it plays."""

import io

from PIL import Image

from gymnasium_env import GymnasiumAction, GymnasiumEnv
from gymnasium_env.server.gymnasium_environment import RegistryEnvironment
from gymnasium_env.server.settings import GymnasiumSettings

from ..show import Picture

__all__ = ["show"]

# What is played, and the actions: Breakout's paddle serves, and stays where it is.
_PLAYED = {"CartPole-v1": (1,) * 6, "Taxi-v4": (0, 0, 3), "ALE/Breakout-v5": (1, *(0,) * 12)}
_HEIGHT = 280


def show() -> Picture:
    """Play each for some steps, and put their last frames side by side."""
    frames = [_frame(name, actions) for name, actions in _PLAYED.items()]
    whole = Image.new("RGB", (sum(frame.width for frame in frames) + 8 * (len(frames) - 1), _HEIGHT), "white")
    left = 0
    for frame in frames:
        whole.paste(frame, (left, 0))
        left += frame.width + 8
    file = io.BytesIO()
    whole.save(file, "PNG", optimize=True)
    return Picture(file.getvalue(), "png", f"Frames of {', '.join(_PLAYED)}, each after some steps.")


def _frame(name: str, actions: tuple[int, ...]) -> Image.Image:
    settings = GymnasiumSettings(id=name, render="png")
    with GymnasiumEnv.from_environment(lambda: RegistryEnvironment(settings)).sync() as env:
        env.reset(seed=1)
        for action in actions:
            result = env.step(GymnasiumAction(action=action))
        png = result.observation.png
    if png is None:
        raise ValueError(f"{name} shows no frame")
    frame = Image.open(io.BytesIO(png)).convert("RGB")
    return frame.resize((round(frame.width * _HEIGHT / frame.height), _HEIGHT))
