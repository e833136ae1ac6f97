"""What rules mean: the table of spec_cases, evaluated by the oracle."""

import pytest

from kulla.detection.oracle import evaluate, explain
from tests.detection import building
from tests.detection.spec_cases import GROUPS

CASES = [
    pytest.param(detection, event, expected, id=f"{group}: {name}: {number}")
    for group, cases in GROUPS.items()
    for name, detection, events in cases
    for number, (event, expected) in enumerate(events)
]


@pytest.mark.parametrize(("detection", "event", "expected"), CASES)
def test_meaning(detection: str, event: str, expected: bool):
    tree, fields = building.tree(detection), building.fields(event)
    assert evaluate(tree, fields) is expected
    assert explain(tree, fields).result is expected


def test_the_table_is_large_enough_to_mean_something():
    assert len(CASES) > 150
    assert {case.values[2] for case in CASES} == {True, False}
