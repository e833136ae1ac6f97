"""Correlation rules: from a YAML document to a Correlation, and from references to rules.

Sigma Correlation Rules Specification 2.1, with the extended conditions of temporal types and
the ranges ("gt" and "lte" together) that it allows. References are resolved in a second
step, since a correlation may stand before or after the rules it names, or in another file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid5

from kulla.detection.correlation.expression import Expression, clauses, references, renamed
from kulla.detection.correlation.model import Comparison, Correlation, CorrelationType, Number, Threshold
from kulla.detection.ir import Rule
from kulla.detection.sigma.correlation_conditions import parse_expression
from kulla.model.errors import RuleError
from kulla.model.level import LEVELS

#: References of one correlation; for temporal_ordered the state of a group grows with their square.
MAX_RULES = 256
MAX_ORDERED_RULES = 16

_NAMESPACE = UUID("6f2bb0a4-9a55-5c55-8f0e-2d1c2b8d7f11")
_TIMESPAN = re.compile(r"([0-9]{1,9})([smhdwMy])")
#: Seconds of a unit; months and years are a twelfth of, and one, mean Gregorian year, as in pySigma.
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_629_746, "y": 31_556_952}
_LONGEST = 100 * _SECONDS["y"]
#: Numbers of a condition are smaller than this.
_NUMBER_END = 10**30
_WHOLE = 100
_STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
_KEYS = {"type", "rules", "group-by", "aliases", "timespan", "condition", "generate"}


def parse_correlation(document: dict[Any, Any], path: str, line: int) -> Correlation:
    """Return the correlation that a YAML document with a ``correlation`` section describes.

    Args:
        document: the parsed document.
        path, line: where it stands, for messages.

    Raises:
        RuleError: the document is no valid correlation; the message names the attribute.
    """
    try:
        return _parse(document, path, line)
    except RuleError as error:
        raise RuleError(error.message, place=f"{path} line {line}" if path else "", fix=error.fix) from None


def _parse(document: dict[Any, Any], path: str, line: int) -> Correlation:
    section = document.get("correlation")
    if not isinstance(section, dict):
        raise RuleError('"correlation" must be a mapping')
    kind = _type(section.get("type"))
    condition, fields, percentile = _condition(section.get("condition"), kind)
    rules = _rules(section.get("rules"), kind, condition)
    if condition is None:
        condition = Threshold(((Comparison.GTE, len(rules) if kind is CorrelationType.TEMPORAL_ORDERED else len(set(rules))),))
    correlation = Correlation(
        id=_identity(document),
        title=_title(document),
        type=kind,
        rules=rules,
        timespan=_timespan(section.get("timespan")),
        condition=condition,
        group_by=_texts(section.get("group-by"), "group-by"),
        aliases=_aliases(section.get("aliases")),
        fields=fields,
        percentile=percentile,
        generate=_boolean(section.get("generate"), "generate"),
        path=path,
        line=line,
        **_metadata(document),
    )
    _check(correlation, section)
    return correlation


def _metadata(document: dict[Any, Any]) -> dict[str, Any]:
    return {
        "level": _one_of(document, "level", LEVELS, "informational"),
        "status": _one_of(document, "status", _STATUSES, "unsupported"),
        "tags": _texts(document.get("tags"), "tags"),
        "name": _text(document, "name") or None,
        "description": _text(document, "description"),
        "falsepositives": _texts(document.get("falsepositives"), "falsepositives"),
        "references": _texts(document.get("references"), "references"),
        "author": _text(document, "author"),
    }


def _check(correlation: Correlation, section: dict[Any, Any]) -> None:
    """Raise RuleError for parts that are fine by themselves but not together."""
    unknown = sorted(str(key) for key in section if key not in _KEYS)
    if unknown:
        raise RuleError(f"unknown attribute in the correlation: {', '.join(unknown)}", fix=f"known are {', '.join(sorted(_KEYS))}")
    ordered = correlation.type is CorrelationType.TEMPORAL_ORDERED
    most = MAX_ORDERED_RULES if ordered else MAX_RULES
    if len(correlation.rules) > most:
        raise RuleError(f"{len(correlation.rules)} rules are too many; at most {most} can be correlated as {correlation.type.value}")
    for alias, fields in correlation.aliases.items():
        for rule in fields:
            if rule not in correlation.rules:
                raise RuleError(f'alias "{alias}" speaks of rule "{rule}", which is not among the correlation\'s rules')
    if not isinstance(correlation.condition, Threshold):
        _check_expression(correlation, correlation.condition, ordered)


def _check_expression(correlation: Correlation, expression: Expression, ordered: bool) -> None:
    named = set(references(expression))
    undefined = sorted(named - set(correlation.rules))
    unused = sorted(set(correlation.rules) - named)
    if undefined:
        raise RuleError(f"the condition names what is not among the rules: {', '.join(undefined)}")
    if unused:
        raise RuleError(f"the condition does not name all rules: {', '.join(unused)} is left out")
    if ordered:
        clauses(expression)  # raises where there are too many ways


def _type(value: Any) -> CorrelationType:
    known = ", ".join(CorrelationType)
    if value is None:
        raise RuleError("the correlation has no type", fix=f"known are {known}")
    if not isinstance(value, str) or value.lower() not in set(CorrelationType):
        raise RuleError(f'unknown correlation type "{value}"', fix=f"known are {known}")
    return CorrelationType(value.lower())


def _rules(value: Any, kind: CorrelationType, condition: Threshold | Expression | None) -> tuple[str, ...]:
    if value is None and kind.temporal and condition is not None and not isinstance(condition, Threshold):
        return tuple(dict.fromkeys(references(condition)))
    rules = _texts(value, "rules")
    if not rules:
        raise RuleError("the correlation refers to no rules", fix='list them by id or name under "rules"')
    return rules


def _condition(value: Any, kind: CorrelationType) -> tuple[Threshold | Expression | None, tuple[str, ...], Number | None]:
    """Return the condition (None where the type has a default), its fields and its percentile."""
    if isinstance(value, str):
        if not kind.temporal:
            raise RuleError(f"a condition in words is for temporal types only, not for {kind.value}")
        return parse_expression(value), (), None
    if value is None and kind.temporal:
        return None, (), None
    if not isinstance(value, dict):
        raise RuleError('the correlation has no valid "condition"', fix='for example "condition: {gte: 10}"')
    threshold = _threshold({key: bound for key, bound in value.items() if key not in ("field", "percentile")})
    return threshold, _fields(value.get("field"), kind), _percentile(value.get("percentile"), kind)


def _threshold(bounds: dict[Any, Any]) -> Threshold:
    unknown = sorted(str(key) for key in bounds if key not in set(Comparison))
    if unknown:
        raise RuleError(f"unknown attribute in the condition: {', '.join(unknown)}")
    if not bounds:
        raise RuleError("the condition compares with nothing", fix=f"use one of {', '.join(Comparison)}")
    return Threshold(tuple((Comparison(key), _number(bound, f"condition {key}")) for key, bound in bounds.items()))


def _number(value: Any, what: str) -> Number:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _NUMBER_END:
        return value
    try:
        number = float(value) if isinstance(value, (str, float)) else math.nan
    except ValueError:
        number = math.nan
    if not abs(number) < _NUMBER_END:  # false for "not a number" too
        raise RuleError(f'{what}: "{value}" is not a number')
    return int(number) if number.is_integer() else Fraction(str(number))


def _fields(value: Any, kind: CorrelationType) -> tuple[str, ...]:
    fields = _texts(value, "condition field")
    if not kind.value.startswith("value_"):
        if fields:
            raise RuleError(f"condition field has no meaning for {kind.value}", fix="value_count counts different values of a field")
        return ()
    if not fields:
        raise RuleError(f"{kind.value} needs a condition field")
    if kind.numeric and len(fields) > 1:
        raise RuleError(f"{kind.value} takes one condition field, not {len(fields)}")
    return fields


def _percentile(value: Any, kind: CorrelationType) -> Number | None:
    wanted = kind is CorrelationType.VALUE_PERCENTILE
    if value is None and not wanted:
        return None
    if not wanted:
        raise RuleError(f"condition percentile has no meaning for {kind.value}")
    number = _number(value, "condition percentile")
    if not 0 <= number <= _WHOLE:
        raise RuleError(f'condition percentile: "{value}" is not between 0 and 100')
    return number


def _timespan(value: Any) -> int:
    """Return microseconds."""
    found = _TIMESPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise RuleError(f'timespan "{value}" is not valid', fix="a number and one of s, m, h, d, w, M, y, as in 15m")
    seconds = int(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds <= _LONGEST:
        raise RuleError(f'timespan "{value}" must be longer than zero and at most 100 years')
    return seconds * 1_000_000


def _aliases(value: Any) -> dict[str, dict[str, str]]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(mapping, dict) for mapping in value.values()):
        raise RuleError('"aliases" must map each alias to a mapping of rules to fields')
    return {
        _word(alias, "aliases"): {_word(rule, "aliases"): _word(name, "aliases") for rule, name in mapping.items()}
        for alias, mapping in value.items()
    }


def _texts(value: Any, what: str) -> tuple[str, ...]:
    """Return a list of texts, a single one, or nothing, as a tuple."""
    if value is None:
        return ()
    return tuple(_word(item, what) for item in (value if isinstance(value, list) else [value]))


def _word(value: Any, what: str) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise RuleError(f'"{what}" must be text, not {json.dumps(value, default=str)[:80]}')


def _text(document: dict[Any, Any], key: str) -> str:
    value = document.get(key)
    if value is None or isinstance(value, str):
        return value or ""
    raise RuleError(f'"{key}" must be text')


def _boolean(value: Any, what: str) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise RuleError(f'"{what}" must be true or false')


def _one_of(document: dict[Any, Any], key: str, known: Sequence[str], default: str) -> str:
    value = _text(document, key).lower()
    if value and value not in known:
        raise RuleError(f'{key} "{value}" is not known', fix=f"known are {', '.join(known)}")
    return value or default


def _title(document: dict[Any, Any]) -> str:
    title = _text(document, "title") or _text(document, "name")
    if not title:
        raise RuleError("the correlation has no title")
    return title


def _identity(document: dict[Any, Any]) -> str:
    """Return the id in its usual spelling, or one made from the text where there is none."""
    value = document.get("id")
    if value is None:
        return str(uuid5(_NAMESPACE, json.dumps(document, sort_keys=True, default=str)))
    return _id_key(_word(value, "id"))


def _id_key(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return text


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of the references.

    Attributes:
        correlations: those that can be evaluated, inner ones before those that refer to them; references are ids.
        rejected: the others, each with the reason.
        silent: ids of rules that only feed correlations and so give no detections of their own.
    """

    correlations: tuple[Correlation, ...]
    rejected: tuple[tuple[Correlation, RuleError], ...]
    silent: frozenset[str]


def resolve(correlations: Iterable[Correlation], rules: Iterable[Rule]) -> Resolution:
    """Replace names by ids, and set aside the correlations whose references lead nowhere, to several rules, or back to themselves.

    A rule gives detections of its own unless a correlation refers to it and none that does says ``generate``.
    """
    given = list(correlations)
    resolver = _Resolver(given, list(rules))
    rejected = tuple((given[index], error) for index, error in sorted(resolver.errors.items()))
    resolved = tuple(resolver.resolved.values())
    referred = {rule for one in resolved for rule in one.rules}
    generated = {rule for one in resolved if one.generate for rule in one.rules}
    silent = frozenset(referred - generated)
    return Resolution(tuple(replace(one, silent=one.id in silent) for one in resolved), rejected, silent)


class _Resolver:
    """Resolves depth first, so that inner correlations come first and a cycle is met as an unfinished one."""

    def __init__(self, correlations: list[Correlation], rules: list[Rule]) -> None:
        self.correlations = correlations
        self.resolved: dict[int, Correlation] = {}
        self.errors: dict[int, RuleError] = {}
        self._targets: dict[str, dict[str, tuple[str, int | None]]] = {}
        self._register(rules)
        for index in range(len(correlations)):
            self._visit_all(index)

    def _register(self, rules: list[Rule]) -> None:
        """Collect, for each id and name, what it may mean: id -> (path, index among the correlations)."""
        for rule in rules:
            self._know(rule.id, rule.name, rule.path, None)
        taken = {rule.id for rule in rules}
        for index, one in enumerate(self.correlations):
            if one.id in taken:
                self.errors[index] = _error(one, f"another rule has the same id {one.id}")
            else:
                taken.add(one.id)
                self._know(one.id, one.name, one.path, index)

    def _know(self, identity: str, name: str | None, path: str, index: int | None) -> None:
        for key in {_id_key(identity), name or ""} - {""}:
            self._targets.setdefault(key, {})[identity] = (path, index)

    def _visit_all(self, root: int) -> None:
        """Visit ``root`` and what it refers to without recursion: a chain may be longer than Python's stack."""
        way: list[int] = []
        stack = [(root, False)]
        while stack:
            index, left = stack.pop()
            if left:
                way.pop()
                self._finish(index)
            elif index not in self.resolved and index not in self.errors:
                stack += self._enter(index, way)

    def _enter(self, index: int, way: list[int]) -> list[tuple[int, bool]]:
        if index in way:
            round_trip = [*way[way.index(index) :], index]
            titles = " -> ".join(self.correlations[one].title for one in round_trip)
            self.errors[index] = _error(self.correlations[index], f"the correlation refers back to itself: {titles}")
            return []
        way.append(index)
        inner = [target for reference in self.correlations[index].rules if (target := self._target(index, reference)[1]) is not None]
        return [(index, True), *((target, False) for target in reversed(inner))]

    def _finish(self, index: int) -> None:
        one = self.correlations[index]
        names = {reference: self._target(index, reference) for reference in one.rules}
        problem = self._problem(one, names)
        if index in self.errors:
            return
        if problem:
            self.errors[index] = _error(one, problem)
        else:
            self.resolved[index] = _renamed(one, {reference: identity for reference, (identity, _) in names.items()})

    def _problem(self, one: Correlation, names: Mapping[str, tuple[str, int | None]]) -> str:
        for reference, (identity, inner) in names.items():
            if not identity:
                found = self._candidates(one, reference)
                return f'"{reference}" is the name of {len(found)} rules' if found else f'there is no rule "{reference}"'
            if inner is not None and inner in self.errors:
                return f'the correlation "{reference}" it refers to cannot be used: {self.errors[inner].message}'
        return ""

    def _target(self, index: int, reference: str) -> tuple[str, int | None]:
        """Return (id, index of the correlation or None), ("", None) where the reference is unknown or ambiguous."""
        found = self._candidates(self.correlations[index], reference)
        if len(found) != 1:
            return "", None
        identity, (_, inner) = next(iter(found.items()))
        return identity, inner

    def _candidates(self, one: Correlation, reference: str) -> dict[str, tuple[str, int | None]]:
        """Return what a reference may mean; rules of the correlation's own file come first."""
        found = self._targets.get(_id_key(reference), {})
        own = {identity: target for identity, target in found.items() if target[0] == one.path}
        return own or found


def _error(one: Correlation, message: str) -> RuleError:
    return RuleError(message, place=f"{one.path} line {one.line}" if one.path else "")


def _renamed(one: Correlation, ids: Mapping[str, str]) -> Correlation:
    """Return the correlation with ids for names."""
    condition = one.condition if isinstance(one.condition, Threshold) else renamed(one.condition, ids)
    aliases = {alias: {ids[rule]: name for rule, name in fields.items()} for alias, fields in one.aliases.items()}
    return replace(one, rules=tuple(ids[rule] for rule in one.rules), condition=condition, aliases=aliases)
