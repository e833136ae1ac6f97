"""Whatever does not fit is done again with more room, or by hand: the answers stay the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from kulla.detection import fastpath
from kulla.detection.engine import Engine
from kulla.detection.fastpath import FastPath, Room
from kulla.detection.ir import And, Node, Op, Or, Predicate, Rule
from kulla.detection.kernel import workspace
from kulla.detection.kernel.match import SERIAL
from kulla.detection.kernel.workspace import new_out, new_work
from kulla.model.logsource import LogSource
from kulla.telemetry.batch import Batch
from tests.detection.kernel import sources
from tests.detection.kernel.both_ways import Setting, asks, check, compare, renumbered
from tests.detection.kernel.random_cases import Maker, _fields, by_hand, sound
from tests.detection.kernel.sightings import OBSERVABLES, VALUES, index_of

SMALL = Setting(catalogue=sources.SMALL)


def rules_of(*trees: Node) -> list[Rule]:
    return renumbered([Rule("", "", LogSource(), tree) for tree in trees])


def path_of(engine: Engine) -> FastPath:
    made = engine._new_path()
    assert isinstance(made, FastPath)
    return made


def squeeze(path: FastPath, line_bytes: int, rows: int) -> None:
    """Give a path outputs of this size."""
    tables = path.compiled.tables
    path.room = Room(path.compiled, new_work(tables, 64), new_out(tables, 1, line_bytes, rows), 64, 1, line_bytes, rows)


def squeezed(rules: Sequence[Rule], batch: Batch, setting: Setting, line_bytes: int, rows: int) -> FastPath:
    """Compare a squeezed path with the slow engine; return the path."""
    fast, slow = setting.engines(rules)
    path = path_of(fast)
    squeeze(path, line_bytes, rows)
    compare(path.scan(batch), slow.scan(batch))
    return path


@pytest.mark.parametrize("growing", [True, False])
@pytest.mark.parametrize(("line_bytes", "rows"), [(1, 1), (700, 2), (3000, 7), (10_000, 3)])
def test_outputs_that_are_full(monkeypatch: pytest.MonkeyPatch, line_bytes: int, rows: int, growing: bool):
    if not growing:
        monkeypatch.setattr(fastpath, "_MOST_LINE_BYTES", 1)
    chosen = [(kind, value) for kind, values in OBSERVABLES.items() for value in values]
    setting = Setting(catalogue=sources.SMALL, index=index_of(chosen), feeding=frozenset({0, 3}))
    sighted = [json.dumps({"DestinationIp": [value, value], "Message": value}).encode() for value in VALUES[:9]]
    for seed in range(by_hand(3)):
        maker = Maker(seed)
        events = [*(maker.event() for _ in range(8)), *sighted]
        maker.rng.shuffle(events)
        rules = renumbered(sound([maker.rule([_fields(event) for event in events]) for _ in range(12)]))
        path = squeezed(rules, setting.batch(events), setting, line_bytes, rows)
        assert (path.room.rows > rows) is growing


@pytest.mark.parametrize(("name", "rows"), [("TAPE_ROWS", 4), ("CANDIDATE_ROWS", 2), ("ASKED_ROWS", 1), ("GROUPS", 1)])
def test_scratch_that_is_full(monkeypatch: pytest.MonkeyPatch, name: str, rows: int):
    monkeypatch.setattr(workspace, name, rows)
    chosen = [(kind, value) for kind, values in OBSERVABLES.items() for value in values]
    setting = Setting(catalogue=sources.SMALL, index=index_of(chosen))
    sighted = [json.dumps({"Message": " ".join(VALUES[:6]), "CommandLine": value}).encode() for value in VALUES[:6]]
    for seed in range(by_hand(4)):
        maker = Maker(seed)
        events = [*(maker.event() for _ in range(10)), *sighted]
        check(renumbered(sound([maker.rule([_fields(event) for event in events]) for _ in range(16)])), events, setting)


def test_an_event_of_more_values_than_the_tape_has_rows():
    many = workspace.TAPE_ROWS + 10
    listed = json.dumps({"A": [*(str(number) for number in range(many)), "last"]}).encode()
    named = json.dumps({f"n{number}": "x" for number in range(many)} | {"A": "last"}).encode()
    repeated = b"{" + b'"A":"x",' * many + b'"A":"last"}'
    rules = rules_of(asks("A", Op.EQUALS, "last"), asks(None, Op.EQUALS, "LAST"), asks(f"n{many - 1}", Op.EXISTS))
    found = check(rules, [b'{"A":"last"}', listed, named, repeated, b'{"A":"last"}'], SMALL)
    assert found.rule_hits.tolist() == [5, 5, 1]


def test_more_candidates_than_there_is_room_for():
    many = workspace.CANDIDATE_ROWS + 10
    tree = Or((asks("A", Op.EQUALS, "x"), And((asks("B", Op.EQUALS, "1"), asks("C", Op.EXISTS)))))
    rules = rules_of(*(And((tree, asks("A", Op.STARTSWITH, "x"))) for _ in range(many)))
    assert check(rules, [b'{"A":"x"}', b'{"A":"y"}'], SMALL).rule_hits.tolist() == [1] * many


def test_more_questions_than_there_is_room_for():
    many = workspace.ASKED_ROWS + 10
    values = json.dumps({"A": [f"x{number}" for number in range(many)]}).encode()
    rules = rules_of(
        asks("A", Op.REGEX, f"(?=x)x{many - 1}$"), asks("A", Op.EQUALS, f"x{many - 1}", cased=True), asks("A", Op.REGEX, f"^x{many}")
    )
    assert check(rules, [values], SMALL).rule_hits.tolist() == [1, 1, 0]


def test_an_event_of_fifteen_mebibytes():
    big = "İ" + "ab\\" * (5 << 20)
    event = json.dumps({"A": big, "B": "x"}, ensure_ascii=False).encode()
    rules = rules_of(
        asks("A", Op.ENDSWITH, "B\\"), asks("A", Op.STARTSWITH, "iab"), asks("A", Op.WILDCARD, "i*b\\\\*"), asks("B", Op.EQUALS, "X")
    )
    found = check(rules, [b'{"B":"x"}', event, b'{"B":"x"}'], SMALL)
    assert found.rule_hits.tolist() == [1, 1, 1, 3]


@pytest.mark.parametrize("op", [Op.FIELD_CONTAINS, Op.FIELD_EQUALS, Op.FIELD_STARTSWITH, Op.FIELD_ENDSWITH])
@pytest.mark.parametrize("cased", [True, False])
def test_fields_of_many_and_of_long_values_are_compared_in_reasonable_time(op: Op, cased: bool):
    many = [f"v{number}" for number in range(900)]
    long = "a" * (1 << 20)
    events = [
        json.dumps({"A": [*many, "same"], "B": [*(value + "x" for value in many), "same"]}).encode(),
        json.dumps({"A": long + "b", "B": long[: 1 << 19] + "c"}).encode(),
        json.dumps({"A": long, "B": long}).encode(),
    ]
    rules = renumbered([Rule("", "", LogSource(), Predicate("A", op, "B", cased))])
    assert check(rules, events, SMALL).rule_hits.tolist() == [2]


def test_values_beyond_the_number_that_is_shown():
    trees = tuple(asks("A", Op.CONTAINS, f"<{number}>") for number in range(100))
    event = json.dumps({"A": [f"<{number}>" for number in range(100)]}).encode()
    assert check(rules_of(And(trees), And(trees[:64]), And(trees[:65])), [event], SMALL).rule_hits.tolist() == [1, 1, 1]


def test_batches_larger_and_smaller_than_the_last():
    rules = rules_of(asks("A", Op.CONTAINS, "x"), asks("A", Op.NULL))
    fast, slow = SMALL.engines(rules)
    for size, length in ((1, 1), (50, 10), (3, 5000), (200, 1), (0, 0), (1, 300_000), (2, 2)):
        batch = SMALL.batch([json.dumps({"A": "x" * length, "n": number}).encode() for number in range(size)])
        compare(fast.scan(batch), slow.scan(batch))


@pytest.mark.parametrize("before", [(1 << 30) - 1, (1 << 30) + 1, 1])
def test_stamps_begin_anew_before_they_overflow(before: int):
    rules = rules_of(asks("A", Op.EQUALS, "x"), asks("A", Op.REGEX, "(?=x)x"))
    fast, slow = SMALL.engines(rules)
    path = path_of(fast)
    batch = SMALL.batch([b'{"A":"x"}', b'{"A":"y"}'] * 3)
    compare(path.scan(batch), slow.scan(batch))
    path.room.work.counters[SERIAL] = before
    for _ in range(3):
        compare(path.scan(batch), slow.scan(batch))
    assert 0 < path.room.work.counters[SERIAL] < (1 << 31) - 1000


@pytest.mark.parametrize("make", [lambda: b"", lambda: b"{}", lambda: b"{" * 70, lambda: b"[" * 70])
def test_batches_of_nothing_much(make: Callable[[], bytes]):
    check(rules_of(And(())), [make()] * 5, SMALL)
