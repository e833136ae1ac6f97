"""One predicate against one value, or against the fields of one event: slow, plain and exact.

This is the definition; the kernel must agree with it. The semantics are written down, with their
sources, in docs/reference/sigma.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import islice
from operator import eq, ge, gt, le, lt
from threading import Lock
from typing import Any

from kulla.detection import globs, regexes
from kulla.detection.folding import fold
from kulla.detection.ir import Op, Predicate
from kulla.model import moment
from kulla.telemetry import times
from kulla.telemetry.fields import name_key
from kulla.telemetry.flatten import Fields, Kind, Value

#: A rule's field -> further fields of the event whose values count for it as well; all in name_key form.
Aliases = Mapping[str, tuple[str, ...]]
#: Told of each value for which a regular expression ran out of time.
OnTimeout = Callable[[Predicate], None]

NO_ALIASES: Aliases = {}
#: Values of each of two fields that are compared with each other; an event may have many thousands.
PAIRED_VALUES = 1000
#: Characters of a value that can be a number or an address.
_SHORT = 400
#: Values up to this length are remembered folded.
_REMEMBERED = 1024

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_WRITTEN_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,][0-9]+)? ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2})?", re.IGNORECASE
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TEXT = (Kind.NULL, Kind.CONTAINER)


class Timeouts:
    """Counts, for each predicate, the values for which its regular expression ran out of time; usable from several threads."""

    def __init__(self) -> None:
        self._counts: Counter[Predicate] = Counter()
        self._lock = Lock()

    def __call__(self, predicate: Predicate) -> None:
        """Count one value."""
        with self._lock:
            self._counts[predicate] += 1

    def taken(self) -> dict[Predicate, int]:
        """Return the counts and begin anew."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(counts)


def holds(predicate: Predicate, value: Value, on_timeout: OnTimeout | None = None) -> bool:
    """Return whether one value satisfies a predicate.

    Args:
        predicate: any but EXISTS, NULL and FIELD_*, which ask about the event.
        value: null and containers satisfy none.
        on_timeout: told when a regular expression ran out of time, which counts as no match.

    Raises:
        RuleError: a regular expression that no engine can read (translation refuses such rules).
    """
    if value.kind in _NO_TEXT:
        return False
    if predicate.op is Op.REGEX:
        return _searches(predicate, value.text, on_timeout)
    return _TESTS[predicate.op](predicate, value.text)


def holds_in(predicate: Predicate, fields: Fields, aliases: Aliases = NO_ALIASES, on_timeout: OnTimeout | None = None) -> bool:
    """Return whether an event satisfies a predicate of any kind."""
    return satisfying(predicate, fields, aliases, on_timeout) is not None


def satisfying(
    predicate: Predicate, fields: Fields, aliases: Aliases = NO_ALIASES, on_timeout: OnTimeout | None = None
) -> tuple[str, str] | None:
    """Return the first (field, value) that satisfies a predicate, None where none does.

    The field is written as the rule writes it, for a predicate on any field as the event has it (name_key form).
    The value of NULL is "".
    """
    if predicate.field is None:
        named = ((name, value) for name, values in fields.values.items() for value in values)
        return next(((name, value.text) for name, value in named if holds(predicate, value, on_timeout)), None)
    values = values_of(predicate.field, fields, aliases)
    match predicate.op:
        case Op.NULL:
            return (predicate.field, "") if all(value.kind is Kind.NULL for value in values) else None
        case Op.EXISTS:
            found = next(iter(values), None)
        case Op.FIELD_EQUALS | Op.FIELD_CONTAINS | Op.FIELD_STARTSWITH | Op.FIELD_ENDSWITH:
            found = _paired(predicate, values, values_of(predicate.text, fields, aliases))
        case _:
            found = next((value for value in values if holds(predicate, value, on_timeout)), None)
    return None if found is None else (predicate.field, found.text)


def values_of(field: str, fields: Fields, aliases: Aliases = NO_ALIASES) -> list[Value]:
    """Return the values of the event that count for a rule's field, those of its own name first."""
    key = _key(field)
    own = fields.values.get(key, [])
    others = aliases.get(key)
    return own if not others else [*own, *(value for other in others for value in fields.values.get(other, []))]


_key = lru_cache(maxsize=16_384)(name_key)


def folded(text: str) -> str:
    """Return ``fold(text)``, remembered for texts of usual length."""
    return _folded(text) if len(text) <= _REMEMBERED else fold(text)


_folded = lru_cache(maxsize=65_536)(fold)


def _compared(predicate: Predicate, text: str) -> tuple[str, str]:
    """Return the value and the rule's text, folded unless case matters."""
    return (text, predicate.text) if predicate.cased else (folded(text), folded(predicate.text))


def _equals(predicate: Predicate, text: str) -> bool:
    value, wanted = _compared(predicate, text)
    return value == wanted


def _contains(predicate: Predicate, text: str) -> bool:
    value, wanted = _compared(predicate, text)
    return wanted in value


def _startswith(predicate: Predicate, text: str) -> bool:
    value, wanted = _compared(predicate, text)
    return value.startswith(wanted)


def _endswith(predicate: Predicate, text: str) -> bool:
    value, wanted = _compared(predicate, text)
    return value.endswith(wanted)


def _wildcard(predicate: Predicate, text: str) -> bool:
    value, wanted = _compared(predicate, text)
    return globs.matches(wanted, value)


def _searches(predicate: Predicate, text: str, on_timeout: OnTimeout | None) -> bool:
    try:
        return regexes.compiled(predicate.text, predicate.flags).search(text)
    except TimeoutError:
        if on_timeout is not None:
            on_timeout(predicate)
        return False


@lru_cache(maxsize=16_384)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)


def _in_network(predicate: Predicate, text: str) -> bool:
    """Return whether the text is an address in the network; an IPv4 address mapped into IPv6 counts as itself."""
    address = _address(text)
    network = _network(predicate.text)
    if isinstance(address, IPv6Address) and network.version == 4:  # noqa: PLR2004 - the version's name
        address = address.ipv4_mapped
    return address is not None and address in network


def _address(text: str) -> IPv4Address | IPv6Address | None:
    if len(text) > _SHORT:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def number(text: str) -> Decimal | None:
    """Return the number that a text is in full, None for any other text; exact whatever its size."""
    if len(text) > _SHORT or not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern admits only what Decimal reads
        return None


_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {"": eq, "lt": lt, "lte": le, "gt": gt, "gte": ge}


def _ordered(predicate: Predicate, text: str) -> bool:
    value, limit = number(text), number(predicate.text)
    return value is not None and limit is not None and _ORDERINGS[predicate.op.name.lower()](value, limit)


def _time_part(predicate: Predicate, text: str) -> bool:
    part, _, ordering = predicate.flags.partition(" ")
    written = time_as_written(text)
    return written is not None and _ORDERINGS[ordering](_PARTS[part](written), int(predicate.text))


_PARTS: dict[str, Callable[[datetime], int]] = {
    "minute": lambda time: time.minute,
    "hour": lambda time: time.hour,
    "day": lambda time: time.day,
    "week": lambda time: time.isocalendar().week,
    "month": lambda time: time.month,
    "year": lambda time: time.year,
}


@lru_cache(maxsize=4096)
def time_as_written(text: str) -> datetime | None:
    """Return the date and clock that a text shows, without regard to its offset; None for any other text.

    The Modifiers Appendix asks for no conversion between time zones. Numbers since 1970 are shown in UTC.
    """
    if len(text) > _SHORT:
        return None
    match = _WRITTEN_TIME.fullmatch(text.strip())
    found = times.any_text(f"{match[1]}T{match[2]}" if match else text)
    if found == moment.UNKNOWN:
        return None
    try:
        return _EPOCH + timedelta(microseconds=found)
    except OverflowError:
        return None


def _paired(predicate: Predicate, values: Iterable[Value], others: Iterable[Value]) -> Value | None:
    """Return the first value that stands in the asked relation to any value of the other field."""
    test = _TESTS[_RELATIONS[predicate.op]]
    wanted = [Predicate(predicate.field, predicate.op, other.text, predicate.cased) for other in _texts(others)]
    return next((value for value in _texts(values) if any(test(one, value.text) for one in wanted)), None)


def _texts(values: Iterable[Value]) -> Iterator[Value]:
    return islice((value for value in values if value.kind not in _NO_TEXT), PAIRED_VALUES)


_RELATIONS = {
    Op.FIELD_EQUALS: Op.EQUALS,
    Op.FIELD_CONTAINS: Op.CONTAINS,
    Op.FIELD_STARTSWITH: Op.STARTSWITH,
    Op.FIELD_ENDSWITH: Op.ENDSWITH,
}

_TESTS: dict[Op, Callable[[Predicate, str], bool]] = {
    Op.EQUALS: _equals,
    Op.CONTAINS: _contains,
    Op.STARTSWITH: _startswith,
    Op.ENDSWITH: _endswith,
    Op.WILDCARD: _wildcard,
    Op.CIDR: _in_network,
    Op.LT: _ordered,
    Op.LTE: _ordered,
    Op.GT: _ordered,
    Op.GTE: _ordered,
    Op.TIME_PART: _time_part,
}
