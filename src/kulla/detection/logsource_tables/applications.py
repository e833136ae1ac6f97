"""Applications that write events of their own form."""

from __future__ import annotations

from kulla.detection.eventclass import ANY, EventClass, Match, Probe
from kulla.model.logsource import LogSource

#: OpenCanary (https://opencanary.readthedocs.io): every event has these two.
OPENCANARY = Probe("logtype", "node_id")

#: Products whose log is plain text: only a reader, or a site's own table, can say that lines come from them.
_TEXT = ("django", "jvm", "nodejs", "python", "ruby_on_rails", "spring", "sql", "velocity")

CLASSES: tuple[EventClass, ...] = (
    EventClass("opencanary", (LogSource("opencanary", "application"),), (Match(OPENCANARY, ANY, ANY),)),
    *(EventClass(f"application/{product}", (LogSource(product, "application"),)) for product in _TEXT),
    EventClass("database", (LogSource(None, "database"),)),
    EventClass("antivirus", (LogSource(None, "antivirus"),)),
)
