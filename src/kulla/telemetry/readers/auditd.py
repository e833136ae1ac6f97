"""The Linux audit log (/var/log/audit/audit.log), raw or as ausearch prints it; one event for all records of a serial number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, ClassVar

import orjson

from kulla.model.logsource import LogSource
from kulla.telemetry import audit
from kulla.telemetry.batch import Batch, Source
from kulla.telemetry.lines import Gathering, fits, head_lines, likelihood, slabs, unreadable
from kulla.telemetry.reader import Origin

LOGSOURCE = LogSource(product="linux", service="auditd")
#: Lines that ausearch puts between events.
_SEPARATORS = ("----", "time->")


class AuditdReader:
    """Reads audit logs; an event's number is the position of its first record."""

    name: ClassVar[str] = "auditd"

    def sniff(self, head: bytes) -> int:
        """Return how many of the first lines are audit records."""
        lines = [line for line in head_lines(head) if not line.startswith(_SEPARATORS)]
        sure = likelihood(lines, lambda line: audit.parse(line) is not None)
        return sure + 5 if sure else 0

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; what is no record is an ``unreadable-record``, a record that comes after its event a ``late-record``."""
        gathering = Gathering(Source(origin.path, self.name, LOGSOURCE))
        events = AuditEvents(origin, gathering)
        number = 0
        for slab in slabs(stream, origin):
            number += slab.oversized
            for position, line in enumerate(slab.lines, slab.first):
                if not line or line.isspace() or line.startswith(_SEPARATORS):
                    continue
                record = audit.parse(line)
                if record is None:
                    unreadable(origin, position, line, "no audit record")
                else:
                    yield from events.give(events.window.add_record(number, position, record))
                number += 1
        yield from events.end()
        yield from gathering.rest()


@dataclass(slots=True)
class AuditEvents:
    """Moves finished events from the window into batches.

    Attributes:
        others: what events are that are not made of audit records.
    """

    origin: Origin
    gathering: Gathering
    others: LogSource = LOGSOURCE
    window: audit.Window = field(default_factory=audit.Window)

    def give(self, finished: Iterator[audit.Waiting]) -> Iterator[Batch]:
        """Gather events; yield a batch when it is full."""
        for waiting in finished:
            logsource = LOGSOURCE if waiting.records else self.others
            if logsource != self.gathering.source.logsource:
                yield from self.gathering.rest()
                self.gathering.source = replace(self.gathering.source, logsource=logsource)
            encoded = orjson.dumps(waiting.finished())
            if fits(encoded, waiting.position, self.origin) and self.gathering.add(encoded, waiting.number, waiting.time):
                yield self.gathering.take()

    def end(self) -> Iterator[Batch]:
        """Gather what still waits, and count late records."""
        yield from self.give(self.window.rest())
        if self.window.late:
            message = f"came more than {audit.WAITING_EVENTS} events after the first record of its event; read as an event of its own"
            self.origin.problems.add(self.origin.path, "late-record", message, count=self.window.late)
