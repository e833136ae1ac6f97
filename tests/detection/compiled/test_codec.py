"""What the cache keeps comes back the same, and nothing but the listed classes comes back."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import orjson
import pytest
from hypothesis import given

from kulla.detection.compiled.codec import plain, value_of
from kulla.detection.correlation.model import Comparison, Correlation, CorrelationType, Threshold
from kulla.detection.ir import Rule
from kulla.model.logsource import LogSource
from tests.detection.strategies import trees


@given(trees())
def test_trees_come_back(tree: object) -> None:
    assert value_of(orjson.loads(orjson.dumps(plain(tree)))) == tree


def test_rule_and_correlation_come_back() -> None:
    threshold = Threshold(((Comparison.GTE, Fraction(1, 3)), (Comparison.LT, 10**29)))
    correlation = Correlation(
        "c", "title", CorrelationType.VALUE_COUNT, ("r",), 1, threshold, ("host",), {"host": {"r": "Computer"}}, fields=("User",)
    )
    rule = Rule("r", "t", LogSource("windows"), threshold_tree(), tags=("attack.t1003",))
    for value in (correlation, rule):
        assert value_of(orjson.loads(orjson.dumps(plain(value)))) == value


def threshold_tree() -> object:
    from kulla.detection.ir import And, Not, Op, Predicate

    return And((Predicate("a", Op.EQUALS, "1"), Not(Predicate(None, Op.CONTAINS, "é", cased=True))))


def test_unlisted_classes_are_refused() -> None:
    @dataclass
    class Stranger:
        name: str = ""

    with pytest.raises(TypeError):
        plain(Stranger())
    with pytest.raises(KeyError):
        value_of(["Stranger", ""])
    with pytest.raises(KeyError):
        value_of(["os.system", "true"])
