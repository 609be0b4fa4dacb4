"""The ways in: each turns what it receives into requests to sessions, and their answers back."""

__all__: list[str] = []
