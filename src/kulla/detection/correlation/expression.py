"""Conditions in words over the rules of a temporal correlation, as a tree."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from kulla.model.errors import RuleError

#: Ways in which an ordered condition may become true; each is followed by itself in every group.
MAX_CLAUSES = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """The rule of this reference has hit."""

    rule: str


@dataclass(frozen=True, slots=True)
class All:
    """Each part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Unless:
    """The part does not hold."""

    part: Expression


Expression = Seen | All | AnyOf | Unless


def references(expression: Expression) -> Iterator[str]:
    """Yield the rules an expression names, from left to right."""
    match expression:
        case Seen(rule):
            yield rule
        case Unless(part):
            yield from references(part)
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from references(part)


def negates(expression: Expression) -> bool:
    """Return whether any part stands under a "not"."""
    match expression:
        case Seen():
            return False
        case Unless():
            return True
        case All(parts) | AnyOf(parts):
            return any(negates(part) for part in parts)


def renamed(expression: Expression, names: Mapping[str, str]) -> Expression:
    """Return the expression with each rule replaced by ``names[rule]``."""
    match expression:
        case Seen(rule):
            return Seen(names[rule])
        case Unless(part):
            return Unless(renamed(part, names))
        case All(parts):
            return All(tuple(renamed(part, names) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(renamed(part, names) for part in parts))


#: A way for an expression to be true: rules that must have hit, rules that must not.
Clause = tuple[frozenset[str], frozenset[str]]


def true(expression: Expression, seen: Container[str]) -> bool:
    """Return whether the expression holds where the rules of ``seen`` have hit."""
    match expression:
        case Seen(rule):
            return rule in seen
        case Unless(part):
            return not true(part, seen)
        case All(parts):
            return all(true(part, seen) for part in parts)
        case AnyOf(parts):
            return any(true(part, seen) for part in parts)


def clauses(expression: Expression, most: int = MAX_CLAUSES) -> list[Clause]:
    """Return the ways in which the expression becomes true (its disjunctive normal form), without contradictory ones.

    Raises:
        RuleError: there are more than ``most``.
    """
    return _clauses(expression, most, wanted=True)


def _clauses(expression: Expression, most: int, *, wanted: bool) -> list[Clause]:
    match expression:
        case Seen(rule):
            one = frozenset((rule,))
            return [(one, frozenset()) if wanted else (frozenset(), one)]
        case Unless(part):
            return _clauses(part, most, wanted=not wanted)
        case All(parts) | AnyOf(parts):
            branches = [_clauses(part, most, wanted=wanted) for part in parts]
            return _product(branches, most) if isinstance(expression, All) is wanted else _union(branches, most)


def _union(branches: list[list[Clause]], most: int) -> list[Clause]:
    return _bounded(list(dict.fromkeys(clause for branch in branches for clause in branch)), most)


def _product(branches: list[list[Clause]], most: int) -> list[Clause]:
    ways: list[Clause] = [(frozenset(), frozenset())]
    for branch in branches:
        joined = [(seen | more, absent | fewer) for seen, absent in ways for more, fewer in branch]
        ways = _bounded(list(dict.fromkeys(way for way in joined if not way[0] & way[1])), most)
    return ways


def _bounded(ways: list[Clause], most: int) -> list[Clause]:
    if len(ways) > most:
        raise RuleError(f"the ordered condition can become true in more than {most} ways", fix="split it into several correlations")
    return ways
