"""Which rules, in which form, apply to which class of event.

A class that is recognised by a field's value knows that value, so a rule's questions
about it are answered here once: of the 167 rules for the Security log an event with id 4688 meets only
those that can be about 4688. Classes recognised by channel and event id are split
further by every event id that a rule names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kulla.detection.eventclass import ANY, EventClass, Match, Probe
from kulla.detection.folding import fold
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate, Rule, predicates
from kulla.telemetry.fields import name_key

_TEXT_OPS = frozenset({Op.EQUALS, Op.CONTAINS, Op.STARTSWITH, Op.ENDSWITH})

TRUE: Node = And(())
FALSE: Node = Or(())


@dataclass(frozen=True, slots=True)
class Key:
    """How the kernel finds a variant: a probe and its values, folded.

    ``second`` is an exact value, ANY (some value) or None (whatever is left). ``derived`` keys were split off a
    wider one and give way to keys that the log-source table states.
    """

    probe: Probe
    value: str
    second: str | None
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """A class of events with the rules that can be true for it.

    Attributes:
        event_class: its name, log sources and aliases.
        key: how the kernel finds it; None for the class's plain form, in which nothing is known.
        rules: (index of the rule, its tree with what is known put in).
    """

    event_class: EventClass
    key: Key | None
    rules: tuple[tuple[int, Node], ...]


def variants(classes: Sequence[EventClass], rules: Sequence[Rule]) -> list[Variant]:
    """Return all variants of ``classes`` for ``rules``; each class's plain form before its others."""
    found: list[Variant] = []
    open_pairs = {(m.probe, fold(m.value)) for c in classes for m in c.matches if m.second == ANY}
    for event_class in classes:
        wanted = [(index, rule.tree) for index, rule in enumerate(rules) if event_class.covered_by(rule.logsource)]
        found.append(Variant(event_class, None, tuple(wanted)))
        for match in event_class.matches:
            splits = match.second is None and match.probe.second is not None and (match.probe, fold(match.value)) not in open_pairs
            found.extend(_variants_of(event_class, match, wanted, splits=splits))
    return found


def _variants_of(event_class: EventClass, match: Match, wanted: list[tuple[int, Node]], *, splits: bool) -> Iterable[Variant]:
    known = {} if match.value == ANY else {match.probe.field: fold(match.value)}
    second = match.probe.second or ""
    if match.second not in (None, ANY):
        known[second] = fold(match.second or "")
    named = sorted(_named_values(wanted, second)) if splits else []
    for value in named:
        yield _variant(event_class, _key(match, value, derived=True), wanted, {**known, second: value}, {})
    yield _variant(event_class, _key(match, match.second), wanted, known, {second: frozenset(named)} if splits else {})


def _key(match: Match, second: str | None, *, derived: bool = False) -> Key:
    return Key(match.probe, fold(match.value), None if second is None else fold(second), derived)


def _variant(
    event_class: EventClass,
    key: Key,
    wanted: list[tuple[int, Node]],
    known: Mapping[str, str],
    excluded: Mapping[str, frozenset[str]],
) -> Variant:
    safe = {field: value for field, value in known.items() if event_class.answers(field) == (field,)}
    excluded = {field: values for field, values in excluded.items() if event_class.answers(field) == (field,)}
    formed = ((index, put_in(tree, safe, excluded)) for index, tree in wanted)
    return Variant(event_class, key, tuple((index, tree) for index, tree in formed if tree != FALSE))


def _named_values(wanted: list[tuple[int, Node]], field: str | None) -> set[str]:
    """Return the values that rules compare ``field`` with for equality."""
    return {
        fold(predicate.text)
        for _, tree in wanted
        for predicate in predicates(tree)
        if predicate.op is Op.EQUALS and not predicate.cased and predicate.field is not None and name_key(predicate.field) == field
    }


def put_in(tree: Node, known: Mapping[str, str], excluded: Mapping[str, frozenset[str]]) -> Node:
    """Return the tree with questions about known fields answered and constants removed.

    Args:
        known: field (name_key) -> its only value, folded.
        excluded: field -> values that it certainly does not have.
    """
    match tree:
        case Predicate():
            return _answer(tree, known, excluded)
        case Not(part):
            inner = put_in(part, known, excluded)
            return FALSE if inner == TRUE else TRUE if inner == FALSE else Not(inner)
        case And(parts):
            return _joined(And, [put_in(part, known, excluded) for part in parts], TRUE, FALSE)
        case Or(parts):
            return _joined(Or, [put_in(part, known, excluded) for part in parts], FALSE, TRUE)


def _joined(make: type[And | Or], parts: list[Node], neutral: Node, absorbing: Node) -> Node:
    kept = [part for part in parts if part != neutral]
    if absorbing in kept:
        return absorbing
    return kept[0] if len(kept) == 1 else make(tuple(kept))


def _answer(predicate: Predicate, known: Mapping[str, str], excluded: Mapping[str, frozenset[str]]) -> Node:
    if predicate.field is None or predicate.cased:
        return predicate
    field = name_key(predicate.field)
    if predicate.op is Op.EQUALS and fold(predicate.text) in excluded.get(field, frozenset()):
        return FALSE
    value = known.get(field)
    if value is None:
        return predicate
    if predicate.op in (Op.EXISTS, Op.NULL):
        return TRUE if predicate.op is Op.EXISTS else FALSE
    if predicate.op not in _TEXT_OPS:
        return predicate
    return TRUE if _text_holds(predicate.op, value, fold(predicate.text)) else FALSE


def _text_holds(op: Op, value: str, text: str) -> bool:
    if op is Op.EQUALS:
        return value == text
    if op is Op.CONTAINS:
        return text in value
    return value.startswith(text) if op is Op.STARTSWITH else value.endswith(text)
