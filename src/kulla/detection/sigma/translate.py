"""From one YAML document to a Rule."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from kulla.detection.ir import Node, Or, Rule, predicates
from kulla.detection.sigma.outcome import UnsupportedRuleError
from kulla.detection.simplify import simplify
from kulla.model.errors import RuleError
from kulla.model.level import LEVELS
from kulla.model.logsource import LogSource

#: Namespace of the ids of rules that have none.
_NAMESPACE = UUID("a2f05c3e-6b1d-5d0f-9f0c-6f5a1d2b7c44")
_STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
_PARTS = ("product", "category", "service")

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Translated:
    """A rule, and what was passed over on the way."""

    rule: Rule
    remarks: tuple[str, ...]


class Translator:
    """Turns documents into rules.

    Args:
        placeholders: values for ``%name%`` by name, without the percent signs.
    """

    def __init__(self, placeholders: Mapping[str, tuple[str, ...]]) -> None:
        from kulla.detection.sigma.modifiers import Policy

        self._policy = Policy(placeholders=placeholders)

    def rule(self, document: Document, path: str, line: int) -> Translated:
        """Return the rule of a document.

        Raises:
            RuleError: it is wrong.
            UnsupportedRuleError: it asks for what cannot be evaluated.
        """
        remarks: list[str] = []
        rule = Rule(
            id=identity(document),
            title=text(document, "title") or "(no title)",
            logsource=logsource(document),
            tree=self.tree(document.get("detection")),
            level=_one_of(document, "level", LEVELS, "informational", remarks),
            status=_one_of(document, "status", _STATUSES, "unsupported", remarks),
            tags=texts(document, "tags"),
            name=text(document, "name") or None,
            path=path,
            line=line,
            description=text(document, "description"),
            falsepositives=texts(document, "falsepositives"),
            references=texts(document, "references"),
            author=text(document, "author"),
            fields=texts(document, "fields"),
        )
        return Translated(rule, (*_flaws(document), *remarks))

    def tree(self, detection: Any) -> Node:
        """Return the tree of a "detection" or "filter" section in normal form; several conditions are joined by "or".

        Raises:
            RuleError: it is wrong.
            UnsupportedRuleError: it asks for what cannot be evaluated.
        """
        from kulla.detection.sigma.definitions import MAX_PREDICATES, conditions
        from kulla.detection.sigma.values import tree

        try:
            joined = simplify(Or(tuple(tree(condition) for condition in conditions(detection, self._policy))))
        except RecursionError:
            raise RuleError("the detection is nested too deeply") from None
        except RuleError:
            raise
        except Exception as error:  # noqa: BLE001
            # pySigma raises whatever Python does where hostile input has a shape that it does not expect.
            raise RuleError(f"pySigma cannot read the detection: {type(error).__name__}: {error}") from None
        if len(predicates(joined)) > MAX_PREDICATES:
            raise UnsupportedRuleError(f"the rule asks for more than {MAX_PREDICATES} values")
        return joined


def identity(document: Document) -> str:
    """Return the UUID of a rule, or one made of its content where it has none."""
    try:
        return str(UUID(str(document.get("id"))))
    except ValueError:
        return str(uuid5(_NAMESPACE, content_digest(document)))


def content_digest(document: Document) -> str:
    """Return the SHA-256 of what a document says, whatever its layout."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def logsource(document: Document) -> LogSource:
    """Return a document's log source; ``definition`` and unknown attributes are for people.

    Raises:
        RuleError: it is no mapping, empty, or not text.
    """
    given = document.get("logsource")
    if not isinstance(given, dict):
        raise RuleError("the rule has no log source")
    found = {part: given.get(part) for part in _PARTS}
    wrong = next((part for part, value in found.items() if value is not None and not isinstance(value, str)), None)
    if wrong:
        raise RuleError(f'"{wrong}" of the log source must be text')
    if not any(found.values()):
        raise RuleError("the log source names neither product nor category nor service")
    return LogSource(**{part: str(value).strip().lower() for part, value in found.items() if value})


def text(document: Document, key: str) -> str:
    """Return an attribute as text, "" where it is missing."""
    value = document.get(key)
    return "" if value is None else value if isinstance(value, str) else _shown(value)


def texts(document: Document, key: str) -> tuple[str, ...]:
    """Return an attribute that is a list of texts, or one."""
    value = document.get(key)
    values = value if isinstance(value, list) else [value]
    return tuple(one if isinstance(one, str) else _shown(one) for one in values if one is not None)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _one_of(document: Document, key: str, known: tuple[str, ...], default: str, remarks: list[str]) -> str:
    value = text(document, key).lower()
    if value in known:
        return value
    if value:
        remarks.append(f'unknown {key} "{value}", taken as {default}')
    return default


def _flaws(document: Document) -> tuple[str, ...]:
    flaws = []
    if not text(document, "title"):
        flaws.append("the rule has no title")
    given = text(document, "id")
    if not given:
        flaws.append("the rule has no id")
    elif not _is_uuid(given):
        flaws.append(f'the id "{given}" is no UUID')
    return tuple(flaws)


def _is_uuid(given: str) -> bool:
    try:
        UUID(given)
    except ValueError:
        return False
    return True
