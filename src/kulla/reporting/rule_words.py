"""Rules and their conditions in words."""

from __future__ import annotations

from collections.abc import Iterator

from kulla.detection.correlation.expression import All, AnyOf, Expression, Seen, Unless
from kulla.detection.correlation.model import Comparison, Correlation, Threshold, number_text
from kulla.detection.explaining import EventExplanation
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate
from kulla.detection.oracle import Explanation
from kulla.reporting.columns import shown
from kulla.reporting.words import clock_of
from kulla.telemetry.flatten import Kind, Value

#: Characters of one value.
_VALUE = 160
_INDENT = "  "
_YES, _NO, _DIM, _BOLD = "32", "31", "2", "1"

_VERBS = {
    Op.EQUALS: "is",
    Op.CONTAINS: "contains",
    Op.STARTSWITH: "starts with",
    Op.ENDSWITH: "ends with",
    Op.WILDCARD: "is like",
    Op.REGEX: "matches the regular expression",
    Op.CIDR: "is an address in",
    Op.LT: "is less than",
    Op.LTE: "is at most",
    Op.GT: "is more than",
    Op.GTE: "is at least",
    Op.FIELD_EQUALS: "is the same as the field",
    Op.FIELD_CONTAINS: "contains the value of the field",
    Op.FIELD_STARTSWITH: "starts with the value of the field",
    Op.FIELD_ENDSWITH: "ends with the value of the field",
}
#: Operations whose right-hand side is text to be quoted.
_QUOTED = {Op.EQUALS, Op.CONTAINS, Op.STARTSWITH, Op.ENDSWITH, Op.WILDCARD}
_COMPARISONS = {
    Comparison.GT: "more than",
    Comparison.GTE: "at least",
    Comparison.LT: "less than",
    Comparison.LTE: "at most",
    Comparison.EQ: "exactly",
    Comparison.NEQ: "anything but",
}
_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def predicate_words(predicate: Predicate) -> str:
    """Return ``CommandLine contains "delete shadows"``."""
    name = shown(predicate.field, _VALUE) if predicate.field is not None else "any value"
    case = " (case matters)" if predicate.cased else ""
    match predicate.op:
        case Op.EXISTS:
            return f"{name} is there"
        case Op.NULL:
            return f"{name} is missing or null"
        case Op.TIME_PART:
            return f"the {predicate.flags} of {name} is {shown(predicate.text, _VALUE)}"
        case Op.REGEX:
            flags = f" with flags {predicate.flags}" if predicate.flags else ""
            return f"{name} {_VERBS[predicate.op]} {shown(predicate.text, _VALUE)}{flags}"
    text = shown(predicate.text, _VALUE)
    return f"{name} {_VERBS[predicate.op]} {_quoted(text) if predicate.op in _QUOTED else text}{case}"


def tree_lines(tree: Node, depth: int = 0) -> Iterator[str]:
    """Yield a condition in words, one part a line."""
    for level, node in _walk(tree, depth):
        yield _INDENT * level + (predicate_words(node) if isinstance(node, Predicate) else _joint(node))


def explanation_lines(tree: Explanation, *, color: bool, depth: int = 0) -> Iterator[str]:
    """Yield a condition with the result of each part and what the event has."""
    stack = [(depth, tree)]
    while stack:
        level, one = stack.pop()
        verdict = _painted("yes", _YES, color=color) if one.result else _painted("no ", _NO, color=color)
        yield f"{verdict} {_INDENT * level}{_part_words(one, color=color)}"
        stack.extend((level + 1, part) for part in reversed(one.parts))


def event_lines(one: EventExplanation, wanted: str, *, color: bool) -> Iterator[str]:
    """Yield the explanation of one event.

    Args:
        one: the explanation.
        wanted: the rule's log source in words.
        color: ANSI colours.
    """
    verdict = _painted("the rule matches", _YES, color=color) if one.fires else _painted("the rule does not match", _NO, color=color)
    yield f"{_painted(f'Event {one.number}', _BOLD, color=color)} ({clock_of(one.time)}): {verdict}"
    kinds = "; ".join(one.sources) or "unknown"
    applies = _painted("yes", _YES, color=color) if one.applies else _painted("no ", _NO, color=color)
    yield f"{applies} log source: the rule wants {shown(wanted)}; this event is {shown(one.event_class)} ({shown(kinds)})"
    yield from explanation_lines(one.tree, color=color)


def correlation_words(rule: Correlation, titles: dict[str, str]) -> Iterator[str]:
    """Yield what a correlation asks, in words.

    Args:
        rule: the correlation, resolved.
        titles: id -> title of the rules.
    """
    yield f"{rule.measure} within {span_words(rule.timespan)}" + (f", by {shown(', '.join(rule.group_by))}" if rule.group_by else "")
    if isinstance(rule.condition, Threshold):
        yield "is " + " and ".join(f"{_COMPARISONS[kind]} {number_text(bound)}" for kind, bound in rule.condition.bounds)
    else:
        yield f"such that {expression_words(rule.condition, titles)}"
    yield "over the events of"
    for identity in rule.rules:
        yield f"{_INDENT}{shown(titles.get(identity, identity), _VALUE)}"


def expression_words(expression: Expression, titles: dict[str, str]) -> str:
    """Return a condition in words, with titles for ids."""
    match expression:
        case Seen(rule):
            return _quoted(shown(titles.get(rule, rule), _VALUE))
        case Unless(part):
            return f"not {expression_words(part, titles)}"
        case All(parts):
            return "(" + " and ".join(expression_words(part, titles) for part in parts) + ")"
        case AnyOf(parts):
            return "(" + " or ".join(expression_words(part, titles) for part in parts) + ")"


def span_words(microseconds: int) -> str:
    """Return ``10m``, ``90s``, ``36h``: a length of time in the largest unit that fits."""
    seconds = microseconds // 1_000_000
    return next(f"{seconds // size}{unit}" for size, unit in _UNITS if seconds % size == 0)


def _walk(tree: Node, depth: int) -> Iterator[tuple[int, Node]]:
    stack = [(depth, tree)]
    while stack:
        level, node = stack.pop()
        yield level, node
        inner = (node.part,) if isinstance(node, Not) else () if isinstance(node, Predicate) else node.parts
        stack.extend((level + 1, part) for part in reversed(inner))


def _joint(node: Node) -> str:
    match node:
        case Not():
            return "not:"
        case And(parts):
            return "all of:" if parts else "always true"
        case Or(parts):
            return "at least one of:" if parts else "never true"
        case Predicate():
            return predicate_words(node)


def _part_words(one: Explanation, *, color: bool) -> str:
    if not isinstance(one.node, Predicate):
        return _joint(one.node)
    return predicate_words(one.node) + _painted(f"  -- {_seen_words(one)}", _DIM, color=color)


def _seen_words(one: Explanation) -> str:
    if one.match is not None and isinstance(one.node, Predicate) and one.node.field is None:
        return f"found in {shown(one.match[0], _VALUE)}: {_quoted(shown(one.match[1], _VALUE))}"
    if isinstance(one.node, Predicate) and one.node.field is None:
        return "found in no field"
    if not one.seen:
        return "the event has no such field"
    values = [value for value in one.seen if value.kind is not Kind.CONTAINER] or one.seen[:1]
    return "the event has " + ", ".join(_value_words(value) for value in values)


def _value_words(value: Value) -> str:
    match value.kind:
        case Kind.NULL:
            return "null"
        case Kind.CONTAINER:
            return "an object or list"
        case Kind.TEXT:
            return _quoted(shown(value.text, _VALUE))
        case _:
            return shown(value.text, _VALUE)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _painted(text: str, code: str, *, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text
