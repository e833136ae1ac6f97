"""From pySigma's condition trees and values to the intermediate representation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR, ConditionValueExpression
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from kulla.detection import globs, regexes
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate
from kulla.detection.sigma.definitions import WHOLE_VALUES
from kulla.detection.sigma.outcome import UnsupportedRuleError
from kulla.model.errors import RuleError

_ORDERINGS = {
    CompareOperators.LT: Op.LT,
    CompareOperators.LTE: Op.LTE,
    CompareOperators.GT: Op.GT,
    CompareOperators.GTE: Op.GTE,
}
#: (open at the beginning, open at the end) -> what is asked of a text without other wildcards.
_AFFIXES = {(False, False): Op.EQUALS, (False, True): Op.STARTSWITH, (True, False): Op.ENDSWITH, (True, True): Op.CONTAINS}
_RELATIONS = {
    (False, False): Op.FIELD_EQUALS,
    (True, False): Op.FIELD_STARTSWITH,
    (False, True): Op.FIELD_ENDSWITH,
    (True, True): Op.FIELD_CONTAINS,
}


def tree(condition: Any) -> Node:
    """Return the tree of one parsed condition; its depth is bounded by that of conditions and YAML.

    Raises:
        RuleError: a value cannot be evaluated.
    """
    match condition:
        case ConditionAND():
            return And(tuple(tree(part) for part in condition.args))
        case ConditionOR():
            return Or(tuple(tree(part) for part in condition.args))
        case ConditionNOT():
            return Not(tree(condition.args[0]))
        case ConditionFieldEqualsValueExpression():
            field = None if condition.field == WHOLE_VALUES else condition.field
            return node(condition.value, Target(field))
        case ConditionValueExpression():
            return node(condition.value, Target(None, keyword=True))
    raise UnsupportedRuleError(f"a condition of the type {type(condition).__name__}")


@dataclass(frozen=True, slots=True)
class Target:
    """What a value is asked of.

    Attributes:
        field: as the rule writes it, None for any.
        keyword: the text may stand anywhere in a value.
    """

    field: str | None
    keyword: bool = False


@singledispatch
def node(value: Any, target: Target) -> Node:
    """Return what one value of pySigma asks of a field.

    Args:
        value: after all modifiers.
        target: what it is asked of.

    Raises:
        RuleError: it cannot be evaluated.
    """
    raise UnsupportedRuleError(f"a value of the type {type(value).__name__} for {target.field or 'a keyword'}")


@node.register
def _(value: SigmaExpansion, target: Target) -> Node:
    return Or(tuple(node(one, target) for one in value.values))


@node.register
def _(value: SigmaString, target: Target) -> Node:
    cased = isinstance(value, SigmaCasedString)
    parts = list(value.s)
    begins = target.keyword or parts[:1] == [SpecialChars.WILDCARD_MULTI]
    ends = target.keyword or parts[-1:] == [SpecialChars.WILDCARD_MULTI]
    core = _without_edges(parts)
    if all(isinstance(part, str) for part in core):
        text = "".join(str(part) for part in core)
        return Predicate(target.field, _AFFIXES[begins, ends] if text else _empty(begins or ends), text, cased)
    return Predicate(target.field, Op.WILDCARD, "*" * begins + "".join(map(_glob, core)) + "*" * ends, cased)


def _without_edges(parts: list[Any]) -> list[Any]:
    start, end = 0, len(parts)
    while start < end and parts[start] is SpecialChars.WILDCARD_MULTI:
        start += 1
    while end > start and parts[end - 1] is SpecialChars.WILDCARD_MULTI:
        end -= 1
    return parts[start:end]


def _empty(opened: bool) -> Op:
    """Return what "*" (any value) or "" (the empty value) asks."""
    return Op.CONTAINS if opened else Op.EQUALS


def _glob(part: Any) -> str:
    if part is SpecialChars.WILDCARD_MULTI:
        return "*"
    if part is SpecialChars.WILDCARD_SINGLE:
        return "?"
    if isinstance(part, str):
        return globs.escaped(part)
    raise UnsupportedRuleError(f"a part of the type {type(part).__name__}")


@node.register
def _(value: SigmaNumber, target: Target) -> Node:
    return Predicate(target.field, Op.CONTAINS if target.keyword else Op.EQUALS, str(value.number))


@node.register
def _(value: SigmaTimestampPart, target: Target) -> Node:
    return Predicate(target.field, Op.TIME_PART, str(value.number), flags=value.timestamp_part.name.lower())


@node.register
def _(value: SigmaCompareExpression, target: Target) -> Node:
    ordering = _ORDERINGS[value.op]
    if isinstance(value.number, SigmaTimestampPart):
        part = f"{value.number.timestamp_part.name} {ordering.name}".lower()
        return Predicate(target.field, Op.TIME_PART, str(value.number.number), flags=part)
    return Predicate(target.field, ordering, str(value.number.number))


@node.register
def _(value: SigmaBool, target: Target) -> Node:
    return Predicate(target.field, Op.CONTAINS if target.keyword else Op.EQUALS, "true" if value.boolean else "false")


@node.register
def _(_value: SigmaNull, target: Target) -> Node:
    if target.field is None:
        raise RuleError("null is no keyword")
    return Predicate(target.field, Op.NULL)


@node.register
def _(value: SigmaExists, target: Target) -> Node:
    present = Predicate(target.field, Op.EXISTS)
    return present if value.exists else Not(present)


@node.register
def _(value: SigmaRegularExpression, target: Target) -> Node:
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    text = value.regexp.to_plain(regex=True)
    regexes.compiled(text, flags)
    return Predicate(target.field, Op.REGEX, text, flags=flags)


@node.register
def _(value: SigmaCIDRExpression, target: Target) -> Node:
    return Predicate(target.field, Op.CIDR, str(value.network))


@node.register
def _(value: SigmaFieldReference, target: Target) -> Node:
    return Predicate(target.field, _RELATIONS[value.starts_with, value.ends_with], value.field)
