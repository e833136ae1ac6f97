"""Documents of one file that belong together: "action: global", "reset" and "repeat".

A leftover of Sigma 1 that pySigma's collections still read: a global document completes the rules after it, a
repeated one is the rule before it with changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from kulla.model.errors import RuleError

#: What makes a document one of Sigma's.
_SECTIONS = ("detection", "correlation", "filter")

Document = dict[str, Any]


@dataclass(slots=True)
class Collection:
    """The documents of one file so far."""

    template: Document = field(default_factory=dict)
    previous: Document = field(default_factory=dict)

    @staticmethod
    def is_action(document: Any) -> bool:
        """Return whether a document only steers how others are read."""
        return isinstance(document, dict) and document.get("action") in ("global", "reset")

    def rule(self, document: Document) -> Document | None:
        """Return the whole rule, correlation or filter that a document stands for; None where it is none.

        Raises:
            RuleError: the action is unknown.
        """
        action = document.get("action")
        if "correlation" in document or "filter" in document:
            return document
        match action:
            case None:
                merged = _merged(document, self.template) if self.template else document
                self.previous = merged
            case "repeat":
                merged = _merged(self.previous, {key: value for key, value in document.items() if key != "action"})
                self.previous = merged
            case "global" | "reset":
                self.template = {key: value for key, value in document.items() if key != "action"} if action == "global" else {}
                self.previous = self.template
                return None
            case _:
                if "detection" in document:
                    raise RuleError(f'unknown action "{action}"')
                return None
        return merged if any(section in merged for section in _SECTIONS) else None


def _merged(document: Mapping[str, Any], over: Mapping[str, Any]) -> Document:
    """Return ``document`` with the values of ``over`` put in, mapping by mapping."""
    merged = deepcopy(dict(document))
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below if isinstance(below, dict) else {}, value) if isinstance(value, dict) else deepcopy(value)
    return merged
