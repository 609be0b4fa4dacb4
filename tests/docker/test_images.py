"""The images of environments, built from this checkout."""

from __future__ import annotations


def test_builds(echo_image: str, registry: object) -> None:
    assert echo_image
