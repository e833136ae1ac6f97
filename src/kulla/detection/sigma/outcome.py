"""What becomes of rules when they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kulla.detection.correlation.model import Correlation
from kulla.detection.ir import Rule
from kulla.model.errors import RuleError


class UnsupportedRuleError(RuleError):
    """The rule is valid, but asks for what cannot be evaluated here."""


@dataclass(frozen=True, slots=True)
class RejectedRule:
    """A rule that is not evaluated.

    Attributes:
        id, title: as far as they could be read, else "".
        path, line: where it stands; line 0 when the whole file is meant.
        state: ``invalid`` where the rule is wrong, ``unsupported`` where it asks for what is not there.
        reason: why, in one sentence.
    """

    id: str
    title: str
    path: str
    line: int
    state: Literal["invalid", "unsupported"]
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a rule that does not keep it from being evaluated: an unknown level, an id that is no UUID."""

    id: str
    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything that was found in the given paths.

    Attributes:
        rules: in the order of the files.
        correlations: references resolved to ids, inner ones first.
        rejected: rules, correlations, filters and files that are not used, each with the reason.
        digest: SHA-256 of all that the result depends on; ``digest_of`` computes the same without parsing.
        remarks: flaws that were passed over.
        filters: how many global filters are in use.
        repeated: documents found again word for word, counted once.
        ignored: YAML documents that are no rules.
    """

    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...]
    rejected: tuple[RejectedRule, ...]
    digest: str
    remarks: tuple[Remark, ...] = ()
    filters: int = 0
    repeated: int = 0
    ignored: int = 0

    @property
    def every(self) -> list[Rule | Correlation]:
        """The rules, then the correlations."""
        return [*self.rules, *self.correlations]
