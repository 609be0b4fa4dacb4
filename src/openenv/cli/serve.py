"""`openenv serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from ._completion import installed_names
from ._hub_question import TrustOption
from ._source import source_of

__all__ = ["serve"]

_DEFAULT_PORT = 8000


def serve(
    target: Annotated[
        str,
        typer.Argument(
            metavar="DIR|NAME",
            help="Its directory, the name of an installed one, or org/name for one on the Hub.",
            autocompletion=installed_names,
        ),
    ] = ".",
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of them.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one, by default openenv.yaml's or 8000."),
    ] = None,
    reload: Annotated[bool, typer.Option("--reload", help="Start anew when the source changes.")] = False,
    workers: Annotated[
        int, typer.Option(min=1, envvar="WORKERS", help="Processes that share the sessions among them.")
    ] = 1,
    log_format: Annotated[str, typer.Option(help="text, or json: one object a line.")] = "text",
    log_level: Annotated[str, typer.Option(help="The least severe level that is logged.")] = "warning",
    trust_remote_code: TrustOption = False,
) -> None:
    """Serve an environment until Ctrl-C."""
    from ..core._application import find_application
    from ..core.env_server.serving import serve as serve_source

    source = source_of(target, trust_remote_code)
    application = find_application(source)
    if port is None:
        port = application.manifest.port or _DEFAULT_PORT
    name = application.manifest.name or application.home.name

    def tell(url: str) -> None:
        print(f"Serving {name} at {url} (Ctrl-C stops it)", flush=True)

    serve_source(
        source,
        host=host,
        port=port or None,
        reload=reload,
        workers=workers,
        log_format=log_format,
        log_level=log_level,
        on_listening=tell,
    )
