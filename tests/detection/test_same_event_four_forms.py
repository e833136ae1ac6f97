"""One Windows event in each form in which it reaches us has one class and gives rules the same values.

The forms: nested as EVTX tools write it, flat as NXLog and the OTRF data sets write it, Winlogbeat with raw event data, Winlogbeat after
Elastic's ingest pipelines (which rename and remove), and Elasticsearch's export of the latter. What the pipelines lose is listed here,
tested to be lost, and told in docs/reference/logsources.md.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from kulla.detection.logsources import EventClass, classify
from kulla.model.logsource import LogSource
from kulla.telemetry.flatten import Fields, Kind, flatten
from tests.detection.sigma_rules import fields_by_category

Data = dict[str, str]

SYSMON = "Microsoft-Windows-Sysmon/Operational"
LINUX_SYSMON = "Linux-Sysmon/Operational"
CHANNELS = {
    "Microsoft-Windows-Sysmon": SYSMON,
    "Linux-Sysmon": LINUX_SYSMON,
    "Microsoft-Windows-Security-Auditing": "Security",
    "Microsoft-Windows-PowerShell": "Microsoft-Windows-PowerShell/Operational",
    "Microsoft-Windows-Windows Defender": "Microsoft-Windows-Windows Defender/Operational",
}
PROVIDERS = {channel: provider for provider, channel in CHANNELS.items()}

_COMMON = {"RuleName": "technique_id=T1059", "UtcTime": "2022-07-15 09:14:03.120"}
_PROCESS = {
    **_COMMON,
    "ProcessGuid": "{7a1c2f10-0000-0000-0000-000000000001}",
    "ProcessId": "4312",
    "Image": r"C:\Windows\System32\cmd.exe",
    "User": r"PRINT01\operator",
}
_FILE = {**_PROCESS, "TargetFilename": r"C:\Users\Public\a.exe", "CreationUtcTime": "2022-07-15 09:14:03.000"}
_HASHES = "SHA256=AA00,IMPHASH=BB11"
_PE = {"FileVersion": "10.0", "Description": "Processor", "Product": "System", "Company": "Maker", "OriginalFileName": "Cmd.Exe"}
_SOURCE_TARGET = {
    **_COMMON,
    "SourceProcessGuid": "{7a1c2f10-0000-0000-0000-000000000002}",
    "SourceProcessId": "700",
    "SourceImage": r"C:\Users\Public\a.exe",
    "TargetProcessGuid": "{7a1c2f10-0000-0000-0000-000000000003}",
    "TargetProcessId": "640",
    "TargetImage": r"C:\Windows\System32\lsass.exe",
    "SourceUser": r"PRINT01\operator",
    "TargetUser": r"NT AUTHORITY\SYSTEM",
}
_REGISTRY = {**_PROCESS, "TargetObject": r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run\a"}
_WMI = {**_COMMON, "Operation": "Created", "User": r"PRINT01\operator", "Name": "a"}

#: Sysmon event id -> data with every field that Sysmon writes and a rule may ask for.
EVENTS: dict[int, Data] = {
    1: {
        **_PROCESS,
        **_PE,
        "CommandLine": 'cmd.exe /c "vssadmin delete shadows"',
        "CurrentDirectory": "C:\\Users\\Public\\",
        "LogonGuid": "{7a1c2f10-0000-0000-0000-000000000009}",
        "LogonId": "0x3e7",
        "TerminalSessionId": "1",
        "IntegrityLevel": "High",
        "Hashes": _HASHES,
        "ParentProcessGuid": "{7a1c2f10-0000-0000-0000-000000000008}",
        "ParentProcessId": "900",
        "ParentImage": r"C:\Windows\explorer.exe",
        "ParentCommandLine": r"C:\Windows\explorer.exe /factory",
        "ParentUser": r"PRINT01\operator",
    },
    2: {**_FILE, "PreviousCreationUtcTime": "2019-01-01 00:00:00.000"},
    3: {
        **_PROCESS,
        "Protocol": "tcp",
        "Initiated": "true",
        "SourceIsIpv6": "false",
        "SourceIp": "192.0.2.10",
        "SourceHostname": "PRINT01",
        "SourcePort": "50123",
        "DestinationIsIpv6": "false",
        "DestinationIp": "198.51.100.7",
        "DestinationHostname": "c2.example.org",
        "DestinationPort": "443",
    },
    4: {"UtcTime": _COMMON["UtcTime"], "State": "Stopped", "Version": "15.0", "SchemaVersion": "4.90"},
    5: _PROCESS,
    6: {**_COMMON, "ImageLoaded": r"C:\a.sys", "Hashes": _HASHES, "Signed": "true", "Signature": "Maker", "SignatureStatus": "Valid"},
    7: {
        **_PROCESS,
        **_PE,
        "ImageLoaded": r"C:\Users\Public\a.dll",
        "Hashes": _HASHES,
        "Signed": "false",
        "Signature": "Maker",
        "SignatureStatus": "Expired",
    },
    8: {**_SOURCE_TARGET, "NewThreadId": "12", "StartAddress": "0x00007FF0", "StartModule": r"C:\a.dll", "StartFunction": "LoadLibraryA"},
    9: {**_PROCESS, "Device": r"\Device\HarddiskVolume2"},
    10: {**_SOURCE_TARGET, "SourceThreadId": "9", "GrantedAccess": "0x1410", "CallTrace": r"C:\Windows\SYSTEM32\ntdll.dll+9d4c4"},
    11: _FILE,
    12: {**_REGISTRY, "EventType": "CreateKey"},
    13: {**_REGISTRY, "EventType": "SetValue", "Details": r"C:\Users\Public\a.exe"},
    14: {**_REGISTRY, "EventType": "RenameKey", "NewName": r"HKLM\SOFTWARE\b"},
    15: {**_FILE, "Hash": _HASHES, "Contents": "[ZoneTransfer]"},
    16: {"UtcTime": _COMMON["UtcTime"], "Configuration": r"C:\sysmon.xml", "ConfigurationFileHash": _HASHES},
    17: {**_PROCESS, "PipeName": r"\postex_1a2b", "EventType": "CreatePipe"},
    18: {**_PROCESS, "PipeName": r"\postex_1a2b", "EventType": "ConnectPipe"},
    19: {**_WMI, "EventType": "WmiFilterEvent", "EventNamespace": r"root\cimv2", "Query": "SELECT * FROM a"},
    20: {**_WMI, "EventType": "WmiConsumerEvent", "Type": "Command Line", "Destination": r"cmd.exe /c C:\a.bat"},
    21: {**_WMI, "EventType": "WmiBindingEvent", "Consumer": "a", "Filter": "b"},
    22: {**_PROCESS, "QueryName": "c2.example.org", "QueryStatus": "0", "QueryResults": "198.51.100.7;"},
    23: {**_FILE, "Hashes": _HASHES, "IsExecutable": "true", "Archived": "true"},
    24: {**_PROCESS, "Session": "1", "ClientInfo": r"user: PRINT01\operator", "Hashes": _HASHES, "Archived": "true"},
    25: {**_PROCESS, "Type": "Image is replaced"},
    26: {**_FILE, "Hashes": _HASHES, "IsExecutable": "true"},
    27: {**_FILE, "Hashes": _HASHES},
    28: {**_FILE, "Hashes": _HASHES, "IsExecutable": "true"},
    29: {**_FILE, "Hashes": _HASHES},
    255: {"UtcTime": _COMMON["UtcTime"], "ID": "DriverCommunication", "Description": "Failed to access the driver - Last error: broken"},
}

#: Fields that no rule can see after Elastic's pipeline as the sensor wrote them: the values are removed, split or translated.
LOST = {
    "Hashes",  # one field for each algorithm, in lower case
    "Hash",
    "Initiated",  # network.direction
    "SourceIsIpv6",  # network.type
    "DestinationIsIpv6",
    "User",  # user.domain and user.name
    "UtcTime",  # @timestamp
    "QueryResults",  # dns.answers
    "QueryStatus",
    "Archived",
    "IsExecutable",
}

#: What the pipeline renames: by event id where a field's new place depends on it.
_ECS = {
    "Image": "process.executable",
    "ProcessGuid": "process.entity_id",
    "SourceProcessGuid": "process.entity_id",
    "ProcessId": "process.pid",
    "SourceProcessId": "process.pid",
    "SourceThreadId": "process.thread.id",
    "SourceImage": "process.executable",
    "Destination": "process.executable",
    "CommandLine": "process.command_line",
    "CurrentDirectory": "process.working_directory",
    "ParentProcessGuid": "process.parent.entity_id",
    "ParentProcessId": "process.parent.pid",
    "ParentImage": "process.parent.executable",
    "ParentCommandLine": "process.parent.command_line",
    "RuleName": "rule.name",
    "TargetFilename": "file.path",
    "Device": "file.path",
    "ImageLoaded": "file.path",
    "PipeName": "file.name",
    "Protocol": "network.transport",
    "SourceIp": "source.ip",
    "SourceHostname": "source.domain",
    "SourcePort": "source.port",
    "DestinationIp": "destination.ip",
    "DestinationHostname": "destination.domain",
    "DestinationPort": "destination.port",
    "QueryName": "dns.question.name",
    "TargetObject": "registry.path",
    "Details": "registry.data.strings",
}
_ECS_BY_EVENT = {(25, "Type"): "message", (255, "ID"): "error.code", (7, "OriginalFileName"): "file.pe.original_file_name"}


def nested(provider: str, event_id: int, data: Data) -> dict[str, Any]:
    """Return the form of EVTX tools."""
    system = {
        "Provider": {"#attributes": {"Name": provider, "Guid": "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}"}},
        "EventID": event_id,
        "Channel": CHANNELS[provider],
        "Computer": "PRINT01",
        "Execution": {"#attributes": {"ProcessID": 2, "ThreadID": 3}},
        "TimeCreated": {"#attributes": {"SystemTime": "2022-07-15T09:14:03.125000Z"}},
    }
    return {
        "Event": {"#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"}, "System": system, "EventData": data}
    }


def flat(provider: str, event_id: int, data: Data) -> dict[str, Any]:
    """Return the form of NXLog and OTRF."""
    return {"SourceName": provider, "EventID": event_id, "Channel": CHANNELS[provider], "Hostname": "PRINT01", **data}


def beat(provider: str, event_id: int, data: Data) -> dict[str, Any]:
    """Return what Winlogbeat sends."""
    winlog = {
        "channel": CHANNELS[provider],
        "event_id": str(event_id),
        "provider_name": provider,
        "computer_name": "PRINT01",
        "record_id": 7,
        "event_data": data,
        "process": {"pid": 2, "thread": {"id": 3}},
        "user": {"domain": "NT AUTHORITY", "name": "SYSTEM", "identifier": "S-1-5-18", "type": "User"},
    }
    return {"@timestamp": "2022-07-15T09:14:03.125Z", "event": {"code": str(event_id), "provider": provider}, "winlog": winlog}


def piped(provider: str, event_id: int, data: Data) -> dict[str, Any]:
    """Return what Elastic's pipeline for Sysmon makes of it."""
    kept: Data = {}
    document = beat(provider, event_id, kept)
    for name, value in data.items():
        place = _ECS_BY_EVENT.get((event_id, name), _ECS.get(name))
        if name == "OriginalFileName" and not place:
            place = "process.pe.original_file_name"
        if place:
            _put(document, place, [value] if name == "Details" else int(value) if value.isdigit() and name != "RuleName" else value)
        elif name == "User":
            domain, _, user = value.partition("\\")
            document["user"] = {"domain": domain, "name": user, "id": "S-1-5-18"}
        elif name not in LOST:
            kept[name] = value
    return document


def exported(provider: str, event_id: int, data: Data) -> dict[str, Any]:
    """Return a search hit of Elasticsearch with that document."""
    return {"_index": "winlogbeat-8", "_id": "a", "_score": 1.0, "_source": piped(provider, event_id, data)}


def _put(document: dict[str, Any], place: str, value: Any) -> None:
    *way, last = place.split(".")
    for step in way:
        document = document.setdefault(step, {})
    document[last] = value


def seen(event: dict[str, Any]) -> tuple[EventClass, Fields]:
    fields = flatten(json.dumps(event).encode())
    return classify(fields, LogSource()), fields


def values(found: EventClass, fields: Fields, name: str) -> list[str]:
    """Return what a rule that names a field sees."""
    texts = [value.text for key in found.answers(name) for value in fields.values.get(key, []) if value.kind is not Kind.CONTAINER]
    return list(dict.fromkeys(texts))


RAW_FORMS = [nested, flat, beat]
PIPED_FORMS = [piped, exported]
#: Of the account that wrote the log, Winlogbeat's winlog.user, these two have names that Sysmon uses as well: a second value.
WRITER = {"Name": "SYSTEM", "Type": "User"}


def expected(form: Any, name: str, value: str) -> list[str]:
    """Return what a rule that names a field sees in a form that loses nothing."""
    return [value, WRITER[name]] if name in WRITER and form in (beat, *PIPED_FORMS) else [value]


def class_name(event_id: int) -> str:
    return "windows/sysmon/12/add" if event_id == 12 else f"windows/sysmon/{event_id}"


@pytest.mark.parametrize("form", RAW_FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("event_id", EVENTS)
def test_raw_forms_have_one_class_and_all_values(event_id: int, form: Any) -> None:
    found, fields = seen(form("Microsoft-Windows-Sysmon", event_id, EVENTS[event_id]))
    assert found.name == class_name(event_id)
    for name, value in EVENTS[event_id].items():
        assert values(found, fields, name) == expected(form, name, value), name


@pytest.mark.parametrize("form", PIPED_FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("event_id", EVENTS)
def test_piped_forms_have_the_same_class_and_all_values_but_the_lost(event_id: int, form: Any) -> None:
    found, fields = seen(form("Microsoft-Windows-Sysmon", event_id, EVENTS[event_id]))
    assert found.name == class_name(event_id)
    differ = {name for name, value in EVENTS[event_id].items() if set(values(found, fields, name)) != set(expected(form, name, value))}
    assert differ == LOST & EVENTS[event_id].keys()


def test_a_users_parts_answer_for_the_user_and_the_logs_writer_does_not() -> None:
    found, fields = seen(piped("Microsoft-Windows-Sysmon", 1, EVENTS[1]))
    assert values(found, fields, "User") == ["operator", "PRINT01"]
    assert values(found, fields, "ProcessId") == ["4312"]


def test_single_hashes_of_the_pipeline_are_seen_by_their_names() -> None:
    event = piped("Microsoft-Windows-Sysmon", 1, EVENTS[1])
    _put(event, "process.hash.sha256", "aa00")
    _put(event, "process.pe.imphash", "bb11")
    found, fields = seen(event)
    assert values(found, fields, "Imphash") == ["bb11"]
    assert values(found, fields, "sha256") == ["aa00"]
    assert values(found, fields, "Hashes") == []


def test_every_field_that_rules_ask_of_sysmon_is_in_these_events() -> None:
    """SigmaHQ also asks for a few fields that Sysmon does not write; they are named here so that a new one is noticed."""
    foreign = {
        "process_creation": {"GrandParentImage", "Provider_Name"},
        "file_event": {"CommandLine", "ParentImage", "IntegrityLevel", "ParentCommandLine"},
        "image_load": {"CommandLine"},
        "network_connection": {"CommandLine", "ParentImage"},
        "create_remote_thread": {"SourceParentImage", "TargetParentProcessId", "SourceCommandLine"},
        "process_access": {"SourceCommandLine", "Provider_Name"},
        "registry_event": {"EventID"},
        "wmi_event": {"EventID"},
    }
    by_category = fields_by_category("windows")
    written: dict[str, set[str]] = {}
    for event_id, data in EVENTS.items():
        found, _ = seen(nested("Microsoft-Windows-Sysmon", event_id, data))
        for source in found.sources:
            written.setdefault(source.category or "", set()).update(data)
    missing = {category: by_category[category] - names for category, names in written.items() if category in by_category}
    assert {category: names for category, names in missing.items() if names} == foreign


@pytest.mark.parametrize("form", RAW_FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("event_id", [1, 3, 5, 11])
def test_sysmon_for_linux_is_the_same_event_of_another_product(event_id: int, form: Any) -> None:
    data = {name: value.replace(r"C:\Windows\System32\cmd.exe", "/usr/bin/bash") for name, value in EVENTS[event_id].items()}
    found, fields = seen(form("Linux-Sysmon", event_id, data))
    category = {1: "process_creation", 3: "network_connection", 5: "process_termination", 11: "file_event"}[event_id]
    assert found.name == f"linux/sysmon/{event_id}"
    assert found.covered_by(LogSource("linux", category))
    assert not found.covered_by(LogSource("windows", category))
    for name, value in data.items():
        assert values(found, fields, name) == [value], name


CREATED = {
    "SubjectUserSid": "S-1-5-18",
    "SubjectUserName": "PRINT01$",
    "SubjectDomainName": "WORKGROUP",
    "SubjectLogonId": "0x3e7",
    "NewProcessId": "0x10d8",
    "NewProcessName": r"C:\Windows\System32\cmd.exe",
    "TokenElevationType": "%%1936",
    "ProcessId": "0x384",
    "CommandLine": "cmd.exe /c whoami",
    "ParentProcessName": r"C:\Windows\explorer.exe",
    "MandatoryLabel": "S-1-16-16384",
}
#: What a process_creation rule sees of it.
CREATED_AS_RULES_SEE = {
    "Image": r"C:\Windows\System32\cmd.exe",
    "ParentImage": r"C:\Windows\explorer.exe",
    "CommandLine": "cmd.exe /c whoami",
    "LogonId": "0x3e7",
    "IntegrityLevel": "S-1-16-16384",
    "ParentProcessId": "0x384",
    "User": "PRINT01$",
    "NewProcessName": r"C:\Windows\System32\cmd.exe",
}


def _security_pipeline(data: Data) -> dict[str, Any]:
    """Return what Elastic's security pipeline makes of a 4688."""
    moved = {"NewProcessName": "process.executable", "ParentProcessName": "process.parent.executable", "NewProcessId": "process.pid"}
    document = beat("Microsoft-Windows-Security-Auditing", 4688, {name: value for name, value in data.items() if name not in moved})
    for name, place in moved.items():
        _put(document, place, int(data[name], 16) if name == "NewProcessId" else data[name])
    _put(document, "process.command_line", data["CommandLine"])
    return document


@pytest.mark.parametrize("form", RAW_FORMS, ids=lambda form: form.__name__)
def test_a_4688_answers_for_process_creation(form: Any) -> None:
    found, fields = seen(form("Microsoft-Windows-Security-Auditing", 4688, CREATED))
    assert found.covered_by(LogSource("windows", "process_creation"))
    assert found.covered_by(LogSource("windows", None, "security"))
    for name, value in CREATED_AS_RULES_SEE.items():
        assert values(found, fields, name) == [value], name


def test_a_4688_answers_the_same_after_the_pipeline() -> None:
    found, fields = seen(_security_pipeline(CREATED))
    assert found.name == "windows/security/4688"
    for name, value in CREATED_AS_RULES_SEE.items():
        assert values(found, fields, name) == [value], name


@pytest.mark.parametrize("form", RAW_FORMS, ids=lambda form: form.__name__)
def test_script_blocks_and_modules(form: Any) -> None:
    script, fields = seen(form("Microsoft-Windows-PowerShell", 4104, {"ScriptBlockText": "iex 1", "Path": r"C:\a.ps1"}))
    assert script.covered_by(LogSource("windows", "ps_script"))
    assert values(script, fields, "ScriptBlockText") == ["iex 1"]
    module, fields = seen(form("Microsoft-Windows-PowerShell", 4103, {"Payload": "CommandInvocation", "ContextInfo": "Host"}))
    assert module.covered_by(LogSource("windows", "ps_module"))
    assert values(module, fields, "Payload") == ["CommandInvocation"]


def test_script_blocks_after_the_pipeline() -> None:
    document = beat("Microsoft-Windows-PowerShell", 4104, {})
    _put(document, "powershell.file.script_block_text", "iex 1")
    _put(document, "file.path", r"C:\a.ps1")
    found, fields = seen(document)
    assert values(found, fields, "ScriptBlockText") == ["iex 1"]
    assert values(found, fields, "Path") == [r"C:\a.ps1"]


def test_unnamed_data_of_classic_events_in_every_form() -> None:
    state, details = "Available", "NewEngineState=Available\n\tHostApplication=powershell -nop"
    system = {"Channel": "Windows PowerShell", "EventID": 400, "Provider": {"#attributes": {"Name": "PowerShell"}}}
    forms: list[dict[str, Any]] = [
        {"Event": {"System": system, "EventData": {"Data": [state, details]}}},
        {"Event": {"System": system, "EventData": {"Data": {"#text": [state, details]}}}},
        {"Channel": "Windows PowerShell", "EventID": 400, "SourceName": "PowerShell", "Message": f"Engine state is changed. {details}"},
        {"winlog": {"channel": "Windows PowerShell", "event_id": "400", "event_data": {"param1": state, "param2": details}}},
    ]
    for event in forms:
        found, fields = seen(event)
        assert found.name == "windows/powershell-classic/400"
        assert any("HostApplication=powershell -nop" in value for value in values(found, fields, "Data")), event


@pytest.mark.parametrize("form", RAW_FORMS, ids=lambda form: form.__name__)
def test_a_threat_that_defender_found_answers_for_antivirus(form: Any) -> None:
    data = {"Threat Name": "HackTool:Win32/Mimikatz", "Path": r"file:_C:\Users\Public\m.exe", "Action Name": "Quarantine"}
    found, fields = seen(form("Microsoft-Windows-Windows Defender", 1116, data))
    assert found.covered_by(LogSource(None, "antivirus"))
    assert found.covered_by(LogSource("windows", None, "windefend"))
    assert values(found, fields, "Signature") == ["HackTool:Win32/Mimikatz"]
    assert values(found, fields, "ThreatName") == ["HackTool:Win32/Mimikatz"]
    assert values(found, fields, "Filename") == [r"file:_C:\Users\Public\m.exe"]


@pytest.mark.parametrize(
    ("event", "rule", "expected"),
    [
        ({"_path": "dns", "query": "a.example", "qtype_name": "TXT", "answers": ["x", "y"]}, "query", ["a.example"]),
        ({"_path": "dns", "query": "a.example", "qtype_name": "TXT", "answers": ["x", "y"]}, "record_type", ["TXT"]),
        ({"_path": "dns", "query": "a.example", "qtype_name": "TXT", "answers": ["x", "y"]}, "answer", ["x", "y"]),
        ({"event_type": "dns", "src_ip": "192.0.2.1", "dns": {"rrname": "a.example", "rrtype": "TXT"}}, "query", ["a.example"]),
        ({"event_type": "dns", "src_ip": "192.0.2.1", "dns": {"queries": [{"rrname": "a.example"}]}}, "query", ["a.example"]),
        ({"event_type": "dns", "src_ip": "192.0.2.1", "dns": {"answers": [{"rdata": "x"}, {"rdata": "y"}]}}, "answer", ["x", "y"]),
        ({"Channel": SYSMON, "EventID": 22, "QueryName": "a.example"}, "query", ["a.example"]),
    ],
)
def test_a_name_that_was_asked_for_answers_for_dns(event: dict[str, Any], rule: str, expected: list[str]) -> None:
    found, fields = seen(event)
    assert found.covered_by(LogSource(None, "dns"))
    assert values(found, fields, rule) == expected


@pytest.mark.parametrize(
    "event",
    [
        {"_path": "http", "uri": "/a?b=1", "host": "x.example", "method": "GET", "user_agent": "curl", "status_code": 200},
        {
            "event_type": "http",
            "src_ip": "192.0.2.1",
            "http": {"url": "/a?b=1", "hostname": "x.example", "http_method": "GET", "http_user_agent": "curl", "status": 200},
        },
    ],
)
def test_a_request_on_the_wire_answers_for_proxy_and_webserver(event: dict[str, Any]) -> None:
    found, fields = seen(event)
    assert found.covered_by(LogSource(None, "proxy"))
    assert found.covered_by(LogSource(None, "webserver"))
    asked = {
        "c-uri": "/a?b=1",
        "cs-uri-query": "/a?b=1",
        "cs-host": "x.example",
        "cs-method": "GET",
        "c-useragent": "curl",
        "sc-status": "200",
    }
    for name, value in asked.items():
        assert values(found, fields, name) == [value], name
