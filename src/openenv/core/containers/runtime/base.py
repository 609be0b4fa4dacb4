"""What a provider is.

Providers are plain synchronous objects: asynchronous callers run their methods in threads. `stop()` and
`stop_container()` may come from another thread while a start is under way, may come twice, and may come when nothing
was started.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["ContainerProvider", "RuntimeProvider"]


class ContainerProvider(ABC):
    """Starts an environment's server from a container image.

    A subclass implements `start_container`, `stop_container` and `wait_for_ready`. Leaving the `with` block stops the
    container.
    """

    @abstractmethod
    def start_container(
        self,
        image: str,
        port: int | None = None,
        env_vars: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> str:
        """Start a container and return the base URL of its server, which need not answer yet.

        Args:
            image: Name of the image.
            port: Port to publish on this host; `None` for a free one.
            env_vars: Environment variables for the container.
            **kwargs: Options of the provider.

        Raises:
            ProviderError: It could not be started.
        """

    @abstractmethod
    def stop_container(self) -> None:
        """Stop the container and remove it; do nothing when none runs."""

    @abstractmethod
    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        """Return once the server answers.

        Args:
            base_url: What `start_container` returned.
            timeout_s: Seconds until giving up.

        Raises:
            ServerStartError: It died or did not answer in time.
        """

    def close(self) -> None:
        """Stop the container."""
        self.stop_container()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class RuntimeProvider(ABC):
    """Starts an environment's server without a container.

    A subclass implements `start`, `stop` and `wait_for_ready`. Inside the `with` block the server runs and answers.
    """

    @abstractmethod
    def start(
        self,
        port: int | None = None,
        env_vars: dict[str, str] | None = None,
        workers: int = 1,
        **kwargs: Any,
    ) -> str:
        """Start the server and return its base URL, where it need not answer yet.

        Args:
            port: Port to listen on; `None` for a free one.
            env_vars: Environment variables for the server.
            workers: Number of server processes.
            **kwargs: Options of the provider.

        Raises:
            ProviderError: It could not be started.
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop the server; do nothing when none runs."""

    @abstractmethod
    def wait_for_ready(self, timeout_s: float = 30.0) -> None:
        """Return once the server answers.

        Args:
            timeout_s: Seconds until giving up.

        Raises:
            ServerStartError: It died or did not answer in time.
        """

    def close(self) -> None:
        """Stop the server."""
        self.stop()

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait_for_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
