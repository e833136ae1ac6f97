"""What an event can be, as plain data: probes recognise it, a class says which log sources and field names it answers to."""

from __future__ import annotations

from dataclasses import dataclass

from kulla.model.logsource import LogSource
from kulla.telemetry.fields import name_key

#: A pattern of a Match that any value of the field satisfies; the field must have one.
ANY = "*"

#: Rule's field -> the event's fields that answer it too, all by the names their sources give them.
Aliases = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to recognise an event: a field, or a pair of fields.

    Attributes:
        field: in name_key form.
        second: the other field of the pair in name_key form; None where one is enough.
    """

    field: str
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The values of one probe that make an event one of a class.

    Attributes:
        probe: which fields are looked at.
        value: the probe's field must have this value (compared folded), or ANY.
        second: the probe's second field must have this value, or ANY; None when it may have any value or be absent.
    """

    probe: Probe
    value: str
    second: str | None = None


@dataclass(frozen=True, slots=True)
class EventClass:
    """One kind of event.

    Attributes:
        name: stable and readable, ``windows/sysmon/1``.
        sources: all that the event is; a rule applies when its log source covers one of them. The first is the
            class's own: a reader that says exactly this of its events gives this class.
        matches: how it is recognised; empty when only a reader can tell.
        aliases: a rule's field is answered by these fields of the event as well as by the field of its own name;
            the rule sees the values of all of them.
        requires: recognised only in events whose reader gave a log source that this covers; open: always.
    """

    name: str
    sources: tuple[LogSource, ...]
    matches: tuple[Match, ...] = ()
    aliases: Aliases = ()
    requires: LogSource = LogSource()

    def covered_by(self, rule: LogSource) -> bool:
        """Return whether a rule with this log source applies to events of this class."""
        return any(rule.covers(source) for source in self.sources)

    def answers(self, field: str) -> tuple[str, ...]:
        """Return the name_keys of the event's fields that answer a rule's ``field``, its own first."""
        key = name_key(field)
        others = (name for rule_field, names in self.aliases if name_key(rule_field) == key for name in names)
        return tuple(dict.fromkeys((key, *map(name_key, others))))
