"""What a server shows of itself: counts, traces, and logs that say whose they are."""

__all__: list[str] = []
