"""The provider contracts, with subclasses as they are written outside: the three methods, and few keywords."""

from __future__ import annotations

import pytest

from openenv.core.containers.runtime import ContainerProvider, RuntimeProvider


class Container(ContainerProvider):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def start_container(self, image: str, port=None, env_vars=None):  # type: ignore[no-untyped-def, override]  # noqa: ANN001, ANN201
        self.calls.append(f"start {image}")
        return "http://127.0.0.1:1"

    def stop_container(self) -> None:
        self.calls.append("stop")

    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        self.calls.append(f"wait {base_url}")


class Runtime(RuntimeProvider):
    def __init__(self, problem: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.problem = problem

    def start(self, port=None, env_vars=None):  # type: ignore[no-untyped-def, override]  # noqa: ANN001, ANN201
        self.calls.append("start")
        return "http://127.0.0.1:1"

    def stop(self) -> None:
        self.calls.append("stop")

    def wait_for_ready(self, timeout_s: float = 30.0) -> None:
        self.calls.append("wait")
        if self.problem is not None:
            raise self.problem


def test_a_container_is_stopped_at_the_end_of_its_block() -> None:
    with Container() as provider:
        provider.wait_for_ready(provider.start_container("image"))
    assert provider.calls == ["start image", "wait http://127.0.0.1:1", "stop"]


def test_a_container_is_stopped_when_its_block_raises() -> None:
    provider = Container()
    with pytest.raises(ValueError, match="mine"), provider:
        raise ValueError("mine")
    assert provider.calls == ["stop"]


def test_closing_a_container_provider_stops_it() -> None:
    provider = Container()
    provider.close()
    assert provider.calls == ["stop"]


def test_inside_the_block_of_a_runtime_its_server_is_ready() -> None:
    with Runtime() as provider:
        assert provider.calls == ["start", "wait"]
    assert provider.calls == ["start", "wait", "stop"]


def test_a_runtime_that_does_not_become_ready_is_stopped() -> None:
    provider = Runtime(problem=TimeoutError("late"))
    with pytest.raises(TimeoutError, match="late"):
        provider.__enter__()
    assert provider.calls == ["start", "wait", "stop"]


def test_closing_a_runtime_stops_it() -> None:
    provider = Runtime()
    provider.close()
    assert provider.calls == ["stop"]


@pytest.mark.parametrize("contract", [ContainerProvider, RuntimeProvider])
def test_a_contract_alone_is_no_provider(contract: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        contract()
