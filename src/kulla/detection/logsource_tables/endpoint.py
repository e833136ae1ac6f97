"""Events of endpoint sensors in the Elastic Common Schema, for Windows, Linux and macOS alike.

Actions and fields: Elastic Defend's exported fields (https://www.elastic.co/docs/reference/integrations/endpoint). Windows events that
Winlogbeat ships carry a channel and are recognised by it before these probes are tried.
"""

from __future__ import annotations

from kulla.detection.eventclass import Aliases, EventClass, Match, Probe
from kulla.detection.logsource_tables import windows
from kulla.model.logsource import LogSource

ACTION = Probe("host.os.type", "event.action")

#: (category, actions by product, aliases).
_KINDS: tuple[tuple[str, dict[str, tuple[str, ...]], Aliases], ...] = (
    ("process_creation", {"windows": ("start",), "linux": ("exec",), "macos": ("exec",)}, windows.PROCESS_CREATION),
    ("file_event", {"windows": ("creation", "overwrite"), "linux": ("creation",), "macos": ("creation",)}, windows.FILE),
    (
        "network_connection",
        {"windows": ("connection_attempted",), "linux": ("connection_attempted",), "macos": ("connection_attempted",)},
        windows.NETWORK,
    ),
    ("dns_query", {"windows": ("lookup_requested",)}, windows.DNS),
)

CLASSES: tuple[EventClass, ...] = tuple(
    EventClass(
        f"{product}/endpoint/{category}",
        (LogSource(product, category, "endpoint"),),
        tuple(Match(ACTION, product, action) for action in actions),
        aliases,
    )
    for category, products, aliases in _KINDS
    for product, actions in products.items()
)
