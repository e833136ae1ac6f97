"""Windows events as XML: ``wevtutil qe /f:xml``, the Event Viewer's "Save as XML", ``Get-WinEvent`` with ``ToXml``, Sysmon for Linux."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import orjson

from kulla.model.logsource import LogSource
from kulla.model.text import visible
from kulla.telemetry.batch import RECORD_BYTES, Batch, Source
from kulla.telemetry.encoding import utf8_head, utf8_stream
from kulla.telemetry.event_xml import event_from_xml
from kulla.telemetry.lines import Gathering
from kulla.telemetry.reader import Origin
from kulla.telemetry.streams import CHUNK_BYTES, Readable

_START = re.compile(rb"<Event[\s>]")
_END = b"</Event>"
_SYSTEM = re.compile(rb"<Event(?:\s[^<>]*)?>\s*<System>\s*<Provider\s")
_NAMESPACE = b"http://schemas.microsoft.com/win/2004/08/events/event"


class EvtxXmlReader:
    """Reads events written as XML, with or without one element around them all; gives the nested form that EVTX gives."""

    name: ClassVar[str] = "evtx-xml"

    def sniff(self, head: bytes) -> int:
        """Return 96 for XML that begins with an event, 0 for a log with events among other lines."""
        text = utf8_head(head).lstrip()
        if not text.startswith((b"<Event", b"<?xml")):
            return 0
        return 96 if _SYSTEM.search(text) or (_NAMESPACE in text and _START.search(text)) else 0

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; one that is not well-formed is counted as ``unreadable-record``."""
        gathering = Gathering(Source(origin.path, self.name, LogSource("windows")))
        for number, element in enumerate(_elements(utf8_stream(stream), origin)):
            event = None if element is None else _event(element, number, origin)
            if event is not None and gathering.add(event, number):
                yield gathering.take()
        yield from gathering.rest()


def _elements(stream: Readable, origin: Origin) -> Iterator[bytes | None]:
    """Yield each event's text; None for one that is too long or cut off."""
    data, number = b"", 0
    while piece := stream.read(max(CHUNK_BYTES, len(data))):
        data += piece
        at = 0
        while (start := _START.search(data, at)) is not None:
            end = data.find(_END, start.end())
            if end < 0:
                break
            yield data[start.start() : end + len(_END)]
            at, number = end + len(_END), number + 1
        data = data[start.start() :] if start else data[max(at, len(data) - len(_END)) :]
        if len(data) > RECORD_BYTES:
            origin.problems.add(origin.path, "oversized-record", f"longer than {RECORD_BYTES} bytes", place=f"record {number}")
            yield None
            data, number = data[-len(_END) :], number + 1
    if _START.match(data):
        origin.problems.add(origin.path, "truncated-file", "the last event is not complete", place=f"record {number}")


def _event(element: bytes, number: int, origin: Origin) -> bytes | None:
    place = f"record {number}"
    try:
        text = element.decode("utf-8")
    except UnicodeDecodeError as error:
        text = element.decode("utf-8", "replace")
        origin.problems.add(origin.path, "invalid-utf8", f"bytes replaced: {error.reason}", place=place)
    try:
        event = orjson.dumps(event_from_xml(text))
    except (ValueError, TypeError) as error:
        origin.problems.add(origin.path, "unreadable-record", visible(str(error), 200), place=place)
        return None
    if len(event) > RECORD_BYTES:
        origin.problems.add(origin.path, "oversized-record", f"longer than {RECORD_BYTES} bytes as JSON", place=place)
        return None
    return event
