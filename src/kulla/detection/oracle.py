"""A rule's tree against one event, as it stands: what the kernel must equal, and what people are shown.

Nothing here recurses, so that a tree of any depth can be evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kulla.detection.ir import And, Node, Not, Op, Or, Predicate
from kulla.detection.predicates import NO_ALIASES, Aliases, OnTimeout, holds_in, satisfying, values_of
from kulla.telemetry.flatten import Fields, Value

#: Values of one field that an explanation lists.
EXPLAINED_VALUES = 20


def evaluate(tree: Node, fields: Fields, aliases: Aliases = NO_ALIASES, on_timeout: OnTimeout | None = None) -> bool:
    """Return whether an event satisfies a rule's tree.

    Args:
        tree: what the rule asks.
        fields: the event.
        aliases: a rule's field -> further fields of the event that answer it, all in name_key form.
        on_timeout: told when a regular expression ran out of time.
    """
    pending: list[tuple[Node, Iterator[Node]]] = []
    node = tree
    while True:
        inner = _parts(node)
        first = next(inner, None)
        if first is not None:
            pending.append((node, inner))
            node = first
            continue
        result = holds_in(node, fields, aliases, on_timeout) if isinstance(node, Predicate) else isinstance(node, And)
        following, result = _settle(pending, result)
        if following is None:
            return result
        node = following


def _parts(node: Node) -> Iterator[Node]:
    match node:
        case And(parts) | Or(parts):
            return iter(parts)
        case Not(part):
            return iter((part,))
    return iter(())


def _settle(pending: list[tuple[Node, Iterator[Node]]], result: bool) -> tuple[Node | None, bool]:
    """Carry a part's result upwards; return the next part that must be evaluated, None at the top."""
    while pending:
        parent, remaining = pending[-1]
        if isinstance(parent, Not):
            result = not result
        elif result is isinstance(parent, And):
            following = next(remaining, None)
            if following is not None:
                return following, result
        pending.pop()
    return None, result


def matched(tree: Node, fields: Fields, aliases: Aliases = NO_ALIASES) -> list[tuple[str, str]]:
    """Return (field, first value) for each predicate that holds and stands under an even number of "not".

    In the rule's order from left to right, each pair once. The field is written as the rule writes it, for
    keywords as the event has it (name_key form); the value of a missing or null field is "".
    """
    found = (satisfying(predicate, fields, aliases) for predicate in _positive(tree))
    return list(dict.fromkeys(pair for pair in found if pair is not None))


def _positive(tree: Node) -> Iterator[Predicate]:
    """Yield the predicates under an even number of "not", from left to right."""
    stack = [(tree, True)]
    while stack:
        node, positive = stack.pop()
        match node:
            case Predicate():
                if positive:
                    yield node
            case Not(part):
                stack.append((part, not positive))
            case And(parts) | Or(parts):
                stack.extend((part, positive) for part in reversed(parts))


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a node of a rule's tree holds or not.

    Attributes:
        node: the node.
        result: whether it holds.
        parts: the explanations of its parts, all of them, also where the first decided.
        seen: for a predicate on a field, the values that the event has for it; at most EXPLAINED_VALUES.
            Empty when the field is missing and for keywords.
        match: for a predicate that holds, the field and the value that satisfied it.
    """

    node: Node
    result: bool
    parts: tuple[Explanation, ...] = ()
    seen: tuple[Value, ...] = ()
    match: tuple[str, str] | None = None


def explain(tree: Node, fields: Fields, aliases: Aliases = NO_ALIASES) -> Explanation:
    """Return the whole tree with the result of each node."""
    done: list[Explanation] = []
    for node, size in _post_order(tree):
        parts = tuple(done[len(done) - size :])
        del done[len(done) - size :]
        done.append(_explained(node, parts, fields, aliases))
    return done[0]


def _post_order(tree: Node) -> list[tuple[Node, int]]:
    """Return each node after its parts, with their number."""
    way: list[tuple[Node, int]] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        inner = list(_parts(node))
        way.append((node, len(inner)))
        stack.extend(inner)
    return way[::-1]


def _explained(node: Node, parts: tuple[Explanation, ...], fields: Fields, aliases: Aliases) -> Explanation:
    match node:
        case Predicate():
            match = satisfying(node, fields, aliases)
            return Explanation(node, match is not None, seen=_seen(node, fields, aliases), match=match)
        case Not():
            return Explanation(node, not parts[0].result, parts)
        case And():
            return Explanation(node, all(part.result for part in parts), parts)
        case Or():
            return Explanation(node, any(part.result for part in parts), parts)


def _seen(predicate: Predicate, fields: Fields, aliases: Aliases) -> tuple[Value, ...]:
    if predicate.field is None:
        return ()
    values = values_of(predicate.field, fields, aliases)
    if predicate.op in (Op.FIELD_EQUALS, Op.FIELD_CONTAINS, Op.FIELD_STARTSWITH, Op.FIELD_ENDSWITH):
        values = [*values, *values_of(predicate.text, fields, aliases)]
    return tuple(values[:EXPLAINED_VALUES])
