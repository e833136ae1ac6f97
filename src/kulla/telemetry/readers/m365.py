"""Microsoft 365 unified audit log as Purview and Search-UnifiedAuditLog export it: CSV whose column ``AuditData`` is the record as JSON.

Schema: https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

import orjson

from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.telemetry import times
from kulla.telemetry.batch import Batch, Source
from kulla.telemetry.delimited import Records, named, split, unique_names
from kulla.telemetry.lines import Gathering, fits, head_lines, slabs, unreadable
from kulla.telemetry.reader import Origin

LOGSOURCE = LogSource(product="m365", service="audit")
_TIME_FIELDS = ("CreationTime", "CreationDate")


class M365CsvReader:
    """Reads the CSV form; each event is the object in ``AuditData`` with the other columns beside it."""

    name: ClassVar[str] = "m365csv"

    def sniff(self, head: bytes) -> int:
        """Return 100 for a header with ``AuditData`` and a column of operations."""
        lines = [line for line in head_lines(head) if not line.startswith("#TYPE ")]
        names = set(unique_names(_cells(lines[0]))) if lines else set()
        return 100 if "AuditData" in names and names & {"Operations", "Operation", "RecordType"} else 0

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; a row whose ``AuditData`` is no JSON object is given as it is and counted as ``unreadable-record``."""
        reading = _Reading(origin, Records(",", origin), Gathering(Source(origin.path, self.name, LOGSOURCE)))
        for slab in slabs(stream, origin):
            reading.number += slab.oversized if reading.names else 0
            for position, line in enumerate(slab.lines, slab.first):
                if reading.names:
                    yield from reading.rows(reading.records.add(position, line))
                elif line.strip() and not line.startswith("#TYPE "):
                    reading.names = unique_names(_cells(line))
        yield from reading.rows(reading.records.end())
        yield from reading.gathering.rest()


def _cells(record: str) -> list[str]:
    try:
        return split(record.replace("\r", ""), ",")
    except csv.Error:  # a cell longer than RECORD_BYTES
        return record.split(",")


@dataclass(slots=True)
class _Reading:
    """State of one file."""

    origin: Origin
    records: Records
    gathering: Gathering
    names: tuple[str, ...] = ()
    number: int = 0

    def rows(self, records: Iterator[tuple[int, str]]) -> Iterator[Batch]:
        """Read complete records."""
        for position, record in records:
            if not record.strip():
                continue
            number, self.number = self.number, self.number + 1
            event, fields = self._event(position, record)
            if fits(event, position, self.origin) and self.gathering.add(event, number, _time(fields)):
                yield self.gathering.take()

    def _event(self, position: int, record: str) -> tuple[bytes, dict[str, Any]]:
        """Return the event as JSON and as fields; one whose ``AuditData`` cannot be read keeps it as text."""
        columns: dict[str, Any] = named(self.names, _cells(record))
        try:
            audit = orjson.loads(columns.get("AuditData", ""))
            fields = {**columns, **audit}
            del fields["AuditData"]
            return orjson.dumps(fields), fields
        except (TypeError, orjson.JSONDecodeError) as error:  # TypeError: no object, or nested too deeply to be written again
            unreadable(self.origin, position, record, f"AuditData is no JSON object ({error})")
            return orjson.dumps(columns), columns


def _time(fields: dict[str, Any]) -> int:
    texts = (fields.get(name) for name in _TIME_FIELDS)
    return next((times.any_text(text) for text in texts if isinstance(text, str)), moment.UNKNOWN)
