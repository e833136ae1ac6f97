"""Defanged values, and types told by the form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.detection.indicators.forms import is_type_word, refang, terms_by_form, terms_by_word, type_word


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("hxxp://a[.]example", "http://a.example"),
        ("hXXps[://]a[.]example/x", "https://a.example/x"),
        ("h**p://a.example", "http://a.example"),
        ("meow://a.example", "http://a.example"),
        ("hxxp[:]//a.example", "http://a.example"),
        ("a(.)b{.}c[dot]example", "a.b.c.example"),
        ("a[.example", "a.example"),
        ("192.0.2[.]1", "192.0.2.1"),
        ("192\\.0\\.2\\.1", "192.0.2.1"),
        ("joe[at]a.example", "joe@a.example"),
        ("joe(@)a.example", "joe@a.example"),
        ("http://a.example[/]x", "http://a.example/x"),
        ('"a.example"', "a.example"),
        ("C:\\Temp\\.hidden\\x.exe", "C:\\Temp\\.hidden\\x.exe"),
        ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x"),
        ("plain.example", "plain.example"),
    ],
)
def test_refang(text: str, meant: str):
    assert refang(text) == meant


@given(st.text(alphabet="hxtp:/.[](){}@ atdo\\m3", max_size=40))
def test_refanging_what_is_whole_changes_nothing(text: str):
    whole = refang(text)
    if not set("[](){}\\*") & set(whole) and not whole.lower().startswith(("hx", "meow")):
        assert refang(whole) == whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", [("ipv4-addr", "192.0.2.1", False)]),
        ("192.0.2.1:443", [("ipv4-addr", "192.0.2.1", False)]),
        ("192.0.2.130/25", [("ipv4-addr", "192.0.2.128/25", False)]),
        ("192.0.2.1/32", [("ipv4-addr", "192.0.2.1", False)]),
        ("::ffff:192.0.2.1", [("ipv4-addr", "192.0.2.1", False)]),
        ("[2001:DB8::1]:443", [("ipv6-addr", "2001:db8::1", False)]),
        ("2001:db8:1::/33", [("ipv6-addr", "2001:db8::/33", False)]),
        ("192.0.2.256", []),
        ("192.0.02.1", []),
        ("1.2.3.4.5", []),
        ("192.0.2.0/33", []),
        ("face.cc", [("domain-name", "face.cc", True)]),
        ("dead.example:8080", [("domain-name", "dead.example", True)]),
        ("bad.cc:443", [("domain-name", "bad.cc", True)]),
        ("Example.EXAMPLE.", [("domain-name", "example.example", True)]),
        ("*.al", [("domain-name", "al", True)]),
        ("localhost", []),
        ("HTTP://User@A.Example:80/P?q#f", [("url", "http://a.example/p?q", False)]),
        ("https://a.example", [("url", "https://a.example/", False)]),
        ("http:///x", []),
        ("a.example/x", [("url", "http://a.example/x", False), ("url", "https://a.example/x", False)]),
        ("evil.exe", [("file:name", "evil.exe", False)]),
        ("run.sh", [("domain-name", "run.sh", True), ("file:name", "run.sh", False)]),
        ("\\\\srv\\share\\x.exe", [("file:path", "\\\\srv\\share\\x.exe", False)]),
        ("/tmp/.x/miner", [("file:path", "/tmp/.x/miner", False)]),
        ("HKEY_LOCAL_MACHINE\\Software\\X\\", [("windows-registry-key", "hklm\\software\\x", False)]),
        ("HKU\\S-1-5-21-1\\Software\\X", [("windows-registry-key", "hkcu\\software\\x", False)]),
        ("Joe@A.Example", [("email-addr", "joe@a.example", False)]),
        ("A" * 32, [("file:hashes.MD5", "a" * 32, False)]),
        ("b" * 128, [("file:hashes.SHA-512", "b" * 128, False)]),
        ("b" * 33, []),
        ("two words", []),
        ("", []),
    ],
)
def test_types_by_form(text: str, expected: list[tuple[str, str, bool]]):
    assert [(str(one.observable.type), one.observable.value, one.tree) for one in terms_by_form(text)] == expected


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("IP Address", "192.0.2.1", ["ipv4-addr"]),
        ("ip_dst", "2001:db8::1", ["ipv6-addr"]),
        ("FileHash-SHA256", "ab" * 32, ["file:hashes.SHA-256"]),
        ("hash", "ab" * 20, ["file:hashes.SHA-1"]),
        ("sha256", "ab" * 20, []),
        ("imphash", "ab" * 16, ["file:hashes.IMPHASH"]),
        ("filename", "C:\\x\\y.exe", ["file:path"]),
        ("filename", "y.exe", ["file:name"]),
        ("mutex", "Global\\xyz", ["mutex"]),
        ("uri", "a.example/x", ["url", "url"]),
        ("colour", "red", []),
    ],
)
def test_types_by_word(word: str, text: str, expected: list[str]):
    assert [str(one.observable.type) for one in terms_by_word(type_word(word), text)] == expected
    assert is_type_word(type_word(word)) or not expected


@given(st.text(max_size=60))
def test_any_text_has_terms_or_none(text: str):
    for term in terms_by_form(text):
        assert term.observable.value
