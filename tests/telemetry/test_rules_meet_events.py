"""SigmaHQ's rules fire on what the text readers make of a log: names, log sources and values fit each other."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path

import pytest

from kulla.detection.engine import Engine
from kulla.detection.sigma.load import load_rules
from kulla.model.problem import Problems
from kulla.telemetry.reader import Origin
from kulla.telemetry.readers import reader
from tests.shared_data import shared_data
from tests.telemetry.golden_pairs import MODIFIED, ROOT

EXPECTED = {
    "auditd/raw.log": {"Suspicious C2 Activities", "Disable System Firewall", "Linux Keylogging with Pam.d"},
    "dns/bind.log": {"Cobalt Strike DNS Beaconing"},
    "dns/windows.log": {"Cobalt Strike DNS Beaconing"},
    "exchange/httpproxy.log": {"Successful Exchange ProxyShell Attack"},
    "iis/two_layouts.log": {"Exchange Exploitation Used by HAFNIUM"},
    "iis/proxy.log": {".Class Extension URI Ending Request"},
    "squid/access.log": {".Class Extension URI Ending Request"},
    "syslog/cisco.log": {"Cisco Clear Logs", "Cisco BGP Authentication Failures"},
    "syslog/fortigate.log": {"FortiGate - New Administrator Account Created"},
    "syslog/iso.log": {"Relevant ClamAV Message"},
    "syslog/linux.log": {
        "Sudo Privilege Escalation CVE-2019-14287 - Builtin",
        "Privileged User Has Been Created",
        "Suspicious Log Entries",
    },
    "syslog/mixed_audit.log": {"Curl Usage on Linux"},
    "syslog/sysmon.log": {"Curl Usage on Linux"},
    "weblog/apache_error.log": {"Apache Segmentation Fault"},
    "weblog/nginx_error.log": {"Nginx Core Dump"},
}


@cache
def _engine(path: Path) -> Engine:
    rules = load_rules([str(path)]).rules
    wanted = set().union(*EXPECTED.values())
    return Engine([rule for rule in rules if rule.title in wanted], None)


@pytest.mark.parametrize(("sample", "titles"), EXPECTED.items(), ids=EXPECTED)
def test_rules_fire(sample: str, titles: set[str]) -> None:
    engine = _engine(shared_data("sigma/sigma_rules.zip"))
    source = ROOT / sample
    batches = reader(source.parent.name).read(io.BytesIO(source.read_bytes()), Origin(sample, Problems(), MODIFIED))
    lines = [line for batch in batches for line in engine.scan(batch).lines.splitlines()]
    assert {json.loads(line)["rule"]["title"] for line in lines} == titles
