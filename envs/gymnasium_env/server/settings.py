"""What a server of the Gymnasium environment plays."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from gymnasium_env.models import Render
from openenv.core.exceptions import ConfigurationError

__all__ = ["GymnasiumSettings"]

_RENDERS: dict[str, Render] = {"": False, "png": "png", "array": "array", "text": "text"}


@dataclass(frozen=True)
class GymnasiumSettings:
    """What a server plays, and what its clients may choose.

    Attributes:
        id: What is played, as Gymnasium calls it.
        options: Further arguments of `gymnasium.make` for that.
        allowed: Patterns of what a reset may choose in its place, such as `ALE/*`. No pattern reaches an id that names
            a module to import.
        render: How steps are shown that do not say it.
    """

    id: str = "CartPole-v1"
    options: Mapping[str, Any] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    render: Render = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "GymnasiumSettings":
        """Return the settings that environment variables give.

        Args:
            environ: The variables: `GYMNASIUM_ID`, `GYMNASIUM_OPTIONS` (JSON), `GYMNASIUM_ALLOWED` (commas between)
                and `GYMNASIUM_RENDER`.

        Raises:
            ConfigurationError: One has a value that cannot work.
        """
        render = environ.get("GYMNASIUM_RENDER", "").strip().lower()
        if render not in _RENDERS:
            raise ConfigurationError(f"expected one of png, array, text as GYMNASIUM_RENDER, got {render!r}")
        patterns = (pattern.strip() for pattern in environ.get("GYMNASIUM_ALLOWED", "").split(","))
        return cls(
            id=environ.get("GYMNASIUM_ID", "").strip() or cls.id,
            options=_options(environ.get("GYMNASIUM_OPTIONS", "")),
            allowed=tuple(pattern for pattern in patterns if pattern),
            render=_RENDERS[render],
        )

    def allows(self, gymnasium_id: str) -> bool:
        """Return whether a reset may choose an environment."""
        if gymnasium_id == self.id:
            return True
        return ":" not in gymnasium_id and any(fnmatchcase(gymnasium_id, pattern) for pattern in self.allowed)


def _options(text: str) -> Mapping[str, Any]:
    try:
        options = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigurationError(f"expected JSON as GYMNASIUM_OPTIONS, got {text[:80]!r}: {error}") from error
    if not isinstance(options, dict):
        raise ConfigurationError(f"expected a JSON object as GYMNASIUM_OPTIONS, got {text[:80]!r}")
    return options
