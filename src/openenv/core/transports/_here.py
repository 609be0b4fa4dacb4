"""An environment asked in the calling thread. Whoever imports this loads the server's code."""

from __future__ import annotations

from ..env_server.dispatch import is_one_call
from ..env_server.environment_spec import EnvironmentSpec
from ..env_server.execution import raisable
from ..env_server.runner import LocalRunner
from ..wire.frames import Answer, JsonObject, Request
from .inprocess import data_of, told

__all__ = ["Here"]


class Here:
    """One environment, whose code runs where it is asked."""

    def __init__(self, runner: LocalRunner) -> None:
        """Take what runs the environment."""
        self._runner = runner

    @classmethod
    async def made(cls, spec: EnvironmentSpec) -> Here:
        """Return a new environment.

        Raises:
            EnvironmentFactoryError: Its constructor raised.
        """
        return cls(await LocalRunner.inline(spec))

    async def answer(self, request: Request) -> JsonObject:
        """Return the data of the environment's answer.

        Raises:
            OpenEnvError: The request was refused, or the environment raised.
        """
        runner = self._runner
        try:
            if not is_one_call(runner, request):
                return data_of(await runner.answer(request))
            answer = runner.perform(request)
            return data_of(answer if type(answer) is Answer else await runner.run(lambda: answer))
        except Exception as exc:
            raise told(exc) from exc
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exc:
            raise told(raisable(exc)) from exc

    async def close(self) -> None:
        """Close the environment."""
        await self._runner.close()
