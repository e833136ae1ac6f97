"""Which log sources an event answers to: the table, the slow classifier, and what a site may add.

How an event gets its class (the kernel does the same):

1. The probes are tried in the order of ``Catalogue.probes``. A probe looks at the first text, number or boolean of its
   field, and of its second field where it has one; comparison is by ``fold``.
2. Within a probe the closest known pair wins: (value, second), (value, ANY), (value, None), (ANY, ANY), (ANY, None).
   ANY as second wants the second field to have some value, None does not look at it. A class whose ``requires`` does not
   cover the base log source is not known there; of two classes that claim the same pair the earlier wins.
3. The first probe that knows the event decides. If none does, the class of the base log source alone.

A rule is evaluated on an event when its log source covers one of the class's sources, and its fields see the values of
their aliases too (``EventClass.answers``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from kulla.detection.eventclass import ANY, EventClass, Match, Probe
from kulla.detection.folding import fold
from kulla.detection.logsource_file import load_logsources
from kulla.detection.logsource_tables import applications, cloud, endpoint, linux, network, web, windows
from kulla.model.logsource import LogSource
from kulla.telemetry.flatten import Fields

__all__ = [
    "ANY",
    "CLASSES",
    "PROBES",
    "UNKNOWN",
    "Catalogue",
    "EventClass",
    "Match",
    "Probe",
    "builtin",
    "classify",
    "fallback_class",
    "load_logsources",
    "reachable",
]

#: What one probe knows: (folded value or ANY, folded second or ANY or None) -> class.
Entries = dict[tuple[str, str | None], EventClass]

PROBES: tuple[Probe, ...] = (
    windows.EVENT_TYPE,
    windows.CHANNEL,
    windows.PROVIDER,
    network.ZEEK,
    network.SURICATA,
    cloud.CLOUDTRAIL,
    cloud.M365,
    cloud.RISK,
    cloud.AZURE,
    cloud.SIGN_IN,
    cloud.DIRECTORY_AUDIT,
    cloud.GCP,
    cloud.GCP_EXPORT,
    cloud.WORKSPACE_REPORT,
    cloud.OKTA,
    cloud.ONELOGIN,
    cloud.GITHUB,
    cloud.BITBUCKET,
    cloud.KUBERNETES,
    cloud.DUO,
    applications.OPENCANARY,
    network.FORTIGATE,
    cloud.TABLE,
    cloud.DATASET,
    endpoint.ACTION,
    linux.EXECUTES,
    linux.CREATES,
    linux.CONNECTS,
    linux.PROGRAM,
    linux.IDENTIFIER,
    windows.ANY_CHANNEL,
)

CLASSES: tuple[EventClass, ...] = (
    *windows.CLASSES,
    *network.CLASSES,
    *cloud.CLASSES,
    *applications.CLASSES,
    *endpoint.CLASSES,
    *web.CLASSES,
    *linux.CLASSES,
)

UNKNOWN = EventClass("unknown", (LogSource(),))


class Catalogue:
    """Classes in order of precedence, arranged for lookup.

    Attributes:
        classes: a site's own first.
        probes: in the order in which they are tried; a site's own first.
    """

    __slots__ = ("_fallbacks", "_reachable", "_tables", "classes", "probes")

    def __init__(self, site: tuple[EventClass, ...] = ()) -> None:
        self.classes = (*site, *CLASSES)
        own = dict.fromkeys(match.probe for each in site for match in each.matches)
        self.probes = (*(probe for probe in own if probe not in PROBES), *PROBES)
        self._tables: dict[LogSource, tuple[Entries, ...]] = {}
        self._fallbacks: dict[LogSource, EventClass] = {}
        self._reachable: dict[LogSource, bool] = {}

    def table(self, base: LogSource) -> tuple[Entries, ...]:
        """Return what each of ``probes`` knows about events whose reader says ``base``."""
        if base not in self._tables:
            self._tables[base] = tuple(self._entries(probe, base) for probe in self.probes)
        return self._tables[base]

    def _entries(self, probe: Probe, base: LogSource) -> Entries:
        entries: Entries = {}
        for each in self.classes:
            for match in each.matches:
                if match.probe == probe and each.requires.covers(base):
                    entries.setdefault(_key(match), each)
        return entries

    def fallback(self, base: LogSource) -> EventClass:
        """Return the class of an event of which only its reader's log source is known."""
        if base not in self._fallbacks:
            known = next((each for each in self.classes if each.sources[0] == base), None)
            self._fallbacks[base] = known or self._made_up(base)
        return self._fallbacks[base]

    def classes_for(self, bases: Iterable[LogSource]) -> tuple[EventClass, ...]:
        """Return every class that ``classify`` can give: ``classes``, the made-up ones of ``bases``, and last UNKNOWN."""
        made_up = (self.fallback(base) for base in bases)
        return tuple(dict.fromkeys((*self.classes, *(each for each in made_up if each is not UNKNOWN), UNKNOWN)))

    def reaches(self, rule: LogSource) -> bool:
        """Return whether there is a class to which a rule with this log source applies."""
        if rule not in self._reachable:
            self._reachable[rule] = any(each.covered_by(rule) for each in self.classes)
        return self._reachable[rule]

    def _made_up(self, base: LogSource) -> EventClass:
        """Return a class for a log source that is no class's own, with the aliases of the closest wider one."""
        parts = (base.product, base.category, base.service)
        if not any(parts):
            return UNKNOWN
        wider = [each for each in self.classes if each.sources[0].covers(base)]
        aliases = max(wider, key=lambda each: _narrowness(each.sources[0])).aliases if wider else ()
        return EventClass("base/" + "/".join(part or ANY for part in parts), (base,), aliases=aliases)


@cache
def builtin() -> Catalogue:
    """Return the catalogue without a site's additions."""
    return Catalogue()


def classify(fields: Fields, base: LogSource, catalogue: Catalogue | None = None) -> EventClass:
    """Return the class of an event by the rules at the top of this module; never fails."""
    known = catalogue or builtin()
    for probe, entries in zip(known.probes, known.table(base), strict=True):
        if entries:
            found = _look_up(fields, probe, entries)
            if found is not None:
                return found
    return known.fallback(base)


def fallback_class(base: LogSource) -> EventClass:
    """Return the class of an event of which only its reader's log source is known, without a site's additions."""
    return builtin().fallback(base)


def reachable(rule: LogSource, catalogue: Catalogue | None = None) -> bool:
    """Return whether Kulla knows of a kind of event to which a rule with this log source applies.

    A rule that is reachable but met no such event: the log source is absent in this data. One that is not reachable: the
    log source is not known to Kulla, and a site's own table is needed (``load_logsources``).
    """
    return (catalogue or builtin()).reaches(rule)


def _look_up(fields: Fields, probe: Probe, entries: Entries) -> EventClass | None:
    value = fields.text(probe.field)
    if value is None:
        return None
    second = fields.text(probe.second) if probe.second else None
    return next((entries[key] for key in _keys(fold(value), second) if key in entries), None)


def _keys(value: str, second: str | None) -> Iterator[tuple[str, str | None]]:
    """Yield what to look for, the closest first."""
    if second is not None:
        yield value, fold(second)
        yield value, ANY
    yield value, None
    if second is not None:
        yield ANY, ANY
    yield ANY, None


def _key(match: Match) -> tuple[str, str | None]:
    return fold(match.value), None if match.second is None else fold(match.second)


def _narrowness(source: LogSource) -> tuple[bool, bool, bool]:
    """Order log sources by what says most about an event's fields: its service, then its category, then its product."""
    return source.service is not None, source.category is not None, source.product is not None
