"""What is said of every rule after a run: the same for the compiled engine and the slow one, and what the states mean."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from kulla.detection.accounting import EVALUATED, NO_FIELD, NO_SOURCE, outcomes
from kulla.detection.engine import Engine
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate, Rule
from kulla.detection.logsources import Catalogue, builtin
from kulla.detection.rulebook import RuleBook, book_of
from kulla.model.logsource import LogSource
from kulla.model.summary import RuleOutcome
from kulla.telemetry.batch import Batch, Source, batch_of
from tests.detection.kernel import sources
from tests.detection.kernel.both_ways import asks, renumbered
from tests.detection.kernel.random_cases import Maker, _fields, by_hand, json_values, sound

WINDOWS, CREATION = LogSource("windows"), LogSource("windows", "process_creation")
SYSMON = {"Channel": "Microsoft-Windows-Sysmon/Operational"}


def account(book: RuleBook, batches: Sequence[Batch], catalogue: Catalogue, *, compiled: bool) -> list[RuleOutcome]:
    """Scan the batches and return the outcomes."""
    engine = Engine(book.rules, book.compiled if compiled else None, catalogue)
    hits = np.zeros(len(book.rules), np.int64)
    classes = np.zeros(len(book.compiled.classes) if compiled and book.compiled else 0, np.int64)
    for batch in batches:
        scanned = engine.scan(batch)
        hits += scanned.rule_hits
        classes += scanned.class_events if compiled else 0
    return outcomes(book, engine, {number: int(count) for number, count in enumerate(hits) if count}, classes)


def both(rules: Sequence[Rule], batches: Sequence[Batch], catalogue: Catalogue | None = None) -> list[RuleOutcome]:
    """Return the outcomes after checking that both engines give the same."""
    used = catalogue or builtin()
    book = book_of(rules, used, compiling=True)
    fast, slow = (account(book, batches, used, compiled=compiled) for compiled in (True, False))
    assert fast == slow
    return fast


def batch(*events: dict[str, object], base: LogSource = LogSource()) -> Batch:
    return batch_of(Source("a", "jsonl", base), [json.dumps(event).encode() for event in events])


def state(tree: Node, *events: dict[str, object], source: LogSource = CREATION) -> tuple[str, str, int]:
    """Return (state, reason, detections) of one rule."""
    [found] = both(renumbered([Rule("", "", source, tree)]), [batch(*events)])
    return found.state, found.reason, found.detections


def sysmon(**fields: object) -> dict[str, object]:
    return {**SYSMON, "EventID": 1, **fields}


IMAGE, MISSING = asks("Image", Op.ENDSWITH, "x"), asks("ParentImage", Op.ENDSWITH, "x")


def test_a_rule_that_holds_was_evaluated():
    assert state(IMAGE, sysmon(Image="x"), sysmon(Image="y")) == (EVALUATED, "", 1)


def test_a_rule_that_does_not_hold_was_evaluated():
    assert state(IMAGE, sysmon(Image="y")) == (EVALUATED, "", 0)


def test_no_event_of_the_log_source():
    assert state(IMAGE, sysmon(Image="x"), source=LogSource("windows", "dns_query")) == (
        NO_SOURCE, "no events of log source windows/dns_query/* in this data", 0,
    )  # fmt: skip
    assert state(IMAGE, source=WINDOWS)[0] == NO_SOURCE
    assert state(IMAGE, {"Image": "x"})[0] == NO_SOURCE


def test_a_log_source_that_kulla_does_not_know():
    found = state(IMAGE, sysmon(Image="x"), source=LogSource("toaster"))
    assert found == (NO_SOURCE, "log source toaster/*/* is not known to Kulla", 0)


def test_a_field_that_never_occurs():
    assert state(And((IMAGE, MISSING)), sysmon(Image="x")) == (NO_FIELD, "never seen in this log source: ParentImage", 0)


@pytest.mark.parametrize(
    ("tree", "hits"),
    [
        (And((IMAGE, Not(MISSING))), 1),
        (Or((IMAGE, MISSING)), 1),
        (Not(MISSING), 1),
        (asks("ParentImage", Op.NULL), 1),
        (And((asks("Image", Op.ENDSWITH, "never"), Not(MISSING))), 0),
        (Or((asks("Image", Op.ENDSWITH, "never"), MISSING)), 0),
        (And((asks("Image", Op.ENDSWITH, "never"), asks("ParentImage", Op.NULL))), 0),
        (And((asks("Image", Op.ENDSWITH, "never"), Or((MISSING, IMAGE)))), 0),
        (Not(And((MISSING, IMAGE))), 1),
        (asks(None, Op.CONTAINS, "never"), 0),
    ],
)
def test_a_rule_that_can_be_true_without_the_field_was_evaluated(tree: Node, hits: int):
    assert state(tree, sysmon(Image="x")) == (EVALUATED, "", hits)


@pytest.mark.parametrize(
    "tree",
    [
        Or((MISSING, And((MISSING, IMAGE)))),
        Not(Or((Not(MISSING), IMAGE))),
        And((IMAGE, Not(asks("ParentImage", Op.NULL)))),
        And((Not(Not(MISSING)), asks(None, Op.CONTAINS, "x"))),
        asks("ParentImage", Op.EXISTS),
    ],
)
def test_a_rule_that_cannot_be_true_without_the_field_was_not(tree: Node):
    assert state(tree, sysmon(Image="x")) == (NO_FIELD, "never seen in this log source: ParentImage", 0)


def test_a_field_counts_under_its_alias_and_only_in_the_own_log_source():
    created = {"Channel": "Security", "EventID": 4688, "NewProcessName": "y"}
    assert state(IMAGE, created) == (EVALUATED, "", 0)
    loaded = {**SYSMON, "EventID": 7, "ParentImage": "x"}
    assert state(And((IMAGE, MISSING)), sysmon(Image="x"), loaded)[0] == NO_FIELD


def test_an_event_id_that_never_occurs_is_no_missing_field():
    tree = And((asks("EventID", Op.EQUALS, "4625"), Or((asks("LogonType", Op.EQUALS, "3"), asks("Nowhere", Op.EQUALS, "1")))))
    security = {"Channel": "Security", "EventID": 4624, "LogonType": 3}
    assert state(tree, security, source=LogSource("windows", None, "security")) == (EVALUATED, "", 0)


def test_fields_of_events_that_go_the_slow_way_count_as_seen():
    tree = And((asks("Image", Op.ENDSWITH, "never"), asks("Company", Op.EQUALS, "never")))
    assert state(tree, sysmon(Image="x", Company="y", é="escaped key")) == (EVALUATED, "", 0)


def test_many_missing_fields_are_counted():
    tree = And(tuple(asks(f"Gone{number}", Op.EXISTS) for number in range(8)))
    assert state(tree, sysmon(Image="x"))[1] == "never seen in this log source: Gone0, Gone1, Gone2, Gone3, Gone4, 3 more"


def test_a_run_without_events():
    assert state(IMAGE)[0] == NO_SOURCE
    [found] = both(renumbered([Rule("", "", LogSource(), IMAGE)]), [])
    assert found.state == NO_SOURCE


@pytest.mark.parametrize("seed", range(by_hand(6)))
def test_both_engines_say_the_same_of_random_rules(seed: int):
    keys = {
        "EventID": json_values(*sources.IDS[:4]),
        "Channel": json_values(*sources.CHANNELS[:6]),
        "Provider_Name": json_values(*sources.PROVIDERS),
    }
    maker = Maker(seed, sources.REAL_FIELDS, keys, sources.REAL_SOURCES)
    events = [maker.event() for _ in range(maker.rng.choice((2, 5, 20)))]
    rules = renumbered(sound([maker.rule([_fields(event) for event in events]) for _ in range(40)]))
    base = maker.rng.choice((LogSource(), WINDOWS, LogSource("linux")))
    batches = [batch_of(Source("a", "jsonl", base), events[start : start + 7]) for start in range(0, len(events), 7)]
    found = both(rules, batches, maker.rng.choice((builtin(), sources.SITE)))
    assert len(found) == len(rules)


def test_predicates_of_every_kind_count_their_field():
    texts = {Op.CIDR: "::/0", Op.TIME_PART: "1"}
    for op in Op:
        predicate = Predicate("ParentImage", op, texts.get(op, "1"), flags="hour" if op is Op.TIME_PART else "")
        expected = EVALUATED if op is Op.NULL else NO_FIELD
        assert state(And((asks("Image", Op.EXISTS), predicate)), sysmon(Image="x"))[0] == expected
