"""From an event to detections: the slow way, the form of a detection, patterns that need a search."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kulla.detection.indicators.index import IndicatorIndex, build_index
from kulla.detection.indicators.indicator_set import PLAIN, Header, Indicator, IndicatorBuilder, Term
from kulla.detection.indicators.load import load_indicators
from kulla.detection.indicators.matcher import EARLY, EXPIRED, indicator_rule, match_slow
from kulla.detection.indicators.searches import search_rules
from kulla.detection.ir import Op, Or
from kulla.model import moment
from kulla.model.observable import Observable, ObservableType
from kulla.model.problem import Problems
from kulla.telemetry.flatten import flatten

T = ObservableType
DATA = Path(__file__).parents[2] / "data" / "indicators"


@pytest.fixture(scope="module")
def index() -> IndicatorIndex:
    return build_index(load_indicators([str(DATA)], Problems()))


def matches(index: IndicatorIndex, **event: object) -> list[tuple[str, str, str]]:
    found = match_slow(index, flatten(json.dumps(event).encode()))
    return [(index.indicators.indicator(one.indicator).title, one.field, one.observable.value) for one in found]


def test_an_event_is_matched_by_every_format(index: IndicatorIndex):
    assert matches(index, DestinationIp="198.51.100.23") == [("Address of the staging server", "destinationip", "198.51.100.23")]
    assert matches(index, DestinationIp="203.0.113.70") == [
        ("Networks of the operator", "destinationip", "203.0.113.70"),
        ("ipv4-addr 203.0.113.64/27 (list.txt)", "destinationip", "203.0.113.70"),
    ]
    assert matches(index, QueryName="a.b.portal.ministry-login.example") == [
        ("Invented campaign against a ministry", "queryname", "a.b.portal.ministry-login.example")
    ]
    assert matches(index, ClientIP="198.51.100.60:5000") == [("Scanner, seen twice", "clientip", "198.51.100.60")]
    assert matches(index, TargetObject="HKU\\S-1-5-21-9\\Software\\Gatekeeper\\Start") == [
        ("Run key and command line", "targetobject", "hkcu\\software\\gatekeeper")
    ]


def test_a_stix_domain_is_itself_alone(index: IndicatorIndex):
    assert matches(index, QueryName="cdn.control.example.") == [("Names used for control", "queryname", "cdn.control.example")]
    assert matches(index, QueryName="x.cdn.control.example") == []


def test_a_name_that_only_ends_alike_is_another_name(index: IndicatorIndex):
    assert matches(index, QueryName="notwild.example") == []
    assert matches(index, QueryName="not.wild.example") == [("domain-name wild.example (list.txt)", "queryname", "not.wild.example")]


def test_a_hash_of_another_kind_is_another_hash():
    builder = IndicatorBuilder(Problems())
    builder.add(PLAIN, (Term(Observable(T.MD5, "ab" * 16)),), "x", "")
    index = build_index(builder.finish())
    assert len(matches(index, Hashes=f"MD5={'AB' * 16}")) == 1
    assert matches(index, Hashes=f"IMPHASH={'AB' * 16}") == []


def test_only_fields_that_can_match_are_searched():
    builder = IndicatorBuilder(Problems())
    builder.add(PLAIN, (Term(Observable(T.USER, "mallory")),), "x", "")
    fields = build_index(builder.finish()).field_modes
    assert "targetusername" in fields
    assert "commandline" not in fields
    assert build_index(IndicatorBuilder(Problems()).finish()).field_modes == {}


def test_one_value_of_two_indicators_gives_both():
    builder = IndicatorBuilder(Problems())
    for name in ("A", "B"):
        builder.add(Header(id=f"indicator--{name}", title=name), (Term(Observable(T.IPV4, "192.0.2.1")),), "x", "")
    index = build_index(builder.finish())
    assert [title for title, _, _ in matches(index, SourceIp="192.0.2.1")] == ["A", "B"]


def test_the_form_of_a_match_and_of_its_rule(index: IndicatorIndex):
    match = match_slow(index, flatten(b'{"DestinationIp": "198.51.100.23"}'))[0]
    assert match.to_matched("DestinationIp") == {
        "field": "DestinationIp",
        "value": "198.51.100.23",
        "observable": {"type": "ipv4-addr", "value": "198.51.100.23"},
    }
    indicator = index.indicators.indicator(match.indicator)
    rule = indicator_rule(indicator)
    assert rule == {
        "id": "indicator--1f1d5c3e-2f0a-4a6e-9f39-7d9e1b7f0010",
        "title": "Address of the staging server",
        "level": "high",
        "status": "stable",
        "tags": ["tlp:amber", "staging"],
        "kind": "indicator",
    }


def test_outside_of_its_validity_an_indicator_says_so():
    start, end = moment.from_text("2024-01-01"), moment.from_text("2024-02-01")
    indicator = Indicator("indicator--1", "Old", "low", ("x",), start, end, "p")
    assert indicator_rule(indicator, start)["tags"] == ["x"]
    assert indicator_rule(indicator, moment.UNKNOWN)["tags"] == ["x"]
    late = indicator_rule(indicator, end)
    assert (late["title"], late["tags"]) == ("Old (expired 2024-02-01)", ["x", EXPIRED])
    early = indicator_rule(indicator, start - 1)
    assert (early["title"], early["tags"]) == ("Old (valid from 2024-01-01)", ["x", EARLY])


def test_searches_become_rules(tmp_path: Path):
    patterns = ["[url:value LIKE '%/g_te*.php']", "[file:name LIKE 'eva%.exe' OR process:command_line MATCHES '^net\\\\s+user']"]
    objects = [{"type": "indicator", "id": f"indicator--{n}", "name": f"N{n}", "pattern": text} for n, text in enumerate(patterns)]
    (tmp_path / "b.json").write_text(json.dumps({"objects": objects}))
    rules = search_rules(load_indicators([str(tmp_path / "b.json")], Problems()))
    assert [(rule.id, rule.title) for rule in rules] == [("indicator--0", "N0"), ("indicator--1", "N1")]
    trees = [rule.tree for rule in rules]
    assert isinstance(trees[0], Or)
    assert isinstance(trees[1], Or)
    asked = {(one.field, one.op, one.text) for tree in (trees[0], trees[1]) for one in tree.parts}
    assert ("url", Op.WILDCARD, "*/g?te\\*.php") in {(str(field).lower(), op, text) for field, op, text in asked}
    assert ("Image", Op.REGEX, r"(?:^|[\\/])eva[^\\/]*\.exe$") in asked
    assert ("CommandLine", Op.REGEX, "^net\\s+user") in asked
    assert not any(field == "QueryName" for field, _, _ in asked)


TERMS = (
    Term(Observable(T.IPV4, "192.0.2.1")), Term(Observable(T.IPV4, "192.0.2.0/24")), Term(Observable(T.IPV4, "192.0.0.0/9")),
    Term(Observable(T.IPV6, "2001:db8::/33")), Term(Observable(T.IPV6, "2001:db8::1")), Term(Observable(T.DOMAIN, "b.example")),
    Term(Observable(T.DOMAIN, "b.example"), tree=True), Term(Observable(T.DOMAIN, "a.b.example"), tree=True),
    Term(Observable(T.USER, "b.example")),
)  # fmt: skip
SEEN = tuple(
    Observable(kind, value)
    for kind, values in (
        (T.IPV4, ("192.0.2.1", "192.0.2.2", "192.1.0.0", "193.0.2.1")),
        (T.IPV6, ("2001:db8::1", "2001:db8:7fff::", "2001:db8:8000::")),
        (T.DOMAIN, ("b.example", "a.b.example", "x.a.b.example", "ab.example", "example")),
        (T.USER, ("b.example", "a.b.example")),
    )
    for value in values
)


def compared(term: Term, seen: Observable) -> bool:
    """Say by plain comparison whether a term matches."""
    from ipaddress import ip_address, ip_network

    if term.observable.type != seen.type:
        return False
    if seen.type in (T.IPV4, T.IPV6):
        return ip_address(seen.value) in ip_network(term.observable.value)
    return seen.value == term.observable.value or (term.tree and seen.value.endswith("." + term.observable.value))


@settings(max_examples=100, deadline=None)
@given(terms=st.lists(st.sampled_from(TERMS), unique=True), seed=st.integers(min_value=0, max_value=2**64 - 1))
def test_the_index_answers_as_comparing_with_every_term_does(terms: list[Term], seed: int):
    builder = IndicatorBuilder(Problems())
    for number, term in enumerate(terms):
        builder.add(Header(id=str(number)), (term,), "x", "")
    index = build_index(builder.finish(), seed)
    for seen in SEEN:
        assert index.terms_for(seen) == [number for number, term in enumerate(terms) if compared(term, seen)]


def test_many_terms_are_all_found():
    builder = IndicatorBuilder(Problems())
    for number in range(5_000):
        builder.add(PLAIN, (Term(Observable(T.USER, f"user{number}")),), "x", "")
    index = build_index(builder.finish(), 3)
    assert all(index.terms_for(Observable(T.USER, f"user{number}")) == [number] for number in range(5_000))
    assert not any(index.terms_for(Observable(T.USER, f"other{number}")) for number in range(5_000))


def test_without_numba_the_slow_way_works():
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "from kulla.detection.indicators.load import load_indicators\n"
        "from kulla.detection.indicators.index import build_index\n"
        "from kulla.detection.indicators.matcher import match_slow\n"
        "from kulla.model.problem import Problems\n"
        "from kulla.telemetry.flatten import flatten\n"
        f"index = build_index(load_indicators([{str(DATA)!r}], Problems()))\n"
        'print(len(match_slow(index, flatten(b\'{"DestinationIp": "198.51.100.23"}\'))))\n'
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1\n", "")
