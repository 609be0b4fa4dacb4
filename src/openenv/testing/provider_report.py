"""What the checks of a provider found."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.exceptions import ConformanceError

__all__ = ["CheckResult", "ProviderReport"]


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        name: The check's name.
        expected: What a provider promises.
        seen: What it did instead; empty where it did as promised.
        advice: How to mend it.
        seconds: How long the check took.
    """

    name: str
    expected: str
    seen: str = ""
    advice: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Tell whether the provider did as promised."""
        return not self.seen

    def __str__(self) -> str:
        """Describe it in words."""
        if self.passed:
            return f"{self.name}: as promised"
        return f"{self.name}\n  expected: {self.expected}\n  seen:     {self.seen}\n  to mend:  {self.advice}"


@dataclass(frozen=True)
class ProviderReport:
    """What all checks of a provider found.

    Attributes:
        provider: The name of the provider's class.
        results: One for each check, in the order in which they were made.
    """

    provider: str
    results: tuple[CheckResult, ...]

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """Return what was found wrong."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def passed(self) -> bool:
        """Tell whether nothing was found wrong."""
        return not self.failures

    def raise_if_failed(self) -> None:
        """Raise what was found wrong, all of it.

        Raises:
            ConformanceError: Something was.
        """
        if self.failures:
            raise ConformanceError(str(self))

    def __str__(self) -> str:
        """Describe it in words."""
        if self.passed:
            return f"{self.provider} does all of {len(self.results)} things that providers promise"
        told = "\n".join(map(str, self.failures))
        return f"{self.provider} breaks {len(self.failures)} of {len(self.results)} promises\n{told}"
