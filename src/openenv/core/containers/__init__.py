"""Ways to have a running environment server."""

__all__: list[str] = []
