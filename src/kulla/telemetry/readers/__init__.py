"""The readers: one explicit list, each loaded when it is first needed.

A new format is one file here with one class that keeps the contract of ``kulla.telemetry.reader`` and one
line in ``READERS``. A reader whose optional dependency is missing makes only its own format unreadable.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from kulla.model.errors import UsageError
from kulla.telemetry.reader import Reader

#: Name (also of ``--format-in``) to "module:class". Where two readers are equally sure, the first one reads.
READERS: dict[str, str] = {
    "evtx": "evtx:EvtxReader",
    "evtx-xml": "evtx_xml:EvtxXmlReader",
    "jsonl": "jsonl:JsonlReader",
    "json": "json_array:JsonArrayReader",
    "zeek": "zeek:ZeekReader",
    "iis": "iis:IisReader",
    "exchange": "exchange:ExchangeReader",
    "m365csv": "m365:M365CsvReader",
    "auditd": "auditd:AuditdReader",
    "weblog": "weblog:WeblogReader",
    "squid": "squid:SquidReader",
    "dns": "dnslog:DnsReader",
    "syslog": "syslog:SyslogReader",
    "csv": "csvlog:CsvReader",
}


@cache
def reader(name: str) -> Reader:
    """Return the reader of that name.

    Raises:
        UsageError: there is no such reader.
        ImportError: it needs a package that is not installed.
    """
    if name not in READERS:
        raise UsageError(f"no input format is called {name!r}", fix="one of " + ", ".join(READERS))
    module, _, class_name = READERS[name].partition(":")
    return cast("Reader", getattr(import_module(f"{__name__}.{module}"), class_name)())


@cache
def available() -> tuple[tuple[Reader, ...], dict[str, str]]:
    """Return all readers that can be loaded, and for each other one the reason."""
    loaded: list[Reader] = []
    missing: dict[str, str] = {}
    for name in READERS:
        try:
            loaded.append(reader(name))
        except ImportError as error:
            missing[name] = str(error)
    return tuple(loaded), missing


def best(head: bytes) -> Reader | None:
    """Return the reader that is surest of a stream that begins with ``head`` (up to 64 KiB); None when none is."""
    sure, found = 0, None
    for candidate in available()[0]:
        answer = candidate.sniff(head)
        if answer > sure:
            sure, found = answer, candidate
    return found
