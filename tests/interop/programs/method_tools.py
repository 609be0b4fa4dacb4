"""The tools of `fastmcp_tools` as methods: what only this package can serve."""

from typing import Any

from openenv.core.env_server import Action, Environment, Observation, State, create_app
from openenv.core.tools import tool


class ToolsEnvironment(Environment[Action, Observation, State]):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self.remembered: list[str] = []
        self._state = State(episode_id="tools")

    @tool
    def add(self, a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b

    @tool
    def remember(self, text: str) -> dict[str, Any]:
        """Keep a text and give back all that were kept."""
        self.remembered.append(text)
        return {"kept": list(self.remembered)}

    @tool
    def shout(self, text: str) -> str:
        """Say it loud."""
        return text.upper()

    @tool
    def fail(self, text: str) -> str:
        """Never works."""
        raise ValueError(f"too far: {text}")

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        self._state = State(episode_id=episode_id or "tools")
        return Observation(done=False, reward=0.0, metadata={"status": "ready"})

    def step(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        raise ValueError(f"no tool call: {type(action).__name__}")

    @property
    def state(self) -> State:
        return self._state


app = create_app(ToolsEnvironment, env_name="tools", max_concurrent_envs=16)
