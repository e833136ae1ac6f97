"""A detection keeps its documented form, whatever the event inside holds."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model.detection import Detection, Matched, ObservableRef, Record, RuleRef
from kulla.model.logsource import LogSource

DOCUMENTED = {
    "schema": "kulla.detection/1",
    "time": "2022-07-15T09:14:03.120000Z",
    "rule": {"id": "r1", "title": "Shadow copies", "level": "high", "status": "test", "tags": ["attack.t1490"], "kind": "sigma"},
    "host": "PRINT01",
    "logsource": {"product": "windows", "category": "process_creation", "service": None},
    "record": {"path": "evidence/sysmon.evtx", "number": 1234, "id": "5567", "channel": "Microsoft-Windows-Sysmon/Operational"},
    "matched": [{"field": "CommandLine", "value": "vssadmin.exe delete shadows /all /quiet"}],
    "event": {"EventID": 1, "CommandLine": "..."},
}


def test_the_documented_form_survives_with_its_key_order() -> None:
    detection = Detection.from_json(orjson.dumps(DOCUMENTED))
    assert detection.to_json() == orjson.dumps(DOCUMENTED)
    assert detection.record == Record("evidence/sysmon.evtx", 1234, "5567", "Microsoft-Windows-Sysmon/Operational")
    assert detection.logsource == LogSource("windows", "process_creation", None)


def test_a_correlation_has_records_and_no_event() -> None:
    rule = RuleRef("c1", "Many logons", "medium", "stable", ("attack.t1110",), "correlation")
    detection = Detection(rule, records=(Record("a", 1), Record("b", 2)))
    plain = orjson.loads(detection.to_json())
    assert [record["path"] for record in plain["records"]] == ["a", "b"]
    assert "record" not in plain
    assert "event" not in plain
    assert Detection.from_dict(plain) == detection


def test_an_indicator_match_names_its_observable() -> None:
    matched = Matched("DestinationIp", "192.0.2.7", ObservableRef("ipv4-addr", "192.0.2.7"))
    assert matched.to_dict()["observable"] == {"type": "ipv4-addr", "value": "192.0.2.7"}
    assert Matched.from_dict(matched.to_dict()) == matched


def test_unknown_keys_are_ignored() -> None:
    assert Detection.from_dict(DOCUMENTED | {"verdict": 7}) == Detection.from_dict(DOCUMENTED)


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"schema": "kulla.detection/9", "rule": {}}', b'{"rule": 3}', b"{" * 9999, b"\xff"])
def test_what_is_no_detection_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Detection.from_json(line)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (rb'{"a": "x\ud800y"}', {"a": "x\ufffdy"}),
        (b'{"a": 1e999}', {"a": "1e999"}),
        (b'{"a": ' + b"9" * 5000 + b"}", {"a": "9" * 5000}),
        (b'{"a": -7, "b": 1.5, "c": 1e999}', {"a": -7, "b": 1.5, "c": "1e999"}),
    ],
)
def test_events_that_stretch_json_are_still_read(event: bytes, shown: dict[str, object]) -> None:
    detection = Detection.from_json(b'{"schema": "kulla.detection/1", "rule": {"id": "r"}, "event": ' + event + b"}")
    assert detection.event == shown
    assert orjson.loads(detection.to_json())["event"] == shown


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["time", "host", "logsource", "record", "records", "matched", "event", "x"]), _JSON), _JSON)
def test_any_json_in_any_place_is_read_or_refused_and_written_again(rest: dict[str, object], rule: object) -> None:
    line = json.dumps({"schema": "kulla.detection/1", "rule": rule, **rest}).encode()
    if not isinstance(rule, dict):
        with pytest.raises(ValueError, match="rule"):
            Detection.from_json(line)
        return
    once = Detection.from_json(line)
    assert Detection.from_json(once.to_json()).to_json() == once.to_json()
