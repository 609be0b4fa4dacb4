"""Who may come in, and how much they may ask."""

__all__: list[str] = []
