"""What the checks of an environment found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from ..core.exceptions import ConformanceError

__all__ = ["EnvironmentReport", "EnvironmentResult", "Finding", "Latency", "Level", "Severity"]


class Level(str, Enum):
    """How deep to check; each level makes the checks of those before it too."""

    STATIC = "static"
    CONTRACT = "contract"
    FULL = "full"

    def holds(self, other: Level) -> bool:
        """Tell whether the checks of another level are made at this one."""
        levels = list(Level)
        return levels.index(other) <= levels.index(self)


class Severity(str, Enum):
    """How bad a finding is: whether somebody cannot use the environment, or only not well."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        check: The name of the check.
        severity: How bad it is.
        seen: What there is.
        expected: What there should be.
        advice: How to mend it.
        file: The file it is in, seen from the environment's directory; empty where it is in none.
        field: The place in that file, such as a key; empty where it is in none.
    """

    check: str
    severity: Severity
    seen: str
    expected: str
    advice: str
    file: str = ""
    field: str = ""

    @property
    def place(self) -> str:
        """Return the file and the place in it, as far as there are any."""
        return ": ".join(filter(None, (self.file, self.field)))

    def __str__(self) -> str:
        """Describe it in words."""
        place = f" in {self.place}" if self.place else ""
        return (
            f"{self.severity.value}: {self.check}{place}\n"
            f"  expected: {self.expected}\n  seen:     {self.seen}\n  to mend:  {self.advice}"
        )


@dataclass(frozen=True)
class EnvironmentResult:
    """What one check came to.

    Attributes:
        name: The check's name.
        level: The level from which on it is made.
        expected: What it looks for.
        findings: What is not so; empty where all is well.
        left_out: Why it was not made; empty where it was.
        seconds: How long it took.
    """

    name: str
    level: Level
    expected: str
    findings: tuple[Finding, ...] = ()
    left_out: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Tell whether it was made and found nothing."""
        return not self.findings and not self.left_out


@dataclass(frozen=True)
class Latency:
    """How long calls took, in milliseconds.

    Attributes:
        calls: How many there were.
        min_ms: The quickest.
        median_ms: The one in the middle.
        p99_ms: The one that 99 of 100 are not slower than.
    """

    calls: int
    min_ms: float
    median_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seconds: list[float]) -> Latency:
        """Sum up how long calls took, in seconds."""
        ordered = sorted(1000 * each for each in seconds)
        last = len(ordered) - 1
        return cls(len(ordered), ordered[0], ordered[last // 2], ordered[round(last * 0.99)])


@dataclass(frozen=True, repr=False)
class EnvironmentReport:
    """What all checks of an environment came to.

    Attributes:
        environment: Its name.
        level: How deep it was checked.
        seed: What the random actions followed from.
        results: One for each check, in the order in which they were made.
        latency: How long `reset` and `step` took, by those names; to know, not to pass.
    """

    environment: str
    level: Level
    seed: int
    results: tuple[EnvironmentResult, ...]
    latency: Mapping[str, Latency] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return all that was found."""
        return tuple(finding for result in self.results for finding in result.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Return the findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Return the findings that are warnings."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    @property
    def passed(self) -> bool:
        """Tell whether there are no errors; warnings may be there."""
        return not self.errors

    @property
    def verdict(self) -> str:
        """Return how much was found, in a few words."""
        return f"{_counted(self.errors, 'error')}, {_counted(self.warnings, 'warning')}"

    def raise_if_failed(self, *, strict: bool = False) -> None:
        """Raise what was found, all of it.

        Args:
            strict: Whether warnings count as errors do.

        Raises:
            ConformanceError: Something was.
        """
        if self.errors or (strict and self.warnings):
            raise ConformanceError(str(self))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "environment": self.environment,
            "level": self.level.value,
            "seed": self.seed,
            "passed": self.passed,
            "errors": len(self.errors),
            "warnings": len(self.warnings),
            "checks": [_result_fields(result) for result in self.results],
            "latency": {name: asdict(each) for name, each in self.latency.items()},
        }

    def __str__(self) -> str:
        """Describe it in words."""
        return "\n".join([self._summary, *map(str, self.findings)])

    def __repr__(self) -> str:
        """Return what it comes to; `print` shows all that was found."""
        return f"<EnvironmentReport: {self._summary}>"

    @property
    def _summary(self) -> str:
        made = sum(not result.left_out for result in self.results)
        if not self.findings:
            return f"{self.environment} passes all of {made} checks"
        return f"{self.environment}: {self.verdict} in {made} checks"


def _counted(findings: tuple[Finding, ...], what: str) -> str:
    return f"{len(findings)} {what}{'' if len(findings) == 1 else 's'}"


def _result_fields(result: EnvironmentResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "level": result.level.value,
        "outcome": "passed" if result.passed else "found" if result.findings else "left out",
        "expected": result.expected,
        "left_out": result.left_out,
        "seconds": round(result.seconds, 3),
        "findings": [{**asdict(finding), "severity": finding.severity.value} for finding in result.findings],
    }
