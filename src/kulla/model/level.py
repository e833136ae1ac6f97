"""Severity levels of Sigma, in order."""

from __future__ import annotations

LEVELS = ("informational", "low", "medium", "high", "critical")


def rank(level: str | None) -> int:
    """Return 0 (informational, or no level) to 4 (critical).

    Sigma Rules Specification 2.1, "level"; a rule without one counts as informational.
    """
    return LEVELS.index(level) if level in LEVELS else 0
