"""The echo environment: a step, and a tool."""

from echo_env import EchoAction, EchoEnv
from echo_env.server.echo_environment import EchoEnvironment

from ..show import Transcript

__all__ = ["show"]


def show() -> Transcript:
    """Play a step, and call a tool."""
    transcript = Transcript()
    with EchoEnv.from_environment(EchoEnvironment).sync() as env:
        transcript.agent("reset()")
        transcript.environment(env.reset().observation.echoed_message)
        transcript.agent('step(EchoAction(message="Hello, World!"))')
        result = env.step(EchoAction(message="Hello, World!"))
        transcript.environment(f"{result.observation.echoed_message}   reward {result.reward}")
        transcript.agent('call_tool("echo_with_length", message="Hello")')
        transcript.environment(env.call_tool("echo_with_length", message="Hello"))
    return transcript
