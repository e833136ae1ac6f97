"""What one detection of a correlation is, each rule of docs/reference/correlations.md by an example."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kulla.detection.correlation.correlator import Correlator, Limits
from kulla.detection.correlation.model import Correlated, Hit, number_text
from kulla.model import moment
from kulla.model.problem import Problems
from tests.detection.correlation_cases import HOUR, MINUTE, SECOND, correlation, counted, hit, numbers, resolved, run

THREE_IN_TEN = {"type": "event_count", "rules": ["a"], "timespan": "10s", "condition": {"gte": 3}}


def at(name: str, *seconds: int, **values: str | None) -> list[Hit]:
    return [hit(name, second * SECOND, **values) for second in seconds]


def spans(found: list[Correlated]) -> list[tuple[int, int, Any]]:
    """First second, last second and measured value of each detection."""
    return [(one.first // SECOND, one.last // SECOND, one.value) for one in found]


def test_a_burst_is_one_detection_with_its_peak():
    found = run(resolved(correlation("x", **THREE_IN_TEN)), at("a", 0, 30, 31, 32, 33, 50, 70, 71, 72))
    assert spans(found) == [(30, 33, 4), (70, 72, 3)]
    assert numbers(found[0]) == [30, 31, 32, 33]
    assert found[0].count == 4


def test_events_exactly_a_timespan_apart_share_a_window():
    assert spans(run(resolved(correlation("x", **THREE_IN_TEN)), at("a", 0, 5, 10))) == [(0, 10, 3)]
    late = [*at("a", 0, 5), hit("a", 10 * SECOND + 1, number=10)]
    assert run(resolved(correlation("x", **THREE_IN_TEN)), late) == []


def test_a_burst_ends_where_the_condition_no_longer_holds():
    found = run(resolved(correlation("x", **THREE_IN_TEN)), at("a", 0, 1, 2, 12, 13, 14))
    assert spans(found) == [(0, 2, 3), (12, 14, 3)]
    found = run(resolved(correlation("x", **THREE_IN_TEN)), at("a", 0, 1, 2, 10, 12, 13))
    assert spans(found) == [(0, 13, 4)]


def test_groups_are_kept_apart_and_compare_without_regard_to_case():
    hits = [*at("a", 1, 2, Host="PC1"), *at("a", 3, Host="pc1"), *at("a", 4, 5, Host="pc2")]
    (found,) = run(resolved(correlation("x", **THREE_IN_TEN, group_by=["Host"])), hits)
    assert found.group == (("Host", "PC1"),)
    assert numbers(found) == [1, 2, 3]


def test_an_event_without_a_group_value_is_counted_and_left_out():
    problems = Problems()
    hits = [*at("a", 1, 2, Host="pc"), *at("a", 3, Host=None), *at("a", 4)]
    assert run(resolved(correlation("x", **THREE_IN_TEN, group_by=["Host"])), hits, problems=problems) == []
    (problem,) = problems
    assert (problem.kind, problem.count, problem.place, problem.path) == ("no-group-value", 2, "correlation id-x", "log.jsonl")
    assert '"Host"' in problem.message


def test_an_empty_value_is_a_value():
    assert len(run(resolved(correlation("x", **THREE_IN_TEN, group_by=["Host"])), at("a", 1, 2, 3, Host=""))) == 1


def test_an_event_that_several_rules_hit_counts_once():
    both = correlation("x", type="event_count", rules=["a", "b"], timespan="10s", condition={"gte": 3})
    assert run(resolved(both), at("a", 1, 2) + at("b", 1, 2)) == []
    (found,) = run(resolved(both), at("a", 1, 2) + at("b", 1, 2, 3))
    assert (numbers(found), found.rules, found.value) == ([1, 2, 3], ("id-a", "id-b"), 3)


def test_a_hit_that_is_fed_twice_counts_once():
    assert run(resolved(correlation("x", **THREE_IN_TEN)), at("a", 1, 2) + at("a", 1, 2)) == []


def test_value_count():
    spray = correlation("x", type="value_count", rules=["a"], group_by="Ip", timespan="1h", condition={"field": "User", "gte": 3})
    hits = [hit("a", second * SECOND, User=user, Ip="10.0.0.1") for second, user in enumerate(["ann", "ANN", "bob", "cy", "ann"])]
    (found,) = run(resolved(spray), hits)
    assert (found.value, numbers(found)) == (3, [0, 1, 2, 3, 4])
    assert found.matched == [{"field": "Ip", "value": "10.0.0.1"}, {"field": "value_count of User", "value": "3"}]


def test_value_count_of_several_fields_counts_combinations():
    pairs = correlation("x", type="value_count", rules=["a"], timespan="1h", condition={"field": ["User", "Host"], "gte": 3})
    two = [hit("a", 1, 1, User="ab", Host="c"), hit("a", 2, 2, User="a", Host="bc"), hit("a", 3, 3, User="AB", Host="C")]
    assert run(resolved(pairs), two) == []
    assert len(run(resolved(pairs), [*two, hit("a", 4, 4, User="a", Host="c")])) == 1


def sums(kind: str, **condition: Any) -> Any:
    return resolved(correlation("x", type=kind, rules=["a"], timespan="10s", condition={"field": "Bytes", **condition}))


def sizes(*values: str | None) -> list[Hit]:
    return [hit("a", second * SECOND, Bytes=value) for second, value in enumerate(values)]


@pytest.mark.parametrize(
    ("kind", "condition", "values", "measured"),
    [
        ("value_sum", {"gt": 100}, ["60", "41"], 101),
        ("value_sum", {"gt": 100}, ["60", "40"], None),
        ("value_sum", {"gte": "0.3"}, ["0.1", "0.2"], "0.3"),
        ("value_avg", {"gte": 50}, ["0", "99", "51"], 50),
        ("value_median", {"gte": 5}, ["1", "2", "9", "8"], 5),
        ("value_percentile", {"gte": 19, "percentile": 90}, ["0", "10", "20"], None),
        ("value_percentile", {"gte": 18, "percentile": 90}, ["0", "10", "20"], 18),
        ("value_percentile", {"gte": 20, "percentile": 100}, ["0", "20", "1e1"], 20),
        ("value_percentile", {"lte": 5, "percentile": 25}, ["0", "10", "20"], 5),
        ("value_sum", {"gte": 18446744073709551616}, ["18446744073709551615", "1"], 18446744073709551616),
    ],
)
def test_values(kind: str, condition: dict[str, Any], values: list[str], measured: Any):
    found = run(sums(kind, **condition), sizes(*values))
    assert [number_text(one.value or 0) for one in found] == ([] if measured is None else [str(measured)])


def test_what_is_no_number_is_counted_and_left_out():
    problems = Problems()
    (found,) = run(sums("value_sum", gte=1), sizes("7", "0x10", None, "NaN", "1e999", "9" * 40, "3"), problems=problems)
    assert (found.value, numbers(found)) == (10, [0, 6])
    assert counted(problems) == {"not-a-number": 4, "no-value": 1}


def test_temporal_wants_all_rules_in_any_order():
    near = correlation("x", type="temporal", rules=["a", "b", "c"], group_by="Host", timespan="10s")
    found = run(resolved(near), at("c", 1, Host="h") + at("a", 5, Host="h") + at("b", 11, Host="h") + at("b", 6, Host="other"))
    assert [(numbers(one), one.value, one.rules) for one in found] == [([1, 5, 11], 3, ("id-a", "id-b", "id-c"))]
    assert run(resolved(near), at("c", 1, Host="h") + at("a", 5, Host="h") + at("b", 12, Host="h")) == []


def test_temporal_with_fewer_rules():
    two = correlation("x", type="temporal", rules=["a", "b", "c"], timespan="10s", condition={"gte": 2})
    assert [numbers(one) for one in run(resolved(two), at("a", 1) + at("c", 5) + at("a", 50, 51))] == [[1, 5]]


def test_ordered_wants_the_order_of_the_rules():
    follows = correlation("x", type="temporal_ordered", rules=["a", "b", "c"], timespan="10s")
    assert [numbers(one) for one in run(resolved(follows), at("a", 1) + at("b", 2) + at("c", 3))] == [[1, 2, 3]]
    assert run(resolved(follows), at("a", 1) + at("c", 2) + at("b", 3)) == []
    assert run(resolved(follows), at("a", 1) + at("b", 2) + at("c", 12)) == []
    assert [numbers(one) for one in run(resolved(follows), at("a", 1, 4) + at("b", 5) + at("c", 12))] == [[4, 5, 12]]


def test_in_order_at_the_same_moment_is_the_order_of_the_file():
    follows = resolved(correlation("x", type="temporal_ordered", rules=["a", "b"], timespan="10s"))
    assert run(follows, [hit("a", 5, 2), hit("b", 5, 1)]) == []
    assert len(run(follows, [hit("a", 5, 1), hit("b", 5, 2)])) == 1


def test_an_event_does_not_follow_itself():
    follows = resolved(correlation("x", type="temporal_ordered", rules=["a", "b"], timespan="10s"))
    assert run(follows, at("a", 1) + at("b", 1)) == []
    assert len(run(follows, at("a", 1, 2) + at("b", 1, 2))) == 1


def test_a_rule_may_be_asked_for_twice_in_an_order():
    again = resolved(correlation("x", type="temporal_ordered", rules=["a", "b", "a"], timespan="10s"))
    assert run(again, at("a", 1) + at("b", 2)) == []
    assert len(run(again, at("a", 1, 3) + at("b", 2))) == 1


def test_ordered_with_fewer_rules_takes_the_longest_chain():
    some = resolved(correlation("x", type="temporal_ordered", rules=["a", "b", "c"], timespan="10s", condition={"gte": 2}))
    assert [one.value for one in run(some, at("c", 1) + at("b", 2) + at("a", 3))] == []
    assert [one.value for one in run(some, at("a", 1) + at("c", 2))] == [2]


def test_upper_bounds_are_judged_over_complete_windows():
    few = resolved(correlation("x", type="event_count", rules=["a"], timespan="10s", condition={"lt": 3}))
    found = run(few, at("a", 0, 1, 2, 10, 11, 12, 30))
    assert spans(found) == [(11, 12, 2), (30, 30, 1)]


def test_exactly_one_is_not_the_first_of_many():
    one = resolved(correlation("x", type="event_count", rules=["a"], timespan="10s", condition={"eq": 1}))
    assert spans(run(one, at("a", 0, 1, 2, 20))) == [(20, 20, 1)]


def test_a_range():
    some = resolved(correlation("x", type="event_count", rules=["a"], timespan="10s", condition={"gt": 1, "lte": 3}))
    assert spans(run(some, at("a", 0, 20, 21, 40, 41, 42, 43))) == [(20, 21, 2)]


def test_neq():
    other = resolved(correlation("x", type="event_count", rules=["a"], timespan="10s", condition={"neq": 2}))
    assert spans(run(other, at("a", 0, 1, 20, 40, 41, 42))) == [(20, 20, 1), (40, 42, 3)]


def test_a_condition_with_not_waits_for_the_whole_window():
    alone = resolved(correlation("x", type="temporal", rules=["a", "b"], timespan="10s", condition="a and not b"))
    found = run(alone, at("a", 0) + at("b", 9) + at("a", 20) + at("b", 31) + at("b", 60))
    assert [(numbers(one), one.value, one.rules) for one in found] == [([20], None, ("id-a",))]


def test_an_ordered_condition_in_words():
    words = resolved(correlation("x", type="temporal_ordered", rules=["a", "b", "c"], timespan="10s", condition="a and b and not c"))
    assert [numbers(one) for one in run(words, at("a", 1) + at("b", 2))] == [[1, 2]]
    assert run(words, at("b", 1) + at("a", 2)) == []
    assert run(words, at("a", 1) + at("b", 2) + at("c", 3)) == []
    either = resolved(correlation("x", type="temporal_ordered", rules=["a", "b", "c"], timespan="10s", condition="(a or b) and c"))
    assert [numbers(one) for one in run(either, at("c", 1) + at("b", 2) + at("c", 3))] == [[1, 2, 3]]
    assert run(either, at("c", 1) + at("b", 2)) == []


def test_aliases_join_different_fields():
    across = correlation(
        "x",
        type="temporal",
        rules=["a", "b"],
        group_by=["ip", "Host"],
        timespan="10s",
        aliases={"ip": {"a": "SourceIp", "b": "DestinationIp"}},
    )
    rules = resolved(across)
    correlator = Correlator(rules, None, Problems())
    assert correlator.needs == {"id-a": ("Host", "SourceIp"), "id-b": ("DestinationIp", "Host")}
    hits = [hit("a", 1, 1, SourceIp="10.1.1.1", Host="h"), hit("b", 2, 2, DestinationIp="10.1.1.1", Host="H", SourceIp="no")]
    (found,) = run(rules, hits)
    assert found.group == (("ip", "10.1.1.1"), ("Host", "h"))


def guessing() -> Any:
    many = correlation("many", type="event_count", rules=["a"], group_by=["Host"], timespan="10m", condition={"gte": 3})
    then = correlation("then", type="temporal_ordered", rules=["many", "b"], group_by=["User"], timespan="10m")
    return resolved(many, then)


def test_a_chain_uses_the_outer_grouping_and_lists_all_records():
    hits = [hit("a", n * MINUTE, n, Host="dc", User="ann") for n in range(4)] + [hit("b", 5 * MINUTE, 5, User="ANN")]
    outer = run(guessing(), hits)
    assert [(one.correlation.name, numbers(one)) for one in outer] == [("many", [0, 1, 2, 3]), ("then", [0, 1, 2, 3, 5])]
    assert outer[1].rules == ("id-many", "id-b")
    assert outer[0].correlation.silent
    assert not outer[1].correlation.silent


def test_an_inner_group_value_comes_before_a_field_of_the_same_name():
    inner = correlation("inner", **THREE_IN_TEN, group_by=["User"], aliases={"User": {"a": "TargetUserName"}})
    outer = correlation("outer", type="temporal", rules=["inner", "b"], group_by=["User"], timespan="10s")
    hits = at("a", 1, 2, 3, User="SYSTEM", TargetUserName="ann") + at("b", 4, User="ann")
    found = [one for one in run(resolved(inner, outer), hits) if one.correlation.name == "outer"]
    assert [one.group for one in found] == [(("User", "ann"),)]


def test_an_inner_correlation_gives_no_detection_of_its_own_unless_asked():
    hits = [hit("a", n * MINUTE, n, Host="dc", User="ann") for n in range(4)] + [hit("b", 5 * MINUTE, 5, User="ann")]
    correlator = Correlator(guessing(), None, Problems())
    correlator.feed(hits)
    assert [one.correlation.name for one in correlator.finish()] == ["then"]


def test_a_chain_asks_the_inner_rules_for_the_outer_fields():
    assert Correlator(guessing(), None, Problems()).needs == {"id-a": ("Host", "User"), "id-b": ("User",)}


def test_an_inner_correlation_holds_as_long_as_its_condition_does():
    hits = [hit("a", n * MINUTE, n, Host="dc", User="ann") for n in range(60)] + [hit("b", 61 * MINUTE, 61, User="ann")]
    outer = [one for one in run(guessing(), hits) if one.correlation.name == "then"]
    assert [one.last for one in outer] == [61 * MINUTE]


def test_counting_counts_an_inner_correlation_once_for_each_burst():
    inner = correlation("inner", **THREE_IN_TEN)
    outer = correlation("outer", type="event_count", rules=["inner"], timespan="1h", condition={"gte": 2})
    long_one = at("a", *range(30))
    assert [one.correlation.name for one in run(resolved(inner, outer), long_one)] == ["inner"]
    found = run(resolved(inner, outer), long_one + at("a", 100, 101, 102))
    assert [(one.correlation.name, one.value) for one in found] == [("inner", 11), ("inner", 3), ("outer", 2)]
    assert numbers(found[-1]) == [0, 1, 2, 100, 101, 102]


def test_an_inner_correlation_of_complete_windows_counts_at_their_end():
    quiet = correlation("quiet", type="event_count", rules=["a"], timespan="10s", condition={"lt": 2})
    then = correlation("then", type="temporal_ordered", rules=["quiet", "b"], timespan="5s")
    assert [one.correlation.name for one in run(resolved(quiet, then), at("a", 0) + at("b", 9))] == ["quiet"]
    assert [one.correlation.name for one in run(resolved(quiet, then), at("a", 0) + at("b", 11))] == ["quiet", "then"]


def test_an_event_without_time_is_counted_and_left_out():
    problems = Problems()
    assert run(resolved(correlation("x", **THREE_IN_TEN)), [hit("a", moment.UNKNOWN, n) for n in range(5)], problems=problems) == []
    assert counted(problems) == {"no-time": 5}


def test_rules_that_nobody_correlates_are_ignored():
    assert run(resolved(correlation("x", **THREE_IN_TEN)), at("b", 1, 2, 3)) == []


def test_records_are_bounded_and_the_count_is_not():
    (found,) = run(resolved(correlation("x", **THREE_IN_TEN)), [hit("a", n, n) for n in range(250)])
    assert (numbers(found), found.count, found.value) == (list(range(100)), 250, 250)


def test_too_many_groups_close_the_oldest():
    problems = Problems()
    two = correlation("x", type="event_count", rules=["a"], group_by="Host", timespan="1h", condition={"gte": 2})
    hits = [hit("a", n * SECOND, Host=f"h{n % 4}") for n in range(12)]
    found = run(resolved(two), hits, problems=problems, limits=Limits(groups=3))
    assert found == []
    assert counted(problems) == {"correlation-groups-full": 9}
    assert len(run(resolved(two), hits, limits=Limits(groups=4))) == 4


def test_groups_that_are_over_do_not_count_as_open():
    problems = Problems()
    two = correlation("x", type="event_count", rules=["a"], group_by="Host", timespan="1s", condition={"gte": 2})
    hits = [hit("a", n * MINUTE + extra, 2 * n + extra, Host=f"h{n}") for n in range(50) for extra in (0, 1)]
    assert len(run(resolved(two), hits, problems=problems, limits=Limits(groups=1))) == 50
    assert len(problems) == 0


def test_too_many_events_in_a_window_drop_the_oldest():
    problems = Problems()
    (found,) = run(
        resolved(correlation("x", **THREE_IN_TEN)), [hit("a", n, n) for n in range(20)], problems=problems, limits=Limits(events=5)
    )
    assert (found.value, found.count) == (5, 20)
    assert counted(problems) == {"correlation-window-full": 15}


def test_too_many_values_in_a_complete_window_are_left_out():
    problems = Problems()
    few = correlation("x", type="value_count", rules=["a"], timespan="1h", condition={"field": "User", "lte": 5})
    hits = [hit("a", n, n, User=f"u{n}") for n in range(8)]
    assert [one.value for one in run(resolved(few), hits, problems=problems, limits=Limits(events=5))] == [5]
    assert counted(problems) == {"correlation-window-full": 3}


def test_a_huge_value_is_compared_by_its_digest():
    two = correlation("x", type="event_count", rules=["a"], group_by="Cmd", timespan="1h", condition={"gte": 2})
    hits = [hit("a", n, n, Cmd="A" * 1_000_000 + end) for n, end in enumerate("xyX")]
    (found,) = run(resolved(two), hits)
    assert numbers(found) == [0, 2]
    assert len(found.group[0][1]) < 1200


def test_the_json_of_a_detection():
    hits = [Hit("id-a", HOUR + n * SECOND, "e/sec.evtx", n, str(500 + n), "Security", "DC1", {"User": "ann"}) for n in range(3)]
    (found,) = run(resolved(correlation("x", **THREE_IN_TEN, group_by="User")), hits)
    assert json.loads(found.to_json()) == found.to_dict()
    assert found.to_dict() == {
        "schema": "kulla.detection/1",
        "time": "1970-01-01T01:00:02.000000Z",
        "rule": {"id": "id-x", "title": "X", "level": "high", "status": "unsupported", "tags": [], "kind": "correlation"},
        "host": "DC1",
        "logsource": {"product": None, "category": None, "service": None},
        "records": [
            {"path": "e/sec.evtx", "number": 0, "id": "500", "channel": "Security", "time": "1970-01-01T01:00:00.000000Z"},
            {"path": "e/sec.evtx", "number": 1, "id": "501", "channel": "Security", "time": "1970-01-01T01:00:01.000000Z"},
            {"path": "e/sec.evtx", "number": 2, "id": "502", "channel": "Security", "time": "1970-01-01T01:00:02.000000Z"},
        ],
        "matched": [{"field": "User", "value": "ann"}, {"field": "event_count", "value": "3"}],
        "first": "1970-01-01T01:00:00.000000Z",
        "record_count": 3,
        "rules": ["id-a"],
    }


def test_a_path_that_is_not_unicode_is_still_written():
    (found,) = run(resolved(correlation("x", **THREE_IN_TEN)), [hit("a", n, n, path="bad\udcff.log") for n in range(3)])
    assert json.loads(found.to_json())["records"][0]["path"] == "bad\ufffd.log"


def test_different_hosts_are_no_host():
    (found,) = run(resolved(correlation("x", **THREE_IN_TEN)), [hit("a", n, n, Host=host) for n, host in enumerate("pqp")])
    assert found.host is None


def test_live_use_announces_and_then_finishes():
    problems = Problems()
    correlator = Correlator(resolved(correlation("x", **THREE_IN_TEN)), None, problems)
    correlator.feed(at("a", 1, 2, 3, 30))
    (begun,) = correlator.advance(5 * SECOND)
    assert (begun.ongoing, begun.count, begun.last) == (True, 3, 3 * SECOND)
    correlator.feed(at("a", 6, 7))
    assert list(correlator.advance(8 * SECOND)) == []
    (final,) = correlator.advance(20 * SECOND)
    assert (final.ongoing, final.count, final.first) == (False, 5, begun.first)
    correlator.feed(at("a", 4))
    assert counted(problems) == {"late-hit": 1}
    correlator.feed(at("a", 31, 32))
    assert [numbers(one) for one in correlator.finish()] == [[30, 31, 32]]
