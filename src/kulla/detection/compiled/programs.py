"""Rule trees to jump code, and the anchors that make a rule a candidate.

A program is a list of instructions (literal, next if true, next if false). A literal is a leaf
(one predicate) or a set (any of several predicates), perhaps negated; -1 as next means the
rule holds, -2 that it does not. Negations are pushed down to the literals first, so
that evaluating with every unknown literal taken as true (or as false) gives the upper (or
lower) bound of Kleene's three-valued result.

An anchor is a set of leaves of which at least one is hit whenever the rule is true.
A rule without one is tried on every event of its class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kulla.detection.ir import And, Node, Not, Op, Or, Predicate

HOLDS, FAILS = -1, -2
#: Predicates whose truth the kernel may leave open; they are confirmed one by one and never become part of a set.
HARD = frozenset({Op.REGEX, Op.FIELD_EQUALS, Op.FIELD_CONTAINS, Op.FIELD_STARTSWITH, Op.FIELD_ENDSWITH, Op.TIME_PART, Op.CIDR})
_ORDERED = frozenset({Op.LT, Op.LTE, Op.GT, Op.GTE})


def is_hard(predicate: Predicate) -> bool:
    """Return whether the kernel may answer "unknown" to this predicate."""
    return predicate.cased or predicate.op in HARD or predicate.op in _ORDERED


@dataclass(frozen=True, slots=True)
class Literal:
    """A node of the leaf table, perhaps negated."""

    node: int
    negated: bool


@dataclass(frozen=True, slots=True)
class Group:
    """An And (``every``) or an Or of literals and groups, in negation normal form."""

    every: bool
    parts: tuple[Literal | Group, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """The jump code of one rule in one form.

    Attributes:
        rule: index of the rule.
        code: (literal: node * 2 + negated, next if true, next if false).
        anchor: leaves of which one is hit if the rule is true; None if there is no such set.
    """

    rule: int
    code: tuple[tuple[int, int, int], ...]
    anchor: tuple[int, ...] | None


@dataclass(slots=True)
class Leaves:
    """Numbers every distinct predicate and every set of predicates.

    Leaves count up from 0; sets count down from -1 while rules are added and stand behind the leaves in the end.
    """

    predicates: list[Predicate] = field(default_factory=list)
    sets: list[tuple[int, ...]] = field(default_factory=list)
    _leaf_of: dict[Predicate, int] = field(default_factory=dict)
    _set_of: dict[tuple[int, ...], int] = field(default_factory=dict)

    def leaf(self, predicate: Predicate) -> int:
        """Return the number of a predicate."""
        found = self._leaf_of.get(predicate)
        if found is None:
            found = self._leaf_of[predicate] = len(self.predicates)
            self.predicates.append(predicate)
        return found

    def set_of(self, leaves: Iterable[int]) -> int:
        """Return the (negative) number of a set of leaves."""
        members = tuple(sorted(set(leaves)))
        found = self._set_of.get(members)
        if found is None:
            self.sets.append(members)
            found = self._set_of[members] = -len(self.sets)
        return found

    def members(self, node: int) -> tuple[int, ...]:
        """Return the leaves of a leaf or set."""
        return (node,) if node >= 0 else self.sets[-node - 1]


def normal_form(tree: Node, leaves: Leaves, negated: bool = False) -> Literal | Group | bool:
    """Return the tree in negation normal form with sets made; a bool where it is constant.

    Trees come from ``sigma.translate``, which bounds their depth.
    """
    match tree:
        case Predicate():
            return _literal(tree, leaves, negated)
        case Not(part):
            return normal_form(part, leaves, not negated)
        case And(parts):
            return _group(parts, leaves, negated, every=not negated)
        case Or(parts):
            return _group(parts, leaves, negated, every=negated)


def _literal(predicate: Predicate, leaves: Leaves, negated: bool) -> Literal:
    if predicate.op is Op.NULL:
        # "Null" is "has no value": the kernel notices values, so the question is turned round.
        return Literal(leaves.leaf(predicate), not negated)
    return Literal(leaves.leaf(predicate), negated)


def _group(parts: tuple[Node, ...], leaves: Leaves, negated: bool, *, every: bool) -> Literal | Group | bool:
    kept: list[Literal | Group] = []
    for part in parts:
        form = normal_form(part, leaves, negated)
        if form is (not every):
            return form
        if form is not every:
            kept.extend(form.parts if isinstance(form, Group) and form.every is every else [form])  # type: ignore[list-item]
    kept = list(dict.fromkeys(_with_sets(kept, leaves, every=every)))
    if not kept:
        return every
    return kept[0] if len(kept) == 1 else Group(every, tuple(kept))


def _with_sets(parts: list[Literal | Group], leaves: Leaves, *, every: bool) -> list[Literal | Group]:
    """Replace "a or b or c" by one set, and "not a and not b and not c" by one negated set."""
    soft = [p for p in parts if isinstance(p, Literal) and p.negated is every and not _is_hard_node(p.node, leaves)]
    if len(soft) <= 1:
        return parts
    members = [leaf for literal in soft for leaf in leaves.members(literal.node)]
    joined = Literal(leaves.set_of(members), every)
    return [joined, *(part for part in parts if part not in soft)]


def _is_hard_node(node: int, leaves: Leaves) -> bool:
    return node >= 0 and is_hard(leaves.predicates[node])


def program(rule: int, form: Literal | Group, leaves: Leaves, cost: dict[int, float]) -> Program:
    """Return the jump code of a normal form, cheap and rare parts first.

    Args:
        rule: index of the rule.
        form: from ``normal_form``; not a constant.
        leaves: the leaf table it refers to.
        cost: how often each leaf is expected to be hit in an event, relative.
    """
    code: list[tuple[int, int, int]] = []
    ordered = _ordered(form, leaves, cost)
    _emit(ordered, HOLDS, FAILS, code)
    length = len(code)
    # _emit works from the end to the front, with places counted from the end.
    turned = [(literal, _turn(yes, length), _turn(no, length)) for literal, yes, no in reversed(code)]
    anchor = best_anchor(form, leaves, cost)
    return Program(rule, tuple(turned), anchor)


def _turn(target: int, length: int) -> int:
    return target if target < 0 else length - 1 - target


def _emit(form: Literal | Group, yes: int, no: int, code: list[tuple[int, int, int]]) -> int:
    """Append the code of ``form`` (reversed order) and return the place of its first instruction."""
    if isinstance(form, Literal):
        # Bit 0 marks negation; sets are shifted behind the leaves by the builder.
        code.append((form.node * 2 + form.negated, yes, no))
        return len(code) - 1
    following = yes if form.every else no
    for part in reversed(form.parts):
        following = _emit(part, following, no, code) if form.every else _emit(part, yes, following, code)
    return following


def _ordered(form: Literal | Group, leaves: Leaves, cost: dict[int, float]) -> Literal | Group:
    if isinstance(form, Literal):
        return form
    parts = [_ordered(part, leaves, cost) for part in form.parts]
    parts.sort(key=lambda part: _likely(part, leaves, cost), reverse=not form.every)
    return Group(form.every, tuple(parts))


def _likely(form: Literal | Group, leaves: Leaves, cost: dict[int, float]) -> float:
    """Return a rough chance that a form is true, for ordering only."""
    if isinstance(form, Literal):
        chance = min(sum(cost[leaf] for leaf in leaves.members(form.node)), 1.0)
        return 1.0 - chance if form.negated else chance
    chances = [_likely(part, leaves, cost) for part in form.parts]
    return min(chances) if form.every else min(sum(chances), 1.0)


def best_anchor(form: Literal | Group, leaves: Leaves, cost: dict[int, float]) -> tuple[int, ...] | None:
    """Return the rarest set of leaves of which one must be hit, None where there is none."""
    if isinstance(form, Literal):
        return None if form.negated else leaves.members(form.node)
    anchors = [best_anchor(part, leaves, cost) for part in form.parts]
    if form.every:
        usable = [anchor for anchor in anchors if anchor is not None]
        return min(usable, key=lambda anchor: (sum(cost[leaf] for leaf in anchor), anchor), default=None)
    if any(anchor is None for anchor in anchors):
        return None
    return tuple(sorted({leaf for anchor in anchors if anchor for leaf in anchor}))
