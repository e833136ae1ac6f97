"""From an event that a rule has matched to a hit."""

from __future__ import annotations

from collections.abc import Sequence

from kulla.detection.correlation.model import Hit
from kulla.detection.predicates import NO_ALIASES, Aliases, values_of
from kulla.telemetry.envelope import Envelope
from kulla.telemetry.flatten import Fields, Kind


def values_for(fields: Fields, names: Sequence[str], aliases: Aliases = NO_ALIASES) -> dict[str, str | None]:
    """Return the first text, number or boolean of each field, looked up as a rule's fields are; None where there is none."""
    return {name: _first_text(fields, name, aliases) for name in names}


def _first_text(fields: Fields, name: str, aliases: Aliases) -> str | None:
    found = values_of(name, fields, aliases)
    return next((value.text for value in found if value.kind not in (Kind.NULL, Kind.CONTAINER)), None)


def hit_of(rule_id: str, path: str, number: int, envelope: Envelope, values: dict[str, str | None]) -> Hit:
    """Return a hit of an event at position ``number`` of ``path``."""
    return Hit(rule_id, envelope.time, path, number, envelope.record_id, envelope.channel, envelope.host, values)
