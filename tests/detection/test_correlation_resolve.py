"""From the names in correlations to rules."""

from __future__ import annotations

from kulla.detection.correlation.expression import All, Seen, Unless
from kulla.detection.sigma.correlations import resolve
from tests.detection.correlation_cases import correlation, rule

COUNT = {"type": "event_count", "timespan": "1h", "condition": {"gte": 2}}


def test_names_and_ids_become_ids_everywhere():
    one = correlation(
        "x", type="temporal", rules=["a", "id-b"], timespan="1h", condition="a and not id-b", aliases={"who": {"a": "User", "id-b": "user"}}
    )
    resolution = resolve([one], [rule("a"), rule("b")])
    (found,) = resolution.correlations
    assert found.rules == ("id-a", "id-b")
    assert found.condition == All((Seen("id-a"), Unless(Seen("id-b"))))
    assert found.aliases == {"who": {"id-a": "User", "id-b": "user"}}
    assert resolution.rejected == ()


def test_inner_correlations_come_first():
    outer = correlation("outer", **{**COUNT, "rules": ["middle", "inner"]})
    middle = correlation("middle", **{**COUNT, "rules": ["inner"]})
    inner = correlation("inner", **{**COUNT, "rules": ["a"]})
    resolution = resolve([outer, middle, inner], [rule("a")])
    assert [one.name for one in resolution.correlations] == ["inner", "middle", "outer"]


def test_rules_that_only_feed_are_silent():
    loud = correlation("loud", **{**COUNT, "rules": ["b"], "generate": True})
    quiet = correlation("quiet", **{**COUNT, "rules": ["a", "b"]})
    outer = correlation("outer", **{**COUNT, "rules": ["quiet"]})
    resolution = resolve([loud, quiet, outer], [rule("a"), rule("b"), rule("c")])
    assert resolution.silent == {"id-a", "id-quiet"}
    assert {one.name: one.silent for one in resolution.correlations} == {"loud": False, "quiet": True, "outer": False}


def test_an_unknown_reference_rejects_all_above_it():
    outer = correlation("outer", **{**COUNT, "rules": ["inner"]})
    inner = correlation("inner", **{**COUNT, "rules": ["nowhere"]})
    resolution = resolve([outer, inner], [rule("a")])
    messages = {one.name: str(error) for one, error in resolution.rejected}
    assert messages["inner"] == 'correlations.yml line 7: there is no rule "nowhere"'
    assert 'the correlation "inner" it refers to cannot be used' in messages["outer"]
    assert (resolution.correlations, resolution.silent) == ((), frozenset())


def test_a_cycle_is_rejected_with_its_way():
    one = correlation("one", **{**COUNT, "rules": ["two"]})
    two = correlation("two", **{**COUNT, "rules": ["three"]})
    three = correlation("three", **{**COUNT, "rules": ["one", "a"]})
    fine = correlation("fine", **{**COUNT, "rules": ["a"]})
    resolution = resolve([one, two, three, fine], [rule("a")])
    assert [found.name for found in resolution.correlations] == ["fine"]
    assert len(resolution.rejected) == 3
    assert any("refers back to itself: One -> Two -> Three -> One" in str(error) for _, error in resolution.rejected)


def test_a_correlation_of_itself():
    resolution = resolve([correlation("one", **{**COUNT, "rules": ["one"]})], [])
    assert "refers back to itself: One -> One" in str(resolution.rejected[0][1])


def test_a_name_of_the_same_file_comes_first():
    one = correlation("x", **{**COUNT, "rules": ["a"]})
    near, far = rule("a", "correlations.yml"), rule("a", "other.yml")
    far = type(far)(**{**{name: getattr(far, name) for name in far.__slots__}, "id": "id-far"})
    assert resolve([one], [far, near]).correlations[0].rules == ("id-a",)


def test_a_name_of_several_rules_elsewhere_is_ambiguous():
    one = correlation("x", **{**COUNT, "rules": ["a"]})
    first, second = rule("a", "one.yml"), rule("b", "two.yml")
    second = type(second)(**{**{name: getattr(second, name) for name in second.__slots__}, "name": "a"})
    assert '"a" is the name of 2 rules' in str(resolve([one], [first, second]).rejected[0][1])


def test_two_of_the_same_id():
    one = correlation("x", **{**COUNT, "rules": ["a"]})
    resolution = resolve([one, one, correlation("a", **{**COUNT, "rules": ["b"]})], [rule("a"), rule("b")])
    assert [found.name for found in resolution.correlations] == ["x"]
    assert [error.message for _, error in resolution.rejected] == ["another rule has the same id id-x", "another rule has the same id id-a"]


def test_a_long_chain_does_not_exhaust_the_stack():
    links = [correlation(f"c{n}", **{**COUNT, "rules": [f"c{n - 1}" if n else "a"]}) for n in range(3000)]
    assert len(resolve(list(reversed(links)), [rule("a")]).correlations) == 3000
