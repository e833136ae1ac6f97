"""Events as XML: forms, entities, encodings, damage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.telemetry.batch import RECORD_BYTES
from kulla.telemetry.event_xml import event_from_xml
from kulla.telemetry.readers.evtx_xml import EvtxXmlReader
from tests.shared_data import shared_data
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all

EVENT = (
    b"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P' Guid='{5770385f}'/>"
    b"<EventID Qualifiers='0'>4688</EventID><Level>0</Level><Security/></System><EventData><Data Name='CommandLine'>a &lt; b\n</Data>"
    b"<Data Name='Empty'/><Data>loose</Data><Data>more</Data></EventData></Event>\n"
)
PARSED = {
    "Event": {
        "System": {
            "Provider": {"#attributes": {"Name": "P", "Guid": "{5770385f}"}},
            "EventID": {"#attributes": {"Qualifiers": "0"}, "#text": "4688"},
            "Level": "0",
            "Security": None,
        },
        "EventData": {"CommandLine": "a < b\n", "Empty": "", "Data": ["loose", "more"]},
    }
}


@pytest.mark.parametrize(
    "header",
    [b"", b'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<Events>', b"\xef\xbb\xbf<Events>"],
    ids=["bare", "saved", "mark"],
)
def test_contract(header: bytes) -> None:
    check_reader(EvtxXmlReader(), Sample(body=EVENT + EVENT, header=header, footer=b"</Events>" if header else b""))


def test_form() -> None:
    reading = read_all(EvtxXmlReader(), b"<Events>" + EVENT + EVENT + b"</Events>")
    assert reading.objects == [PARSED, PARSED]
    assert reading.batches[0].source.logsource.product == "windows"


def test_utf16() -> None:
    data = b"\xff\xfe" + ('<?xml version="1.0" encoding="utf-16"?><Events>' + EVENT.decode()).encode("utf-16-le")
    assert EvtxXmlReader().sniff(data) >= 90
    assert read_all(EvtxXmlReader(), data).objects == [PARSED]


def test_what_is_not_well_formed_costs_only_itself() -> None:
    reading = read_all(EvtxXmlReader(), EVENT + EVENT.replace(b"</System>", b"") + EVENT + EVENT[:200])
    assert reading.objects == [PARSED, PARSED]
    assert reading.numbers == [0, 2]
    assert [(problem.kind, problem.place) for problem in reading.problems] == [
        ("truncated-file", "record 3"), ("unreadable-record", "record 1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Event>&b;</Event>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><Event/>',
        "<Event>" + "<a>" * 100 + "</a>" * 100 + "</Event>",
        "<Event>text</Event>",
        "<Other/>",
        "",
        "<Event>&undefined;</Event>",
    ],
)
def test_hostile_documents_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        event_from_xml(text)


def test_an_event_that_is_too_long_is_left_out() -> None:
    long = EVENT.replace(b"loose", b"y" * RECORD_BYTES)
    reading = read_all(EvtxXmlReader(), EVENT + long + EVENT)
    check_form(reading)
    assert reading.count("oversized-record") >= 1
    assert len(reading.events) == 2


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    check_form(read_all(EvtxXmlReader(), b"<Event >" + text.encode("utf-8", "replace") + b"</Event>"))


def test_the_parsers_xml_gives_the_same_fields_as_its_json() -> None:
    import json

    from evtx import PyEvtxParser

    from kulla.telemetry.flatten import flatten

    path = str(shared_data("evtx/UACME_59_Sysmon.evtx"))
    records: list[Any] = list(PyEvtxParser(path).records())
    wholes: list[Any] = list(PyEvtxParser(path).records_json())
    assert records
    for xml, whole in zip(records, wholes, strict=True):
        ours, theirs = event_from_xml(xml["data"]), flatten(whole["data"].encode())
        flat = flatten(json.dumps(ours).encode())
        assert texts(flat.values) == texts(theirs.values)


def texts(values: dict[str, Any]) -> dict[str, list[str]]:
    return {name: [value.text for value in found] for name, found in values.items() if not name.startswith("#attributes")}
