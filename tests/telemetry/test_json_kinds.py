"""Which program wrote a JSON file, and the shapes whose fields get their names only by rewriting."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model.logsource import LogSource
from kulla.model.problem import Problems
from kulla.telemetry.files import read_path
from kulla.telemetry.flatten import flatten
from kulla.telemetry.json_kinds import KINDS, list_inside, recognise
from kulla.telemetry.json_rewrite import rewrite, rewriting
from kulla.telemetry.readers.json_array import JsonArrayReader
from kulla.telemetry.readers.jsonl import JsonlReader
from tests.shared_data import shared_data
from tests.telemetry.reader_contract import read_all

SYSTEM = {
    "Provider": {"@Name": "Microsoft-Windows-Sysmon"},
    "EventID": "1",
    "TimeCreated": {"@SystemTime": "2022-07-15T09:14:03.120000Z"},
    "EventRecordID": "5567",
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "Computer": "PRINT01",
}
XML = (
    '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name="Linux-Sysmon" Guid="{ff03}"/>'
    '<EventID>1</EventID><TimeCreated SystemTime="2022-07-15T09:14:03.120000000Z"/><Channel>Linux-Sysmon/Operational</Channel>'
    '<Computer>web01</Computer></System><EventData><Data Name="Image">/usr/bin/id</Data><Data Name="CommandLine">id &amp;&amp; w</Data>'
    "</EventData></Event>"
)

#: name -> (record, format, log source).
EXAMPLES: dict[str, tuple[dict[str, Any], str, LogSource]] = {
    "evtx_dump": ({"Event": {"System": {"EventID": 1}, "EventData": {"Image": "x"}}}, "evtx-json", LogSource("windows")),
    "winlogbeat": ({"@timestamp": "t", "winlog": {"channel": "Security", "event_id": 1}}, "winlogbeat", LogSource("windows")),
    "winlogbeat in Elasticsearch": ({"_index": "i", "_source": {"winlog": {"channel": "S"}}}, "winlogbeat", LogSource("windows")),
    "elasticsearch": ({"_index": "i", "_source": {"message": "x"}}, "elasticsearch", LogSource()),
    "nxlog": ({"EventID": 1, "Channel": "Security", "Hostname": "h"}, "windows-json", LogSource("windows")),
    "zeek": ({"_path": "dns", "ts": 1.5, "uid": "C"}, "zeek-json", LogSource("zeek")),
    "zeek dns": ({"ts": 1.5, "uid": "C", "id.orig_h": "192.0.2.1", "query": "a", "qtype_name": "A"}, "zeek-json",
                 LogSource("zeek", None, "dns")),
    "zeek conn, nested": ({"ts": 1.5, "uid": "C", "id": {"orig_h": "192.0.2.1"}, "conn_state": "SF"}, "zeek-json",
                          LogSource("zeek", None, "conn")),
    "zeek http": ({"ts": 1.5, "uid": "C", "id.orig_h": "a", "trans_depth": 1, "method": "GET"}, "zeek-json",
                  LogSource("zeek", None, "http")),
    "suricata": ({"timestamp": "t", "event_type": "alert", "src_ip": "192.0.2.1"}, "suricata-eve", LogSource("suricata")),
    "cloudtrail": ({"eventSource": "s", "eventName": "n", "awsRegion": "r"}, "cloudtrail", LogSource("aws", None, "cloudtrail")),
    "m365": ({"CreationTime": "t", "Operation": "o", "Workload": "Exchange"}, "m365-audit", LogSource("m365", None, "audit")),
    "azure sign-in": ({"appDisplayName": "a", "conditionalAccessStatus": "s"}, "azure-signin", LogSource("azure", None, "signinlogs")),
    "azure audit": ({"activityDisplayName": "a", "loggedByService": "s"}, "azure-audit", LogSource("azure", None, "auditlogs")),
    "azure activity": ({"OperationNameValue": "x", "CategoryValue": "y"}, "azure-activity", LogSource("azure", None, "activitylogs")),
    "okta": ({"eventType": "user.session.start", "displayMessage": "m", "actor": {}}, "okta", LogSource("okta", None, "okta")),
    "github": ({"_document_id": "d", "action": "org.add"}, "github", LogSource("github", None, "audit")),
    "gcp": ({"protoPayload": {"methodName": "m", "serviceName": "s"}}, "gcp-audit", LogSource("gcp", None, "gcp.audit")),
    "kubernetes": ({"kind": "Event", "auditID": "x", "verb": "get"}, "kubernetes", LogSource("kubernetes", "application", "audit")),
    "opencanary": ({"logtype": 4000, "node_id": "n", "logdata": {}}, "opencanary", LogSource("opencanary", "application")),
    "bitbucket": ({"auditType": {"action": "a", "category": "c"}}, "bitbucket", LogSource("bitbucket", None, "audit")),
    "onelogin": ({"event_type_id": 5, "account_id": 1}, "onelogin", LogSource("onelogin", None, "onelogin.events")),
    "journal": ({"__REALTIME_TIMESTAMP": "1657876443120000", "MESSAGE": "m"}, "journald", LogSource("linux")),
    "unknown": ({"a": 1}, "jsonl", LogSource()),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_kinds(name: str) -> None:
    record, format_name, logsource = EXAMPLES[name]
    line = json.dumps(record).encode() + b"\n"
    for reader, data in ((JsonlReader(), line * 3), (JsonArrayReader(), b"[" + line + b"]")):
        source = read_all(reader, data).batches[0].source
        assert source.format == ("json" if format_name == "jsonl" and reader.name == "json" else format_name)
        assert source.logsource == logsource


def test_a_few_odd_records_do_not_change_the_kind() -> None:
    records = [{"x": 1}, *[EXAMPLES["nxlog"][0]] * 4]
    assert recognise(records) is next(kind for kind in KINDS if kind.format == "windows-json")
    assert recognise([]) is None


def fields(record: dict[str, Any]) -> dict[str, str]:
    """Return the fields of a record after rewriting, as the engine sees them."""
    flat = flatten(json.dumps(rewrite(record)).encode())
    return {name: values[0].text for name, values in flat.values.items()}


@pytest.mark.parametrize(
    "data",
    [
        [{"@Name": "Image", "#text": "a.exe"}, {"@Name": "User", "#text": None}, "loose"],
        [{"#attributes": {"Name": "Image"}, "#text": "a.exe"}, {"#attributes": {"Name": "User"}}, "loose"],
        [{"Name": "Image", "Value": "a.exe"}, {"Name": "User", "Value": None}, "loose"],
        [{"-Name": "Image", "#text": "a.exe"}, {"-Name": "User"}, {"#text": "loose"}],
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_named_data(data: list[Any], wrapped: bool) -> None:
    inner = {"System": SYSTEM, "EventData": {"Data": data}}
    seen = fields({"Event": inner} if wrapped else inner)
    assert (seen["image"], seen["user"], seen["data"]) == ("a.exe", "", "")
    assert (seen["eventid"], seen["provider_name"], seen["computer"]) == ("1", "Microsoft-Windows-Sysmon", "PRINT01")


def test_one_named_data_and_a_repeated_name() -> None:
    assert fields({"Event": {"System": SYSTEM, "EventData": {"Data": {"@Name": "Image", "#text": "a.exe"}}}})["image"] == "a.exe"
    twice = {"Data": [{"@Name": "X", "#text": "1"}, {"@Name": "X", "#text": "2"}]}
    assert rewrite({"System": SYSTEM, "EventData": twice})["EventData"] == {"X": ["1", "2"]}


def test_the_parsers_own_form_is_left_alone() -> None:
    record = {"Event": {"System": {"EventID": 4104}, "EventData": {"Data": {"#text": ["a", "b"]}, "Image": "x"}}}
    assert rewrite(record) is record
    assert rewriting([record, {"a": 1}]) is None


def test_evtxecmd() -> None:
    payload = json.dumps({"EventData": {"Data": [{"@Name": "Image", "#text": "a.exe"}]}})
    record = {"EventId": 1, "Channel": "Security", "Provider": "P", "MapDescription": "m", "Payload": payload, "EventRecordId": "9"}
    seen = fields(record)
    assert (seen["image"], seen["eventid"], seen["provider_name"], seen["eventrecordid"]) == ("a.exe", "1", "P", "9")
    assert "payload" not in seen
    broken = fields({**record, "Payload": "{"})
    assert (broken["payload"], broken["eventid"]) == ("{", "1")


def test_get_winevent() -> None:
    record = {"Id": 4688, "ProviderName": "P", "LogName": "Security", "MachineName": "H", "TimeCreated": "/Date(1657876443120)/"}
    seen = fields(record)
    assert (seen["eventid"], seen["channel"], seen["computer"]) == ("4688", "Security", "H")
    assert seen["timecreated"] == "2022-07-15T09:14:03.120000Z"
    assert fields({**record, "TimeCreated": {"value": "/Date(x)/"}})["timecreated"] == "/Date(x)/"


def test_velociraptor() -> None:
    system = {"EventID": {"Value": 4624, "Qualifiers": 0}, "Channel": "Security", "TimeCreated": {"SystemTime": 1657876443.12}}
    seen = fields({"System": system, "EventData": {"TargetUserName": "u"}})
    assert (seen["eventid"], seen["targetusername"]) == ("4624", "u")
    assert seen["timecreated"].startswith("2022-07-15T09:14:03.12")


def test_audit_data() -> None:
    record = {"RecordType": "1", "Operations": "o", "AuditData": json.dumps({"Operation": "New-InboxRule", "Workload": "Exchange"})}
    seen = fields(record)
    assert (seen["operation"], seen["workload"], seen["operations"]) == ("New-InboxRule", "Exchange", "o")
    assert "auditdata" not in seen
    assert rewrite({**record, "AuditData": "no JSON"})["AuditData"] == "no JSON"


@pytest.mark.parametrize("key", ["MESSAGE", "message", "Message"])
def test_sysmon_for_linux(key: str) -> None:
    seen = fields({key: "sysmon: " + XML, "host": {"name": "web01"}})
    assert (seen["image"], seen["commandline"], seen["eventid"]) == ("/usr/bin/id", "id && w", "1")
    assert (seen["channel"], seen["provider_name"], seen["computer"]) == ("Linux-Sysmon/Operational", "Linux-Sysmon", "web01")
    assert seen["host.name"] == "web01"
    record = {key: "<Event><broken></Event>"}
    assert rewrite(record) is record


def test_splunk() -> None:
    record = {"preview": False, "offset": 0, "result": {"host": "H", "EventCode": "4688"}}
    assert rewrite(record) == {"host": "H", "EventCode": "4688"}
    assert fields({"preview": False, "result": {"_raw": XML}})["image"] == "/usr/bin/id"
    assert fields({"result": {"_raw": '{"eventName":"x"}', "_time": "t"}, "lastrow": True}) == {"eventname": "x"}
    assert fields({"_raw": '{"eventName":"x"}'}) == {"eventname": "x"}


def test_a_wrapped_record_is_rewritten_inside_its_wrapper() -> None:
    seen = fields({"_id": "7", "_source": {"System": SYSTEM, "EventData": {"Data": [{"@Name": "Image", "#text": "a.exe"}]}}})
    assert seen["_id"] == "7"
    assert seen["image"] == "a.exe"


def test_journal() -> None:
    record = {"__REALTIME_TIMESTAMP": "1657876443120000", "_HOSTNAME": "web01", "MESSAGE": [104, 105, 255]}
    seen = fields(record)
    assert (seen["@timestamp"], seen["hostname"], seen["message"]) == ("2022-07-15T09:14:03.120000Z", "web01", "hi�")


def test_a_file_is_rewritten_when_one_of_its_first_records_needs_it() -> None:
    plain = {"Event": {"System": {"EventID": 2, "Channel": "X"}, "EventData": {"A": "1"}}}
    named = {"Event": {"System": SYSTEM, "EventData": {"Data": [{"@Name": "Image", "#text": "a.exe"}]}}}
    data = b"".join(json.dumps(each).encode() + b"\n" for each in (plain, named, plain)) + b"no JSON\n"
    reading = read_all(JsonlReader(), data)
    assert json.loads(reading.events[0]) == plain
    assert json.loads(reading.events[1])["Event"]["EventData"] == {"Image": "a.exe"}
    assert reading.events[3] == b"no JSON"
    assert reading.numbers == [0, 1, 2, 3]


DATA_AS_TEXT = [
    '{"UtcTime":"2022-07-15 09:14:03.120","Image":"a.exe","CommandLine":"a < b"}',
    (
        '<EventData xmlns="http://schemas.microsoft.com/win/2004/08/events/event">\r\n  <Data Name="UtcTime">2022-07-15 09:14:03.120</Data>'
        '<Data Name="Image">a.exe</Data><Data Name="CommandLine">a &lt; b</Data></EventData>'
    ),
]


@pytest.mark.parametrize("text", DATA_AS_TEXT)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_data_as_text_are_unfolded_also_behind_the_first_records(text: str, separators: tuple[str, str]) -> None:
    azure = {"TimeGenerated": "2022-07-15T09:14:04Z", "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "EventData": text}
    other = {"EventID": 2, "Channel": "X", "EventData": {"A": "1"}}
    lines = [json.dumps(each, separators=separators).encode() + b"\n" for each in [*[other] * 40, azure, other]]
    reading = read_all(JsonlReader(), b"".join(lines))
    seen = flatten(reading.events[40])
    assert [seen.text(name) for name in ("Image", "CommandLine", "Channel", "TimeGenerated")] == [
        "a.exe", "a < b", "Microsoft-Windows-Sysmon/Operational", "2022-07-15T09:14:04Z",
    ]  # fmt: skip
    assert [json.loads(reading.events[place]) for place in (0, 41)] == [other, other]
    assert reading.numbers == list(range(42))


@pytest.mark.parametrize("text", ["{no JSON", "<EventData><Data>", "<EventData/>", "plain", '{"a": 1} rest'])
def test_data_that_are_only_text_stay_text(text: str) -> None:
    assert rewrite({"EventID": 1, "EventData": text}) == {"EventID": 1, "EventData": text}


KEYS = [
    "Event", "System", "EventData", "UserData", "Data", "@Name", "Name", "#text", "#attributes", "EventID", "Value", "TimeCreated",
    "SystemTime", "Payload", "EventId", "AuditData", "_raw", "result", "preview", "_source", "MESSAGE", "__REALTIME_TIMESTAMP",
    "_HOSTNAME", "Id", "LogName", "ProviderName", "Channel", "ts", "uid",
]  # fmt: skip
TEXTS = ["", "{", "<Event></Event>", XML, "/Date(1)/", '{"Data":[1]}', *DATA_AS_TEXT, "<EventData>1</EventData>"]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


@given(ANY)
def test_no_shape_breaks_the_rewriting(value: Any) -> None:
    record = value if isinstance(value, dict) else {"Event": value}
    assert isinstance(rewrite(record), dict)
    recognise([record])
    list_inside(record)
    rewriting([record])


def test_every_shared_zeek_log_is_known_without_its_path(tmp_path: Path) -> None:
    known: dict[str, LogSource] = {}
    for path in sorted(shared_data("zeek").glob("*.json.gz")):
        records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()[:20]]
        copy = tmp_path / path.name.replace(".gz", "")
        copy.write_text("".join(json.dumps({k: v for k, v in record.items() if not k.startswith("_")}) + "\n" for record in records))
        batch = next(read_path(str(copy), Problems()))
        assert batch.source.logsource.product in ("zeek", None), path.name
        if batch.source.logsource.service:
            known[path.name.split(".")[0]] = batch.source.logsource
    assert {name: source.service for name, source in known.items()} == {name: name for name in known}
    assert known.keys() >= {
        "dce_rpc",
        "ftp",
        "kerberos",
        "modbus",
        "ntlm",
        "rdp",
        "smb_files",
        "smb_mapping",
        "smtp",
        "snmp",
        "ssh",
        "x509",
    }


def test_shared_cloudtrail() -> None:
    events = [
        batch for batch in read_path(str(shared_data("cloudtrail/cloudtrail.zip")), Problems()) if batch.source.format == "cloudtrail"
    ]
    assert sum(map(len, events)) == 2_900
