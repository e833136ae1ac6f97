"""The table of log sources, the classifier's precedence, and both against real events."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import zstandard
from evtx import PyEvtxParser
from hypothesis import given, settings
from hypothesis import strategies as st

from kulla.detection.folding import fold
from kulla.detection.logsources import (
    ANY,
    CLASSES,
    PROBES,
    UNKNOWN,
    Catalogue,
    EventClass,
    Match,
    Probe,
    builtin,
    classify,
    fallback_class,
    reachable,
)
from kulla.model.logsource import LogSource
from kulla.telemetry.fields import name_key
from kulla.telemetry.flatten import Fields, Kind, Value, flatten
from tests.detection.sigma_rules import rules
from tests.shared_data import shared_data

WINDOWS = LogSource("windows")
LINUX = LogSource("linux")
SYSMON = "Microsoft-Windows-Sysmon/Operational"

# docs/reference/logsources.md, "Not covered".
NOT_COVERED = {LogSource("paloalto", "appliance", "globalprotect"), LogSource("paloalto", "file_event", "globalprotect")}


def name_of(event: dict[str, Any], base: LogSource = LogSource()) -> str:
    return classify(flatten(json.dumps(event).encode()), base).name


def test_every_log_source_of_sigmahq_is_covered_but_the_listed_ones() -> None:
    wanted = {rule.logsource for rule in rules()}
    assert len(wanted) > 100
    assert {source for source in wanted if not reachable(source)} == NOT_COVERED


def test_an_unknown_log_source_is_not_reachable() -> None:
    assert not reachable(LogSource("acme", None, "gadget"))
    assert not reachable(LogSource("windows", "no_such_category"))


def test_every_probe_is_tried_and_every_match_uses_a_probe_that_is() -> None:
    used = {match.probe for each in CLASSES for match in each.matches}
    assert used == set(PROBES)
    assert len(PROBES) == len(set(PROBES))


def test_fields_of_probes_are_in_the_form_in_which_events_are_looked_up() -> None:
    names = [name for probe in PROBES for name in (probe.field, probe.second) if name]
    assert names == [name_key(name) for name in names]


def test_names_are_unique_and_log_sources_lower_case() -> None:
    names = [each.name for each in CLASSES]
    assert len(names) == len(set(names))
    parts = {part for each in CLASSES for source in each.sources for part in (source.product, source.category, source.service) if part}
    assert parts == {part.lower() for part in parts}
    assert all(any((s.product, s.category, s.service)) for each in CLASSES for s in each.sources)


def test_no_two_classes_claim_the_same_values_of_a_probe() -> None:
    claims = Counter(
        (match.probe, fold(match.value), match.second and fold(match.second), each.requires) for each in CLASSES for match in each.matches
    )
    assert [claim for claim, count in claims.items() if count > 1] == []


def test_any_as_value_is_never_paired_with_one_second_value() -> None:
    assert [match for each in CLASSES for match in each.matches if match.value == ANY and match.second not in (None, ANY)] == []


def test_no_alias_names_the_rules_own_field() -> None:
    assert [
        (each.name, field) for each in CLASSES for field, names in each.aliases if name_key(field) in {name_key(name) for name in names}
    ] == []


def test_answers_lists_the_own_field_first_and_each_once() -> None:
    created = next(each for each in CLASSES if each.name == "windows/security/4688")
    assert created.answers("Image") == ("image", "newprocessname", "process.executable")
    assert created.answers("image") == created.answers("Image")
    assert created.answers("ProcessId") == ("processid",)
    assert created.answers("Something Else") == ("somethingelse",)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"Channel": SYSMON, "EventID": 1}, "windows/sysmon/1"),
        ({"channel": SYSMON.upper(), "event_id": "1"}, "windows/sysmon/1"),
        ({"Channel": SYSMON, "EventID": 77}, "windows/sysmon"),
        ({"Channel": SYSMON}, "windows/sysmon"),
        ({"Provider_Name": "Microsoft-Windows-Sysmon", "EventID": 11}, "windows/sysmon/11"),
        ({"Channel": "ForwardedEvents", "SourceName": "Microsoft-Windows-Sysmon", "EventID": 11}, "windows/sysmon/11"),
        ({"Channel": "Security", "EventID": 4688}, "windows/security/4688"),
        ({"Channel": "Security", "EventID": 4624}, "windows/security"),
        ({"LogName": "Security", "EventCode": 4688, "SourceName": "Microsoft Windows security auditing."}, "windows/security/4688"),
        ({"id": {"applicationName": "admin"}, "events": [{"name": "REMOVE_PRIVILEGE"}]}, "gcp/google_workspace.admin"),
        ({"Channel": "Strange-Channel/Admin", "EventID": 4}, "windows/other"),
        ({"Channel": None, "EventID": 4, "Provider_Name": "Nobody"}, "unknown"),
        ({"Provider_Name": "Microsoft-Windows-Eventlog", "EventID": 1102}, "windows/eventlog/1102"),
        ({"Provider_Name": "Microsoft-Windows-Kernel-File", "EventID": 12}, "windows/kernel-file/file_access"),
        ({"Channel": "Linux-Sysmon/Operational", "EventID": 1}, "linux/sysmon/1"),
        ({"Channel": "PowerShellCore/Operational", "EventID": 4104}, "windows/powershell/4104"),
        ({"Channel": "Microsoft-Windows-SMBClient/Security", "EventID": 31017}, "windows/smbclient-security"),
        ({"_path": "dns", "query": "a"}, "zeek/dns"),
        ({"event_type": "dns", "src_ip": "192.0.2.1"}, "suricata/dns"),
        ({"event_type": "authentication", "txid": "1"}, "cisco/duo"),
        ({"eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "awsRegion": "us-east-1"}, "aws/cloudtrail"),
        ({"Workload": "Exchange", "Operation": "Set-Mailbox"}, "m365/exchange"),
        ({"Workload": "AzureActiveDirectory", "Operation": "UserLoggedIn"}, "m365/audit"),
        ({"category": "AuditLogs", "operationName": "Add user"}, "azure/auditlogs"),
        ({"Type": "SigninLogs"}, "azure/signinlogs"),
        ({"riskEventType": "unfamiliarFeatures"}, "azure/riskdetection"),
        ({"protoPayload": {"serviceName": "admin.googleapis.com"}}, "gcp/google_workspace.admin"),
        ({"data": {"protoPayload": {"serviceName": "storage.googleapis.com"}}}, "gcp/gcp.audit"),
        ({"eventType": "user.session.start", "displayMessage": "x"}, "okta/okta"),
        ({"auditID": "1", "verb": "list"}, "kubernetes/audit"),
        ({"logtype": 5005, "node_id": "n"}, "opencanary"),
        ({"type": "event", "logid": "0100044547"}, "fortigate/event"),
        ({"host": {"os": {"type": "macos"}}, "event": {"action": "exec"}}, "macos/endpoint/process_creation"),
        ({"SYSLOG_IDENTIFIER": "sshd", "MESSAGE": "x"}, "linux/journal/sshd"),
        ({"nothing": "known"}, "unknown"),
    ],
)
def test_an_event_is_known_by_its_fields(event: dict[str, Any], expected: str) -> None:
    assert name_of(event) == expected


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [
        ("CreateKey", "windows/sysmon/12/add"),
        ("DeleteKey", "windows/sysmon/12/delete"),
        ("DeleteValue", "windows/sysmon/12/delete"),
        ("INFO", "windows/sysmon/12"),
    ],
)
def test_sysmon_12_is_addition_or_deletion_by_its_type_and_both_without(event_type: str, expected: str) -> None:
    assert name_of({"Channel": SYSMON, "EventID": 12, "EventType": event_type}) == expected


def test_a_registry_deletion_is_no_addition_but_every_registry_event_is_one() -> None:
    names = {each.name: each for each in CLASSES}
    add, delete = LogSource("windows", "registry_add"), LogSource("windows", "registry_delete")
    assert names["windows/sysmon/12/delete"].covered_by(delete)
    assert not names["windows/sysmon/12/delete"].covered_by(add)
    assert names["windows/sysmon/12"].covered_by(add)
    assert names["windows/sysmon/12"].covered_by(delete)
    assert all(names[f"windows/sysmon/{each}"].covered_by(LogSource("windows", "registry_event")) for each in ("12", "13", "14", "12/add"))


def test_the_first_value_of_a_repeated_field_decides() -> None:
    cleared = b'{"Event": {"System": {"Channel": "System", "EventID": 104}, "UserData": {"LogFileCleared": {"Channel": "Security"}}}}'
    assert classify(flatten(cleared), WINDOWS).name == "windows/system"


def test_a_program_counts_only_where_the_reader_says_linux() -> None:
    assert name_of({"program": "sshd"}, LINUX) == "linux/sshd"
    assert name_of({"program": "sshd"}, LogSource("linux", None, "syslog")) == "linux/sshd"
    assert name_of({"program": "my-daemon"}, LINUX) == "linux/syslog"
    assert name_of({"program": "sshd"}) == "unknown"


def test_what_the_auditd_reader_adds_tells_the_category() -> None:
    auditd = LogSource("linux", None, "auditd")
    assert name_of({"type": ["SYSCALL", "EXECVE"], "CommandLine": "id", "Image": "/usr/bin/id"}, auditd) == "linux/auditd/execve"
    assert name_of({"type": ["SYSCALL", "PATH"], "TargetFilename": "/etc/cron.d/a"}, auditd) == "linux/auditd/create"
    assert name_of({"type": ["SYSCALL", "SOCKADDR"], "DestinationIp": "198.51.100.7"}, auditd) == "linux/auditd/connect"
    assert name_of({"type": "USER_LOGIN"}, auditd) == "linux/auditd"
    assert name_of({"CommandLine": "id"}, LINUX) == "base/linux/*/*"


@pytest.mark.parametrize(
    ("base", "name", "covered"),
    [
        (LogSource(None, "webserver"), "web/access", LogSource(None, "webserver")),
        (LogSource("windows", "webserver", "iis"), "web/iis", LogSource(None, "webserver")),
        (LogSource("apache", None, "apache"), "web/apache-error", LogSource(None, None, "apache")),
        (LogSource("zeek", None, "dns"), "zeek/dns", LogSource(None, "dns")),
        (LogSource("m365", None, "audit"), "m365/audit", LogSource("m365", None, "audit")),
        (LogSource("windows", None, "security"), "windows/security", LogSource("windows", None, "security")),
        (LogSource("cisco", None, "syslog"), "cisco/syslog", LogSource("cisco", None, "aaa")),
        (LogSource("acme", None, "box"), "base/acme/*/box", LogSource("acme", None, "box")),
    ],
)
def test_what_a_reader_says_is_enough_for_a_class(base: LogSource, name: str, covered: LogSource) -> None:
    found = fallback_class(base)
    assert found.name == name
    assert found.covered_by(covered)
    assert classify(Fields({}), base) is found


def test_a_class_that_only_a_reader_can_tell_is_the_fallback_of_its_own_log_source() -> None:
    silent = [each for each in CLASSES if not each.matches]
    assert silent
    assert [each.name for each in silent if fallback_class(each.sources[0]) is not each] == []


def test_a_base_without_a_class_of_its_own_has_the_aliases_of_the_wider_one() -> None:
    made = fallback_class(LogSource("windows", "webserver", "http-err"))
    assert made.sources == (LogSource("windows", "webserver", "http-err"),)
    assert "cs(user-agent)" in made.answers("cs-user-agent")


def test_all_classes_are_those_of_the_table_and_the_made_up_ones_and_last_the_unknown() -> None:
    bases = (LogSource("acme"), WINDOWS, LogSource(), LogSource("acme"))
    made = fallback_class(LogSource("acme"))
    assert builtin().classes_for(bases) == (*CLASSES, made, UNKNOWN)


def test_nothing_known_is_unknown_and_answers_no_rule_with_a_log_source() -> None:
    assert fallback_class(LogSource()) is UNKNOWN
    assert not UNKNOWN.covered_by(WINDOWS)
    assert not UNKNOWN.covered_by(LogSource(None, "webserver"))


# A slow, separate reading of the rules in the module's docstring: every class is asked, nothing is indexed.


def _slow_class(fields: Fields, base: LogSource, catalogue: Catalogue) -> EventClass:
    for probe in catalogue.probes:
        ranked = [
            (rank, place, each)
            for place, each in enumerate(catalogue.classes)
            for match in each.matches
            if match.probe == probe and each.requires.covers(base) and (rank := _rank(match, fields)) is not None
        ]
        if ranked:
            return min(ranked, key=lambda found: found[:2])[2]
    return catalogue.fallback(base)


def _rank(match: Match, fields: Fields) -> int | None:
    value = fields.text(match.probe.field)
    second = fields.text(match.probe.second) if match.probe.second else None
    if value is None or (match.value != ANY and fold(match.value) != fold(value)):
        return None
    if match.second is None:
        return 4 if match.value == ANY else 2
    if second is None or (match.second != ANY and fold(match.second) != fold(second)):
        return None
    return 3 if match.value == ANY else 1 if match.second == ANY else 0


_NAMES = sorted({name for probe in PROBES for name in (probe.field, probe.second) if name})
_VALUES = sorted({value for each in CLASSES for match in each.matches for value in (match.value, match.second) if value})
_BASES = (LogSource(), WINDOWS, LINUX, LogSource("linux", None, "auditd"), LogSource(None, "webserver"), LogSource("zeek", None, "dns"))
_TEXTS = st.sampled_from(_VALUES) | st.sampled_from(_VALUES).map(str.upper) | st.text(max_size=5)
_EVENTS = st.dictionaries(st.sampled_from(_NAMES), st.lists(st.builds(Value, _TEXTS, st.sampled_from(Kind)), max_size=2), max_size=6)


@settings(deadline=None)  # the first text beyond ASCII builds the table of folding
@given(_EVENTS.map(Fields), st.sampled_from(_BASES))
def test_the_index_agrees_with_asking_every_class(fields: Fields, base: LogSource) -> None:
    assert classify(fields, base) is _slow_class(fields, base, builtin())


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.none() | st.booleans()), st.sampled_from(_BASES))
def test_any_event_has_a_class(event: dict[str, Any], base: LogSource) -> None:
    assert classify(flatten(json.dumps(event).encode()), base).sources


def test_a_sites_class_goes_before_kullas_own() -> None:
    router = EventClass("site/router", (LogSource("cisco", None, "aaa"),), (Match(Probe("hostname"), "Rtr1"),))
    own = Catalogue((router,))
    event = flatten(b'{"hostname": "RTR1", "program": "sshd"}')
    assert own.probes[0] == Probe("hostname")
    assert classify(event, LINUX, own) is router
    assert classify(event, LINUX).name == "linux/sshd"
    assert _slow_class(event, LINUX, own) is router


def test_a_sites_class_can_take_over_a_pair_that_kulla_knows() -> None:
    mine = EventClass("site/logon", (LogSource("windows", "logon", "security"),), (Match(Probe("channel", "eventid"), "Security", "4624"),))
    own = Catalogue((mine,))
    assert classify(flatten(b'{"Channel": "Security", "EventID": 4624}'), WINDOWS, own) is mine
    assert classify(flatten(b'{"Channel": "Security", "EventID": 4625}'), WINDOWS, own).name == "windows/security"
    assert reachable(LogSource("windows", "logon"), own)
    assert not reachable(LogSource("windows", "logon"))


# Real events.


def _evtx(path: Path) -> Iterator[Fields]:
    for record in PyEvtxParser(str(path)).records_json():
        if isinstance(record, dict):
            yield flatten(record["data"].encode())


def _counts(events: Iterator[Fields], base: LogSource) -> Counter[str]:
    return Counter(classify(fields, base).name for fields in events)


def test_each_regression_sample_has_enough_events_that_its_rule_covers() -> None:
    wanted = {rule.id: rule.logsource for rule in rules()}
    samples = [json.loads(line) for line in shared_data("sigma/regression.jsonl").read_text().splitlines()]
    assert samples
    for sample in samples:
        events = _evtx(shared_data(f"sigma/{sample['file']}"))
        covered = sum(classify(fields, WINDOWS).covered_by(wanted[sample["rule_id"]]) for fields in events)
        assert covered >= max(1, sample["minimum"]), sample["rule_path"]


def test_classes_of_the_attack_samples() -> None:
    paths = sorted(shared_data("evtx").rglob("*.evtx"))
    counts = _counts((fields for path in paths for fields in _evtx(path)), WINDOWS)
    assert counts == {
        "windows/application": 382,
        "windows/application-experience": 4,
        "windows/bits-client": 1537,
        "windows/other": 444,  # RdpCoreTS 21, WinRM 6, Winsock 2, and an RPC trace whose channel is null
        "windows/powershell": 3,
        "windows/powershell/4104": 4,
        "windows/powershell-classic/800": 4,
        "windows/security": 1181,
        "windows/security/4688": 20,
        "windows/sysmon/1": 442,
        "windows/sysmon/2": 3,
        "windows/sysmon/3": 62,
        "windows/sysmon/4": 2,
        "windows/sysmon/5": 16,
        "windows/sysmon/7": 63,
        "windows/sysmon/8": 7,
        "windows/sysmon/10": 120,
        "windows/sysmon/11": 120,
        "windows/sysmon/12/add": 25,
        "windows/sysmon/12/delete": 11,
        "windows/sysmon/13": 87,
        "windows/sysmon/16": 2,
        "windows/sysmon/17": 12,
        "windows/sysmon/18": 42,
        "windows/sysmon/19": 2,
        "windows/sysmon/20": 2,
        "windows/sysmon/21": 2,
        "windows/system": 1,
        "windows/windefend/1116": 6,
        "windows/windefend/1117": 5,
    }


def test_classes_of_flat_events() -> None:
    with zstandard.open(shared_data("otrf/windows-host.jsonl.zst"), "rb") as stream:
        lines = islice(io.BufferedReader(stream), 0, None, 20)
        counts = _counts((flatten(line) for line in lines), LogSource())
    assert sum(counts.values()) == 2998
    assert not [name for name in counts if not name.startswith("windows/")]
    assert counts["windows/other"] == 0
    assert counts["windows/sysmon/12"] > 0  # NXLog's EventType is INFO
    assert counts["windows/sysmon/12/add"] > counts["windows/sysmon/12/delete"] > 0


def test_classes_of_zeek_logs_are_their_paths() -> None:
    for path in sorted(shared_data("zeek").glob("*.json.gz")):
        with gzip.open(path) as stream:
            events = [flatten(line) for line in islice(stream, 200) if line.strip()]
        name = path.name.removesuffix(".json.gz")
        assert {classify(fields, LogSource()).name for fields in events} == {f"zeek/{name}"}, name


def test_classes_of_cloudtrail_records() -> None:
    counts: Counter[str] = Counter()
    with zipfile.ZipFile(shared_data("cloudtrail/cloudtrail.zip")) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                records = json.loads(archive.read(name))["Records"]
                counts += _counts((flatten(json.dumps(record).encode()) for record in records), LogSource())
    assert counts == {"aws/cloudtrail": 2900}
