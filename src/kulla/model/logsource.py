"""A Sigma log source: which kind of log a rule wants, and which kind an event is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogSource:
    """Product, category and service of Sigma Rules Specification 2.1, "logsource"; lower case, None where open."""

    product: str | None = None
    category: str | None = None
    service: str | None = None

    def covers(self, event: LogSource) -> bool:
        """Return whether a rule with this log source applies to an event of log source ``event``."""
        return self.product in (None, event.product) and self.category in (None, event.category) and self.service in (None, event.service)

    def to_dict(self) -> dict[str, str | None]:
        """Return the form of ``logsource`` in kulla.detection/1."""
        return {"product": self.product, "category": self.category, "service": self.service}
