"""Errors that a caller must tell apart; everything else is a counted Problem."""

from __future__ import annotations


class KullaError(Exception):
    """Root of all errors Kulla raises on purpose.

    Args:
        message: what went wrong, in one sentence.
        place: where ("rules/a.yml line 12"), empty when there is no place.
        fix: what the user can do about it, empty when nothing helps.
    """

    exit_code = 1

    def __init__(self, message: str, *, place: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.fix = fix

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        how = f" ({self.fix})" if self.fix else ""
        return f"{where}{self.message}{how}"


class UsageError(KullaError):
    """The command line or the configuration is wrong (exit code 2)."""

    exit_code = 2


class RuleError(KullaError):
    """A rule cannot be read, parsed or evaluated; becomes data on that rule."""


class IndicatorError(KullaError):
    """An indicator or a file of indicators cannot be understood."""


class PolicyError(KullaError):
    """Refused by policy or by a partner's authentication (exit code 4)."""

    exit_code = 4
