"""The normal form of a rule's tree: flat, without repetitions, without constants inside."""

from __future__ import annotations

from collections.abc import Iterable

from kulla.detection.ir import And, Node, Not, Or, Predicate

TRUE = And(())
FALSE = Or(())


def simplify(tree: Node) -> Node:
    """Return an equivalent tree in normal form.

    "And" has no "And" as a part and "Or" no "Or"; no part stands twice in one of them; "not not" is gone; a constant is only
    ever the whole tree (TRUE or FALSE). The order of what remains is kept. Trees may be of any depth.
    """
    return _Simplifier().run(tree)


class _Simplifier:
    """Works from the leaves to the root; equal nodes become one object, so that comparing them is comparing places."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Node] = {}

    def run(self, tree: Node) -> Node:
        done: list[Node] = []
        stack: list[tuple[Node, bool]] = [(tree, False)]
        while stack:
            node, ready = stack.pop()
            if isinstance(node, Predicate):
                done.append(self._unique(("predicate", node), node))
            elif ready:
                size = 1 if isinstance(node, Not) else len(node.parts)
                parts = done[len(done) - size :]
                del done[len(done) - size :]
                done.append(self._joined(node, parts))
            else:
                stack.append((node, True))
                stack.extend((part, False) for part in reversed((node.part,) if isinstance(node, Not) else node.parts))
        return done[0]

    def _unique(self, key: tuple[object, ...], node: Node) -> Node:
        return self._known.setdefault(key, node)

    def _joined(self, node: Not | And | Or, parts: list[Node]) -> Node:
        match node:
            case Not():
                return self._negated(parts[0])
            case And():
                return self._several(And, parts, TRUE, FALSE)
            case Or():
                return self._several(Or, parts, FALSE, TRUE)

    def _negated(self, part: Node) -> Node:
        match part:
            case Not(inner):
                return inner
            case And(()):
                return FALSE
            case Or(()):
                return TRUE
        return self._unique(("not", id(part)), Not(part))

    def _several(self, kind: type[And | Or], parts: list[Node], neutral: Node, decisive: Node) -> Node:
        flat = {id(part): part for part in _flattened(kind, parts) if part is not neutral}
        if id(decisive) in flat:
            return decisive
        if not flat:
            return neutral
        if len(flat) == 1:
            return next(iter(flat.values()))
        return self._unique((kind, *flat), kind(tuple(flat.values())))


def _flattened(kind: type[And | Or], parts: Iterable[Node]) -> Iterable[Node]:
    for part in parts:
        if isinstance(part, kind) and part is not TRUE and part is not FALSE:
            yield from part.parts
        else:
            yield part
