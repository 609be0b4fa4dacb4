"""Code mode: Python that calls an environment's tools, run in one namespace for as long as the environment lives."""

from __future__ import annotations

__all__: list[str] = []
