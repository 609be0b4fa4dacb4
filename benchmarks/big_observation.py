"""Steps whose observation is 1 MiB of float32, which the program has as an array in the end."""

from __future__ import annotations

from benchmarks.clients import rows_of, step
from benchmarks.rounds import Settings, alternate, main
from benchmarks.server import Server
from benchmarks.sides import sides
from benchmarks.statistics import Row

__all__ = ["run"]

# openenv 0.10.0 refuses to send arrays: its authors make lists of them, or base64 by hand.
_FORMS = {"picture-list": ("a list there", 8.0), "picture-text": ("base64 by hand there", None)}


def run(settings: Settings) -> list[Row]:
    """Measure it."""
    ours, theirs = sides()
    rows = []
    with Server(ours, "picture") as our_server:
        for environment, (form, target) in _FORMS.items():
            with Server(theirs, environment) as their_server:
                rounds = alternate(
                    f"1 MiB of float32, {form}",
                    settings,
                    lambda: step(ours, "arrays", settings.seconds, server=our_server, program="watching"),
                    lambda server=their_server: step(  # type: ignore[misc]
                        theirs, "json", settings.seconds, server=server, program="watching"
                    ),
                    str,
                )
            rows += rows_of(f"observation of 1 MiB of float32, {form}", rounds, target=target)
    return rows


if __name__ == "__main__":
    main(run, __doc__)
