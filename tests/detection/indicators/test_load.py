"""Files of every format in, one set out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kulla.detection.indicators import indicator_set
from kulla.detection.indicators.indicator_set import IndicatorBuilder, IndicatorSet
from kulla.detection.indicators.load import load_indicators
from kulla.model import moment
from kulla.model.errors import UsageError
from kulla.model.problem import Problems

DATA = Path(__file__).parents[2] / "data" / "indicators"


def loaded(*names: str) -> tuple[IndicatorSet, Problems]:
    problems = Problems()
    return load_indicators([str(DATA / name) for name in names], problems), problems


def written(folder: Path, text: str | bytes, name: str = "file") -> tuple[IndicatorSet, Problems]:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    problems = Problems()
    return load_indicators([str(path)], problems), problems


def terms(indicators: IndicatorSet) -> list[tuple[str, str, bool]]:
    found = [indicators.term(number) for number in range(indicators.terms)]
    return [(str(one.observable.type), one.observable.value, one.tree) for one in found]


def told(problems: Problems) -> list[tuple[str, str, int]]:
    return [(one.kind, one.place, one.count) for one in problems]


STIX = "indicator--1f1d5c3e-2f0a-4a6e-9f39-7d9e1b7f00"


def test_stix_bundle():
    indicators, problems = loaded("bundle.json")
    assert terms(indicators) == [
        ("ipv4-addr", "198.51.100.23", False),
        ("ipv4-addr", "203.0.113.0/25", False),
        ("ipv6-addr", "2001:db8:77::/48", False),
        ("domain-name", "update.control.example", False),
        ("domain-name", "cdn.control.example", False),
        ("url", "https://control.example/gate.php", False),
        ("file:hashes.SHA-256", "aa11" * 16, False),
        ("file:hashes.MD5", "bb22" * 8, False),
        ("domain-name", "new.control.example", False),
        ("windows-registry-key", "hkcu\\software\\gatekeeper", False),
    ]
    assert told(problems) == [
        ("broad-indicator", STIX + "17", 1),
        ("invalid-indicator", STIX + "15", 1),
        ("unsupported-indicator", STIX + "14", 1),
        ("unsupported-indicator", STIX + "16", 1),
    ]
    assert [(one.type, one.kind, one.text) for one in indicators.searches] == [("process:command_line", "LIKE", "%wiper.exe --all_")]
    assert indicators.indicator(indicators.searches[0].indicator).title == "Run key and command line"


def test_what_a_stix_indicator_says_is_kept():
    indicators, _ = loaded("bundle.json")
    first = indicators.indicator(0)
    assert (first.id, first.title, first.level) == (STIX + "10", "Address of the staging server", "high")
    assert first.tags == ("tlp:amber", "staging")
    assert moment.to_text(first.valid_from) == "2024-03-01T00:00:00.000000Z"
    assert moment.to_text(first.valid_until) == "2024-09-01T00:00:00.000000Z"
    assert first.path.endswith("bundle.json")
    assert [one.level for one in indicators] == ["high", "low", "medium", "medium", "medium", "medium"]


def test_revoked_and_outdated_versions_are_not_used():
    indicators, _ = loaded("bundle.json")
    assert STIX + "18" not in {one.id for one in indicators}
    assert [one.title for one in indicators if one.id == STIX + "19"] == ["Second version"]


def test_misp_event():
    indicators, problems = loaded("event.json")
    assert terms(indicators) == [
        ("ipv4-addr", "198.51.100.40", False),
        ("domain-name", "portal.ministry-login.example", True),
        ("ipv4-addr", "198.51.100.41", False),
        ("file:hashes.SHA-256", "cc33" * 16, False),
        ("domain-name", "mx1.relay.example", False),
        ("email-addr", "minister@portal.example", False),
        ("windows-registry-key", "hklm\\software\\microsoft\\gatekeeper", False),
    ]
    assert told(problems) == [
        ("invalid-indicator", "attribute 6a1c2f04-0000-4a6e-9f39-000000000016", 1),
        ("left-out-indicator", "attributes", 2),
        ("unsupported-indicator", "ssdeep", 1),
    ]
    first = indicators.indicator(0)
    assert first.id == "indicator--6a1c2f04-0000-4a6e-9f39-000000000010"
    assert (first.title, first.level) == ("Invented campaign against a ministry - control", "high")
    assert first.tags == ("tlp:amber", "campaign:invented", "tlp:red")


@pytest.mark.parametrize("wrap", [lambda event: {"response": [event, event]}, lambda event: [event, event], lambda event: event["Event"]])
def test_misp_events_in_other_wrappings(wrap: Callable[[Any], Any], tmp_path: Path):
    event = json.loads((DATA / "event.json").read_text())
    indicators, _ = written(tmp_path, json.dumps(wrap(event)))
    assert terms(indicators) == terms(loaded("event.json")[0])
    assert {one.level for one in indicators} == {"high"}


def test_each_misp_event_lends_its_own_attributes_its_title(tmp_path: Path):
    events = [
        {"Event": {"info": name, "Attribute": [{"type": "ip-src", "value": f"192.0.2.{last}", "to_ids": True}]}}
        for name, last in (("A", 1), ("B", 2))
    ]
    assert [one.title for one in written(tmp_path, json.dumps({"response": events}))[0]] == ["A", "B"]
    assert [one.title for one in written(tmp_path, "\n".join(map(json.dumps, events)))[0]] == ["A", "B"]


def test_plain_list():
    indicators, problems = loaded("list.txt")
    assert terms(indicators) == [
        ("ipv4-addr", "198.51.100.7", False),
        ("ipv4-addr", "203.0.113.64/27", False),
        ("ipv6-addr", "2001:db8::ff", False),
        ("url", "https://files.control.example/drop/a.bin", False),
        ("domain-name", "login.control.example", True),
        ("domain-name", "wild.example", True),
        ("domain-name", "blocked.example", True),
        ("domain-name", "ads.example", True),
        ("url", "http://files.example/drop.zip", False),
        ("url", "https://files.example/drop.zip", False),
        ("ipv4-addr", "10.20.30.40", False),
        ("email-addr", "joe@control.example", False),
        ("file:hashes.SHA-1", "dd44" * 10, False),
        ("file:name", "gatekeeper.exe", False),
        ("file:path", "c:\\programdata\\gate\\keeper.dll", False),
        ("windows-registry-key", "hklm\\system\\currentcontrolset\\services\\gatekeeper", False),
        ("domain-name", "a.sh", True),
    ]
    assert told(problems) == [
        ("broad-indicator", "line 19", 1),
        ("broad-indicator", "line 20", 1),
        ("broad-indicator", "line 21", 1),
        ("broad-indicator", "line 22", 1),
        ("unknown-indicator", "line 18", 1),
    ]


def test_a_listed_value_has_the_same_id_everywhere(tmp_path: Path):
    first, _ = written(tmp_path, "198.51.100[.]7\n198.51.100.7\n", "one.txt")
    second, _ = written(tmp_path, "indicator\n198.51.100.7\n", "two.csv")
    assert len(first) == 1
    assert first.indicator(0).id == second.indicator(0).id
    assert first.indicator(0).id.startswith("indicator--")
    assert first.indicator(0).title == "ipv4-addr 198.51.100.7 (one.txt)"


def test_table():
    indicators, problems = loaded("table.csv")
    assert terms(indicators) == [
        ("ipv4-addr", "198.51.100.60", False),
        ("domain-name", "bad.example", True),
        ("file:hashes.SHA-256", "ee55" * 16, False),
        ("url", "http://x.example/p", False),
    ]
    found = list(indicators)
    assert (found[0].title, found[0].level, found[0].tags) == ("Scanner, seen twice", "high", ("scan", "tlp:green"))
    assert moment.to_text(found[0].valid_until) == "2024-06-01T00:00:00.000000Z"
    assert [one.level for one in found] == ["high", "low", "critical", "medium"]
    assert told(problems) == [("unknown-indicator", "line 6", 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("198.51.100.1;first\n198.51.100.2;second\n", ["198.51.100.1", "198.51.100.2"]),
        ("# id,dateadded,url\n1,2024-01-01,http://a.example/x\n", ["http://a.example/x"]),
        ("name\tip\tmd5\nx\t198.51.100.1\t" + "ab" * 16 + "\n", ["198.51.100.1", "ab" * 16]),
        ("ioc_type|ioc_value\nhostname|h.example\n", ["h.example"]),
        ('"IP Address","Confidence"\n"198.51.100.9","99"\n', ["198.51.100.9"]),
        ("domain\na.example\nb.example\n", ["a.example", "b.example"]),
        ("http://a.example/x,y\n198.51.100.1\n", ["http://a.example/x,y", "198.51.100.1"]),
        ("198.51.100.1 # one, two\n198.51.100.2 # three, four\n", ["198.51.100.1", "198.51.100.2"]),
    ],
)
def test_tables_and_lists_are_told_apart_and_columns_guessed(text: str, expected: list[str], tmp_path: Path):
    indicators, problems = written(tmp_path, text)
    assert [value for _, value, _ in terms(indicators)] == expected
    assert len(problems) == 0


def test_confidence_columns_give_levels(tmp_path: Path):
    indicators, _ = written(tmp_path, "ip,confidence\n198.51.100.1,95\n198.51.100.2,50\n198.51.100.3,5\n198.51.100.4,?\n")
    assert [one.level for one in indicators] == ["high", "medium", "low", "medium"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda objects: {"more": False, "objects": objects},
        lambda objects: objects,
        lambda objects: {"objects": objects, "type": "bundle"},
    ],
)
def test_stix_in_other_wrappings(wrap: Callable[[Any], Any], tmp_path: Path):
    objects = json.loads((DATA / "bundle.json").read_text())["objects"]
    indicators, _ = written(tmp_path, json.dumps(wrap(objects)))
    assert terms(indicators) == terms(loaded("bundle.json")[0])


def test_stix_one_object_a_line(tmp_path: Path):
    objects = json.loads((DATA / "bundle.json").read_text())["objects"]
    indicators, _ = written(tmp_path, "\n".join(map(json.dumps, objects)))
    assert terms(indicators) == terms(loaded("bundle.json")[0])


def test_a_truncated_bundle_gives_what_stands_before_the_end(tmp_path: Path):
    text = (DATA / "bundle.json").read_text()
    indicators, problems = written(tmp_path, text[: text.index("FOLLOWEDBY")])
    assert len(indicators) == 4
    assert told(problems) == [("unreadable-indicators", "", 1)]
    assert "character" in next(iter(problems)).message


def test_a_broken_misp_event_gives_what_stands_before_the_end(tmp_path: Path):
    text = (DATA / "event.json").read_text()
    indicators, problems = written(tmp_path, text[: text.index("000000000013")])
    assert len(indicators) == 3
    assert ("unreadable-indicators", "", 1) in told(problems)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"{}", "no-indicators"),
        (b"[]", "no-indicators"),
        (b'{"type": "bundle", "objects": [1, null, "x", {"type": 7}, []]}', "no-indicators"),
        (b'{"Event": {"Attribute": 5, "info": []}}', "no-indicators"),
        (b"\x7fELF\x00\x00\x01", "unreadable-indicators"),
        (b'{"objects": ' + b"[" * 100_000, "unreadable-indicators"),
        (b'{"objects": [' + b"9" * 10_000 + b"]}", "unreadable-indicators"),
        (b'{"response":' * 5_000, "unreadable-indicators"),
        (b'{"Event": {"Event": {"Event": {}}}', "unreadable-indicators"),
        (b"x" * 200_000, "oversized-indicator"),
        (b"http://a.example/" + b"x" * 3000, "oversized-indicator"),
        (b'{"objects": [{"type": "indicator", "pattern": 5}]}', "invalid-indicator"),
        (b'{"objects": [{"type": "indicator", "pattern": "[x:y = \'1\']"}]}', "unsupported-indicator"),
    ],
)
def test_bad_files_are_told(data: bytes, kind: str, tmp_path: Path):
    indicators, problems = written(tmp_path, data)
    assert len(indicators) == 0
    assert {one.kind for one in problems} == {kind}


def test_an_empty_file_holds_nothing(tmp_path: Path):
    assert len(written(tmp_path, b"")[0]) == 0


def test_other_encodings(tmp_path: Path):
    assert terms(written(tmp_path, "198.51.100.1\r\nb.example\r\n".encode("utf-16"))[0])[1][1] == "b.example"
    assert terms(written(tmp_path, b"\xef\xbb\xbf198.51.100.1\n")[0])[0][1] == "198.51.100.1"
    assert terms(written(tmp_path, b"\xff\xfeb\x00.\x00c\x00c\x00")[0])[0][1] == "b.cc"
    assert told(written(tmp_path, b"\xffa.example\n")[1]) != []


def test_internationalised_names_are_known_in_both_spellings(tmp_path: Path):
    indicators, _ = written(tmp_path, "münchen.example\nxn--zrich-kva.example\n")
    assert [value for _, value, _ in terms(indicators)] == [
        "münchen.example",
        "xn--mnchen-3ya.example",
        "xn--zrich-kva.example",
        "zürich.example",
    ]


def test_folders_are_walked_and_a_missing_path_is_a_usage_error(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.txt").write_text("198.51.100.1\n")
    (tmp_path / "b.txt").write_text("198.51.100.2\n")
    (tmp_path / ".hidden").write_text("198.51.100.3\n")
    assert sorted(value for _, value, _ in terms(load_indicators([str(tmp_path)], Problems()))) == ["198.51.100.1", "198.51.100.2"]
    with pytest.raises(UsageError):
        load_indicators([str(tmp_path / "none")], Problems())


def test_a_full_set_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(indicator_set, "MAX_INDICATORS", 2)
    indicators, problems = written(tmp_path, "198.51.100.1\n198.51.100.2\n198.51.100.3\n198.51.100.4\n")
    assert len(indicators) == 2
    assert sum(count for kind, _, count in told(problems) if kind == "too-many-indicators") == 2


def test_too_many_searches_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(indicator_set, "MAX_SEARCHES", 1)
    objects = [{"type": "indicator", "id": f"indicator--{n}", "pattern": f"[url:value LIKE '%/gate{n}.php']"} for n in range(3)]
    indicators, problems = written(tmp_path, json.dumps({"objects": objects}))
    assert len(indicators.searches) == 1
    assert sum(count for kind, _, count in told(problems) if kind == "too-many-patterns") == 2


def test_an_empty_set():
    indicators = IndicatorBuilder(Problems()).finish()
    assert (len(indicators), indicators.terms, indicators.nbytes) == (0, 0, 0)


@settings(max_examples=150, deadline=None)
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_any_bytes_load_without_an_exception(data: bytes, tmp_path_factory: pytest.TempPathFactory):
    written(tmp_path_factory.getbasetemp(), data, "any")


JSON_TEXTS = ("indicator", "[ipv4-addr:value = '198.51.100.1']", "ip-src")
JSON_KEYS = (
    "objects", "Event", "Attribute", "Object", "response", "type", "pattern", "value", "to_ids", "id", "Tag", "name", "confidence",
    "valid_from", "modified", "labels", "object_marking_refs", "info", "uuid",
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(JSON_TEXTS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(JSON_KEYS), inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(value=json_values)
def test_any_json_loads_without_an_exception(value: object, tmp_path_factory: pytest.TempPathFactory):
    written(tmp_path_factory.getbasetemp(), json.dumps(value), "any.json")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n; nor here\n", "type,value\n"])
def test_a_list_of_nothing_is_told(tmp_path: Path, text: str):
    indicators, problems = written(tmp_path, text)
    assert (len(indicators), told(problems)) == (0, [("no-indicators", "", 1)])
