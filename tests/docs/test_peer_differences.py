"""The comparison with another engine: recomputed where the samples are, and every difference explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from kulla.detection.byhand import ByHand, Event
from kulla.detection.ir import And, Not, Op, Predicate, Rule
from kulla.model.logsource import LogSource
from kulla.node.settings import cache_home
from kulla.telemetry.batch import Source
from kulla.telemetry.envelope import envelope
from kulla.telemetry.flatten import flatten
from tests.shared_data import shared_data
from tools import peer_differences
from tools.peer_differences import REASONS, UNEXPLAINED, Difference, explanation

WINDOWS = LogSource("windows")
NETWORK = LogSource("windows", "network_connection")
TITLES = {"rule": "Title", "id": "00000000-0000-4000-8000-000000000001"}


def test_the_page_is_made_of_the_table() -> None:
    assert peer_differences.PAGE.read_text(encoding="utf-8") == peer_differences.page(peer_differences.load())


def test_no_difference_is_unexplained_and_each_reason_is_used() -> None:
    found = [Difference.from_dict(entry) for entry in peer_differences.load()["differences"]]
    assert UNEXPLAINED not in {each.reason for each in found}
    assert {each.reason for each in found} == {reason.name for reason in REASONS}
    assert all(each.ours != each.theirs for each in found)


def test_the_counts_are_what_both_engines_give_now() -> None:
    shared_data("evtx/zircolite-3.7-counts.json")
    found = peer_differences.compare(shared_data("."), cache_home() / "rules")
    assert found == peer_differences.load(), "run python -m tools.peer_differences and look at what changed"


def test_every_event_is_read_that_the_peers_library_reads() -> None:
    from evtx import PyEvtxParser

    folder = shared_data("evtx")
    told, _ = peer_differences.peer(folder)
    files = sorted(told["counts"])
    theirs = {file: sum(1 for _ in PyEvtxParser(str(folder / file)).records_json()) for file in files}
    ours = {file: sum(1 for _ in peer_differences.Samples(folder).events(file, ByHand(()))) for file in files}
    assert ours == theirs
    assert sum(ours.values()) == peer_differences.load()["events"]


def rule(*parts: Predicate | Not, logsource: LogSource = NETWORK) -> Rule:
    return Rule(TITLES["id"], TITLES["rule"], logsource, And(parts))


def event(text: bytes) -> Event:
    from kulla.detection.logsources import classify

    fields = flatten(text)
    return Event(text, 0, Source("a.evtx", "evtx", WINDOWS), fields, envelope(fields), classify(fields, WINDOWS))


CONNECTION = b'{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":3,"Initiated":true,"Image":"a.exe"}'
INITIATED, IMAGE = Predicate("Initiated", Op.EQUALS, "true"), Predicate("Image", Op.EQUALS, "a.exe")
THREAD = b'{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":8,"StartModule":""}'
THREADS = LogSource("windows", "create_remote_thread")


@pytest.mark.parametrize(
    ("asked", "text", "ours", "theirs", "reason"),
    [
        (rule(INITIATED), CONNECTION, 1, 0, "true as 1"),
        (rule(IMAGE, Not(Predicate("Nowhere", Op.EQUALS, "x"))), CONNECTION, 1, 0, "missing column"),
        (rule(IMAGE), CONNECTION, 1, 0, None),
        (rule(IMAGE), CONNECTION, 1, 2, None),
        (rule(Predicate("StartModule", Op.EQUALS, ""), logsource=THREADS), THREAD, 1, 0, "empty text dropped"),
        (rule(Predicate("StartModule", Op.NULL), logsource=THREADS), THREAD, 0, 1, "empty text as null"),
    ],
)
def test_a_reason_is_given_only_where_its_model_gives_the_peers_count(
    asked: Rule, text: bytes, ours: int, theirs: int, reason: str | None
) -> None:
    difference = Difference("a.evtx", asked.id, asked.title, ours, theirs, UNEXPLAINED, UNEXPLAINED)
    seen = event(text)
    found = explanation(difference, asked, [seen], ByHand((asked,)), frozenset(seen.fields.values))
    assert (found.name if found else None) == reason


def test_titles_with_a_bar_do_not_break_the_table(tmp_path: Path) -> None:
    bar = Difference("a.evtx", "id", "A | B", 1, 0, UNEXPLAINED, UNEXPLAINED)
    kept = {**peer_differences.load(), "differences": [bar.to_dict()]}
    assert "| a.evtx | A \\| B | `id` | 1 | 0 |" in peer_differences.page(kept)
    assert "## Unexplained" in peer_differences.page(kept)
