"""Values of the domain to JSON and back, for the cache only: no code is stored and none is run on reading.

A dataclass becomes ``["ClassName", field, field, ...]``, an enumeration ``["=ClassName", value]``, a fraction
``["/", numerator, denominator]``, a tuple ``["()", ...]``, a mapping ``["{}", [key, value], ...]``. Only the classes listed here come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any

from kulla.detection import ir
from kulla.detection.correlation import expression, model
from kulla.detection.sigma import outcome
from kulla.model.logsource import LogSource

_DATACLASSES: tuple[type[Any], ...] = (
    ir.Predicate, ir.And, ir.Or, ir.Not, ir.Rule, LogSource,
    model.Correlation, model.Threshold, expression.Seen, expression.All, expression.AnyOf, expression.Unless,
    outcome.RejectedRule, outcome.Remark,
)  # fmt: skip
_ENUMS: tuple[type[Enum], ...] = (ir.Op, model.CorrelationType, model.Comparison)


#: Larger numbers are not JSON for every reader; they are kept as fractions.
_WIDE = 2**62


@cache
def _layout(kind: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


@cache
def _known() -> dict[str, type[Any]]:
    return {kind.__name__: kind for kind in _DATACLASSES}


@cache
def _enums() -> dict[str, type[Enum]]:
    return {"=" + kind.__name__: kind for kind in _ENUMS}


def plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it.

    Raises:
        TypeError: something in it is of no listed class.
    """
    if isinstance(value, Enum):
        return ["=" + type(value).__name__, value.value]
    kind: Any = type(value)
    if kind in _DATACLASSES:
        return [kind.__name__, *(plain(getattr(value, name)) for name in _layout(kind))]
    if isinstance(value, Fraction) or (type(value) is int and abs(value) >= _WIDE):
        return ["/", str(value.numerator), str(value.denominator)]
    if isinstance(value, tuple):
        return ["()", *map(plain, value)]
    if isinstance(value, Mapping):
        return ["{}", *([plain(key), plain(item)] for key, item in value.items())]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be kept")


def value_of(kept: Any) -> Any:
    """Return what ``plain`` was given.

    Raises:
        KeyError, TypeError, ValueError: not something that ``plain`` made.
    """
    if not isinstance(kept, list):
        return kept
    mark = kept[0]
    if mark == "()":
        return tuple(map(value_of, kept[1:]))
    if mark == "{}":
        return {value_of(key): value_of(item) for key, item in kept[1:]}
    if mark == "/":
        return Fraction(int(kept[1]), int(kept[2]))
    if mark in _enums():
        return _enums()[mark](kept[1])
    return _known()[mark](*map(value_of, kept[1:]))
