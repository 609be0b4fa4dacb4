"""Step one session whose observations are big, by the sync client of the `openenv` that is installed.

    python -m benchmarks.programs.watching '{"way": "arrays", "url": "http://127.0.0.1:8000", "seconds": 3}'

Every observation ends as an array, however it travelled. Prints what `benchmarks.programs.stepping` prints.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from benchmarks.neutral.models import Word
from benchmarks.neutral.picture_client import PictureClient
from benchmarks.programs.stepping import repeated

_WORD = Word(text="next")
_BYTES = 1 << 20
# A client that reads answers by code of its own has to say that the code can take arrays.
_OPTIONS: dict[str, dict[str, Any]] = {"arrays": {"binary": True}, "json": {}}


def main() -> None:
    """Do what the first argument says."""
    order = json.loads(sys.argv[1])
    with PictureClient(base_url=order["url"], **_OPTIONS[order["way"]]).sync() as client:
        _check(client.reset().observation.pixels)
        done = repeated(lambda: client.step(_WORD), order["seconds"])
        _check(client.step(_WORD).observation.pixels)
    print(json.dumps(done))


def _check(pixels: Any) -> None:
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.float32 or pixels.nbytes != _BYTES:
        raise TypeError(f"expected an array of float32 of 1 MiB, got {type(pixels).__name__}")


if __name__ == "__main__":
    main()
