"""What is wrong with rules, as far as it can be known without data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from kulla.detection.ir import And, Node, Not, Or, Predicate, Rule
from kulla.detection.logsources import Catalogue, reachable
from kulla.detection.sigma.outcome import RuleSet
from kulla.detection.simplify import simplify
from kulla.model.logsource import LogSource

#: Without data, a rule is usable, wants a log source that no event here can have, or is rejected.
State = Literal["usable", "unreachable", "unsupported", "invalid"]
STATES: tuple[State, ...] = ("usable", "unreachable", "unsupported", "invalid")


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw.

    Attributes:
        severity: ``error`` where the rule is not evaluated, ``warning`` where it cannot do what its author wants.
        kind: invalid, unsupported, unknown-logsource, never-true, always-true, remark.
        path, line: where the rule stands; line 0 when the whole file is meant.
        rule_id, title: as far as they are known.
        message: what is wrong, in one sentence.
    """

    severity: Literal["error", "warning"]
    kind: str
    path: str
    line: int
    rule_id: str
    title: str
    message: str

    @property
    def place(self) -> str:
        """``path:line`` as editors understand it."""
        return f"{self.path}:{self.line}" if self.line else self.path

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``kulla rules check -f jsonl``."""
        return {
            "severity": self.severity,
            "kind": self.kind,
            "path": self.path,
            "line": self.line,
            "id": self.rule_id,
            "title": self.title,
            "message": self.message,
        }


def findings(rules: RuleSet, catalogue: Catalogue | None = None) -> list[Finding]:
    """Return all flaws, by place."""
    found = [*_rejected(rules), *_remarks(rules)]
    for rule in rules.rules:
        found += _of_rule(rule, catalogue)
    return sorted(found, key=lambda flaw: (flaw.path, flaw.line, flaw.severity, flaw.kind))


def state_of(rule: Rule, catalogue: Catalogue | None = None) -> State:
    """Return what can be said of a loaded rule without data."""
    return "usable" if reachable(rule.logsource, catalogue) else "unreachable"


def logsource_words(source: LogSource) -> str:
    """Return ``windows process_creation``; "any" for an open one."""
    return " ".join(part for part in (source.product, source.category, source.service) if part) or "any"


def _rejected(rules: RuleSet) -> Iterator[Finding]:
    for one in rules.rejected:
        yield Finding("error", one.state, one.path, one.line, one.id, one.title, one.reason)


def _remarks(rules: RuleSet) -> Iterator[Finding]:
    titles = {rule.id: rule.title for rule in rules.rules}
    for one in rules.remarks:
        yield Finding("warning", "remark", one.path, one.line, one.id, titles.get(one.id, ""), one.message)


def _of_rule(rule: Rule, catalogue: Catalogue | None) -> Iterator[Finding]:
    if not reachable(rule.logsource, catalogue):
        words = logsource_words(rule.logsource)
        yield _warning(rule, "unknown-logsource", f'no event can have the log source "{words}"; a site may add it to its own table')
    constant = _constant(rule)
    if constant is False:
        yield _warning(rule, "never-true", "the condition can never be true")
    if constant is True:
        yield _warning(rule, "always-true", "the condition is true for every event of the log source")


def _constant(rule: Rule) -> bool | None:
    """Return what the rule's condition is for every event, None where that depends or cannot be seen so easily."""
    if _never(rule.tree):
        return False
    return True if _never(Not(rule.tree)) else None


def _never(tree: Node) -> bool:
    """Return whether what the tree demands outright contradicts itself or the rest of it."""
    demanded: dict[Predicate, bool] = {}
    for predicate, wanted in _demands(simplify(tree)):
        if demanded.setdefault(predicate, wanted) is not wanted:
            return True
    return _value(tree, demanded) is False


def _demands(tree: Node) -> Iterator[tuple[Predicate, bool]]:
    """Yield the predicates that must hold, and those that must not, for the tree to hold."""
    stack: list[tuple[Node, bool]] = [(tree, True)]
    while stack:
        node, wanted = stack.pop()
        match node:
            case Predicate():
                yield node, wanted
            case Not(part):
                stack.append((part, not wanted))
            case And(parts) | Or(parts) if isinstance(node, And) is wanted or len(parts) == 1:
                stack.extend((part, wanted) for part in parts)


def _value(tree: Node, known: dict[Predicate, bool]) -> bool | None:
    """Return what the tree is where some predicates are known, None where that is not enough."""
    done: list[bool | None] = []
    for node in _post_order(tree):
        match node:
            case Predicate():
                done.append(known.get(node))
            case Not():
                value = done.pop()
                done.append(None if value is None else not value)
            case And(parts) | Or(parts):
                values = [done.pop() for _ in parts]
                decisive = isinstance(node, Or)
                done.append(decisive if decisive in values else None if None in values else not decisive)
    return done[0]


def _post_order(tree: Node) -> list[Node]:
    """Return each node after its parts; trees may be of any depth."""
    way: list[Node] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        way.append(node)
        stack.extend((node.part,) if isinstance(node, Not) else () if isinstance(node, Predicate) else node.parts)
    return way[::-1]


def _warning(rule: Rule, kind: str, message: str) -> Finding:
    return Finding("warning", kind, rule.path, rule.line, rule.id, rule.title, message)
