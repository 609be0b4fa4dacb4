"""`openenv play`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ._completion import installed_names
from ._hub_question import TrustOption
from ._source import address_of, is_server, source_of

__all__ = ["play"]


def play(
    target: Annotated[
        str,
        typer.Argument(
            metavar="DIR|NAME|URL",
            help="A directory, an installed environment, org/name on the Hub, or a server's address.",
            autocompletion=installed_names,
        ),
    ] = ".",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line, for programs.")] = False,
    trust_remote_code: TrustOption = False,
) -> None:
    """Drive an environment from the terminal, by lines such as step guess=50; help lists them."""
    from ..core.containers.runtime import LocalProcessProvider

    if is_server(target):
        _play(address_of(target), as_json)
        return
    with LocalProcessProvider(source_of(target, trust_remote_code)) as server:
        _play(server.base_url, as_json)


def _play(url: str, as_json: bool) -> None:
    from ..core.generic_client import GenericEnvClient
    from ..core.server_info import fetch_server_info
    from ._game import Game

    with GenericEnvClient(url).sync() as client:
        Game(client, fetch_server_info(url), _ask, _show, as_json=as_json).play()


def _ask(prompt: str) -> str:
    # Whoever pipes lines in has no use for prompts.
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")
    import readline

    del readline  # it is enough that it is there: input() has a history then
    return input(prompt)


def _show(text: str) -> None:
    print(text, flush=True)
