"""Squid's native access log (https://wiki.squid-cache.org/Features/LogFormat), with the names that Sigma's ``proxy`` rules use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

from kulla.model.logsource import LogSource
from kulla.telemetry.batch import Batch
from kulla.telemetry.lines import Parsed, head_lines, likelihood, read_lines
from kulla.telemetry.reader import Origin
from kulla.telemetry.webfields import proxy_fields

PROXY = LogSource(category="proxy")

# Linear: fields of non-blanks between single runs of blanks.
_LINE = re.compile(
    r"(\d{9,11})\.(\d{3}) +(-?\d{1,12}) (\S+) ([A-Z_]+)/(\d{3}) (\d+) ([A-Za-z_-]+|-) (\S+) (\S+) ([A-Z_]+)/(\S+) (\S+)(?: (.*))?",
    re.DOTALL,
)
_AGENT = re.compile(r'"([^"]{0,8192})"$')


class SquidReader:
    """Reads Squid's access.log."""

    name: ClassVar[str] = "squid"

    def sniff(self, head: bytes) -> int:
        """Return how many of the first lines are Squid's."""
        return likelihood(head_lines(head), lambda line: parse(line) is not None)

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; another line is an ``unreadable-record``."""
        return read_lines(stream, origin, self.name, parse)


def parse(line: str) -> Parsed | None:
    """Understand one line; None when it is none of Squid's."""
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return None
    seconds, milliseconds, taken, client, result, status, size, method, url, user, peer, server, mime, more = match.groups()
    fields = {"time": f"{seconds}.{milliseconds}", "time-taken": taken, "c-ip": client, "s-action": result, "sc-status": status}
    fields |= {"sc-bytes": size, "cs-method": method, **proxy_fields(url), "cs-username": user, "s-hierarchy": peer, "r-ip": server}
    fields["rs-content-type"] = mime
    agent = _AGENT.search(more) if more else None
    if agent:
        fields["c-useragent"] = agent[1]
    time = int(seconds) * 1_000_000 + int(milliseconds) * 1000
    return Parsed({name: value for name, value in fields.items() if value not in ("", "-")}, time, PROXY)
