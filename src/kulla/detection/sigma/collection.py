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

#: Characters that global and repeated documents may add to the rules of one file.
MAX_REPEATED = 32 * 1024 * 1024

#: What makes a document one of Sigma's.
_SECTIONS = ("detection", "correlation", "filter")

Document = dict[str, Any]


@dataclass(slots=True)
class Collection:
    """The documents of one file so far, and their sizes in characters."""

    template: Document = field(default_factory=dict)
    previous: Document = field(default_factory=dict)
    _template_size: int = 0
    _previous_size: int = 0
    _repeated: int = 0

    @staticmethod
    def is_action(document: Any) -> bool:
        """Return whether a document only steers how others are read."""
        return isinstance(document, dict) and document.get("action") in ("global", "reset")

    def rule(self, document: Document, size: int = 0) -> Document | None:
        """Return the whole rule, correlation or filter that a document stands for; None where it is none.

        Args:
            document: as parsed.
            size: its length in characters.

        Raises:
            RuleError: the action is unknown, or the file repeats too much.
        """
        action = document.get("action")
        if "correlation" in document or "filter" in document:
            return document
        own = {key: value for key, value in document.items() if key != "action"}
        match action:
            case None:
                merged = self._joined(document, self.template, size, self._template_size) if self.template else document
            case "repeat":
                merged = self._joined(self.previous, own, size, self._previous_size)
            case "global" | "reset":
                self.template, self._template_size = (own, size) if action == "global" else ({}, 0)
                self.previous, self._previous_size = self.template, self._template_size
                return None
            case _:
                if "detection" in document:
                    raise RuleError(f'unknown action "{action}"')
                return None
        self.previous, self._previous_size = merged, size + (self._template_size if action is None else self._previous_size)
        return merged if any(section in merged for section in _SECTIONS) else None

    def _joined(self, document: Document, over: Document, size: int, added: int) -> Document:
        self._repeated += size + added
        if self._repeated > MAX_REPEATED:
            raise RuleError("global and repeated documents make the rules of this file too large")
        return _merged(document, over)


def _merged(document: Mapping[str, Any], over: Mapping[str, Any]) -> Document:
    """Return ``document`` with the values of ``over`` put in, mapping by mapping."""
    merged = deepcopy(dict(document))
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below if isinstance(below, dict) else {}, value) if isinstance(value, dict) else deepcopy(value)
    return merged
