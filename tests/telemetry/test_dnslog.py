"""Query logs of name servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.telemetry.dns_messages import bind_query, dnsmasq_query, unbound_query
from kulla.telemetry.readers.dnslog import DnsReader, parse
from tests.telemetry.golden_pairs import check_golden, inputs
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all

LINE = (
    b"7/15/2022 9:14:03 AM 0E2C PACKET  000000D9A5D0B8A0 UDP Rcv 192.0.2.7       0a1b   Q [0001   D   NOERROR] A      "
    b"(6)portal(7)example(0)\n"
)


def test_contract() -> None:
    check_reader(DnsReader(), Sample(body=LINE * 2 + LINE.replace(b"(6)portal", b"(6)portal" * 200)))


@pytest.mark.parametrize("source", inputs("dns"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(DnsReader(), source)


@given(st.lists(st.text("abc-", min_size=1, max_size=20), min_size=1, max_size=6))
def test_names_come_back(labels: list[str]) -> None:
    name = "".join(f"({len(label)}){label}" for label in labels) + "(0)"
    parsed = parse(LINE.decode().replace("(6)portal(7)example(0)", name).rstrip())
    assert parsed is not None
    assert parsed.fields["query"] == ".".join(labels)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_counted(noise: bytes) -> None:
    for head in (b"", LINE[:40], b"15-Jul-2022 09:14:03.120 client "):
        check_form(read_all(DnsReader(), head + noise))


def test_hostile_lines_take_linear_time() -> None:
    for piece in ("a", " ", "(1)", "#", "client ", ": "):
        parse(LINE.decode()[:60] + piece * 100_000)
        for understands in (bind_query, dnsmasq_query, unbound_query):
            understands("client 192.0.2.7#1 " + piece * 100_000)
            understands(piece * 100_000)
