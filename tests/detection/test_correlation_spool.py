"""Hits in order, in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kulla.detection.correlation.model import Hit
from kulla.detection.correlation.spool import Spool
from kulla.model.problem import Problems
from tests.detection.correlation_cases import counted

TEXT = st.sampled_from(["", "a"]) | st.text(st.characters(), max_size=4)  # unpaired surrogates and NUL among them
HITS = st.builds(
    Hit,
    rule_id=TEXT,
    time=st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(0, 3),
    path=TEXT,
    number=st.integers(0, 3),
    id=TEXT | st.none(),
    channel=TEXT | st.none(),
    host=TEXT | st.none(),
    values=st.dictionaries(TEXT, TEXT | st.none(), max_size=2),
)


def key(hit: Hit) -> tuple[int, str, int, str]:
    return hit.time, hit.path, hit.number, hit.rule_id


def unique(hits: list[Hit]) -> Iterator[Hit]:
    return (found for _, found in sorted({key(hit): hit for hit in reversed(hits)}.items()))


@given(st.lists(HITS, max_size=20), st.integers(1, 25), st.integers(-1, 4))
def test_what_goes_in_comes_out_sorted_and_once(hits: list[Hit], memory: int, until: int):
    spool = Spool(None, Problems(), memory)
    for hit in hits:
        spool.add(hit)
    before = list(spool.take(until))
    after = list(spool.take(None))
    assert before + after == list(unique(hits))
    assert all(hit.time < until for hit in before)
    assert all(hit.time >= until for hit in after)
    spool.close()


def test_a_disk_that_cannot_be_written_is_counted(tmp_path: Path):
    problems = Problems()
    spool = Spool(tmp_path / "absent", problems, 2)
    for number in range(5):
        spool.add(Hit("r", number, "p", number))
    assert [hit.number for hit in spool.take(None)] == [4]
    assert counted(problems) == {"correlation-spool": 4}
    (problem,) = problems
    assert problem.path == str(tmp_path / "absent")
    spool.close()


def test_a_disk_that_fills_loses_a_batch_and_says_so(tmp_path: Path):
    problems = Problems()
    spool = Spool(tmp_path, problems, 100)
    for number in range(100):
        spool.add(Hit("r", number, "p", number))
    assert spool._table is not None
    pages = spool._table.execute("PRAGMA page_count").fetchone()[0]
    spool._table.execute(f"PRAGMA max_page_count = {pages + 2}")
    for number in range(100, 1100):
        spool.add(Hit("r", number, "p", number, values={"a": "x" * 200}))
    kept = list(spool.take(None))
    assert [hit.number for hit in kept[:100]] == list(range(100))
    assert len(kept) + counted(problems)["correlation-spool"] == 1100
    spool.close()
    assert list(tmp_path.iterdir()) == []
