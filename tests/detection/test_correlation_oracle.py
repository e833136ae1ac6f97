"""The runtime agrees with the slow oracle, whatever the rules, the hits, the order of feeding and the use of the disk."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kulla.detection.correlation.correlator import Correlator, Limits
from kulla.detection.correlation.model import Correlated, Correlation, CorrelationType, Hit
from kulla.detection.correlation.oracle import correlate, place
from kulla.detection.sigma.correlations import resolve
from kulla.model.problem import Problems
from tests.detection.correlation_cases import SECOND, correlation, resolved, rule, run

USUAL = {"Host": "one", "User": "ann", "Other": "ann", "Bytes": "4"}
#: What differs from the usual values: mostly little, so that groups fill.
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "Host": st.sampled_from(["ONE", "two", ""]) | st.none(),
        "User": st.sampled_from(["Ann", "bob"]) | st.none(),
        "Other": st.sampled_from(["bob"]),
        "Bytes": st.sampled_from(["1", "2.5", "-3", "40", "0", "x", "1e1"]),
    },
).map(lambda changed: USUAL | changed)


@st.composite
def hits(draw: st.DrawFn) -> list[Hit]:
    """Few moments, so that many coincide; windows of whole seconds, so that many end exactly there."""
    rows = st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.sampled_from(["p", "q"]), st.integers(0, 3), VALUES)
    drawn = draw(st.lists(rows, min_size=2, max_size=30, unique_by=lambda row: row[:4]))
    return [Hit(f"id-{name}", half * SECOND // 2, path, number, None, None, "h", values) for name, half, path, number, values in drawn]


THRESHOLDS = st.one_of(
    st.tuples(st.sampled_from(["gte", "gt", "gte"]), st.integers(1, 4)).map(lambda pair: dict([pair])),
    st.tuples(st.sampled_from(["lt", "lte", "eq", "neq"]), st.integers(0, 4)).map(lambda pair: dict([pair])),
    st.just({"gte": 2, "lte": 3}),
)
WORDS = ["{0} and {1}", "{0} or {1}", "{0} and not {1}", "({0} or {1}) and {2}", "not ({0} and {1}) or {2}", "{0} and {1} and not {2}"]


@st.composite
def sections(draw: st.DrawFn, names: tuple[str, ...]) -> dict[str, Any]:
    kind = draw(st.sampled_from(list(CorrelationType)))
    section: dict[str, Any] = {
        "type": kind.value,
        "rules": draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=kind is not CorrelationType.TEMPORAL_ORDERED)),
        "timespan": f"{draw(st.integers(1, 5))}s",
        "group_by": draw(st.sampled_from([[], ["Host"], ["who"], ["Host", "User"]])),
    }
    if section["group_by"] == ["who"]:
        section["aliases"] = {"who": {name: draw(st.sampled_from(["User", "Other"])) for name in section["rules"]}}
    if kind.temporal and draw(st.booleans()):
        return {**section, **_in_words(draw, names)}
    if not kind.temporal or draw(st.booleans()):
        section["condition"] = dict(draw(THRESHOLDS))
    if kind.value.startswith("value_"):
        section["condition"]["field"] = "Bytes" if kind.numeric else draw(st.sampled_from(["User", ["User", "Bytes"]]))
    if kind is CorrelationType.VALUE_PERCENTILE:
        section["condition"]["percentile"] = draw(st.sampled_from([0, 10, 50, 95, 99.5, 100]))
    return section


def _in_words(draw: st.DrawFn, names: tuple[str, ...]) -> dict[str, Any]:
    chosen = [names[0], *draw(st.permutations(names[1:]))][:3]
    words = draw(st.sampled_from(WORDS)).format(*chosen)
    return {
        "condition": words,
        "rules": [name for name in chosen if name in words.replace("(", " ").replace(")", " ").split()],
        "aliases": None,
    }


@st.composite
def correlations(draw: st.DrawFn) -> tuple[Correlation, ...]:
    """One, or a chain in which later ones may refer to earlier ones."""
    names: tuple[str, ...] = ("a", "b", "c")
    made = []
    for name in "uvw"[: draw(st.integers(1, 3))]:
        made.append(correlation(name, **draw(sections(names))))
        names = (name, *names)
    return resolved(*draw(st.permutations(made)))


def ordered(found: list[Correlated]) -> list[Correlated]:
    return sorted(found, key=place)


@settings(max_examples=300)
@given(correlations(), hits())
def test_the_runtime_is_the_oracle(rules: tuple[Correlation, ...], given_hits: list[Hit]):
    assert ordered(run(rules, given_hits)) == correlate(rules, given_hits)


@given(correlations(), hits(), st.randoms(use_true_random=False), st.integers(1, 6))
def test_neither_the_order_of_feeding_nor_the_disk_changes_anything(
    rules: tuple[Correlation, ...], given_hits: list[Hit], chance: random.Random, memory: int
):
    expected = run(rules, given_hits)
    shuffled = [*given_hits, *given_hits[::3]]
    chance.shuffle(shuffled)
    assert run(rules, shuffled) == expected
    assert run(rules, shuffled, limits=Limits(hits=memory)) == expected


@given(correlations(), hits(), st.integers(1, 8), st.sampled_from([2, 200_000]))
def test_live_in_steps_ends_in_the_same_detections(rules: tuple[Correlation, ...], given_hits: list[Hit], step: int, memory: int):
    problems = Problems()
    correlator = Correlator(rules, None, problems, Limits(hits=memory), include_silent=True)
    found: list[Correlated] = []
    for half in range(0, 40, step):
        begin, end = half * SECOND // 2, (half + step) * SECOND // 2
        correlator.feed(seen for seen in given_hits if begin <= seen.time < end)
        found += [one for one in correlator.advance(end) if not one.ongoing]
    found += correlator.finish()
    assert ordered(found) == correlate(rules, given_hits)


def test_a_large_stream_agrees_and_leaves_no_file(tmp_path: Path):
    chance = random.Random(7)
    rules = resolved(
        correlation("u", type="event_count", rules=["a", "b"], group_by="Host", timespan="4s", condition={"gte": 4}),
        correlation("v", type="temporal_ordered", rules=["u", "c"], group_by="Host", timespan="5s"),
    )
    many = [
        Hit(f"id-{chance.choice('abc')}", chance.randrange(400 * SECOND), "p", number, values={"Host": chance.choice("xyz")})
        for number in range(600)
    ]
    correlator = Correlator(rules, tmp_path, Problems(), Limits(hits=50), include_silent=True)
    correlator.feed(many)
    assert list(tmp_path.iterdir()) != []
    found = list(correlator.finish())
    assert len(found) > 20
    assert ordered(found) == correlate(rules, many)
    assert list(tmp_path.iterdir()) == []


def test_the_oracle_is_not_empty():
    rules = resolve([correlation("x", type="event_count", rules="a", timespan="1s", condition={"gte": 2})], [rule("a")]).correlations
    assert len(correlate(rules, [Hit("id-a", 0, "p", 0), Hit("id-a", 1, "p", 1)])) == 1
