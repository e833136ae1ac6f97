"""The intermediate representation: what a rule asks, free of Sigma's spelling.

A rule is a tree of ``And``, ``Or``, ``Not`` over predicates. A predicate asks one thing of one
field. The oracle evaluates this tree as it stands; the compiler turns it into tables
for the kernel; both must agree on every event.

Semantics (docs/reference/sigma.md):

* An event's field has a list of values (a list in the source, or the same key twice).
  A predicate holds when any value satisfies it. A missing field satisfies only ``NULL``.
* Text compares without regard to case by ``kulla.detection.folding.fold`` unless ``cased``.
* Numbers and booleans are compared by their JSON text for text predicates; the ordering
  predicates need a number on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from kulla.model.logsource import LogSource


class Op(IntEnum):
    """What a predicate asks of a value; ``text`` is the predicate's right-hand side."""

    EQUALS = 0
    CONTAINS = 1
    STARTSWITH = 2
    ENDSWITH = 3
    WILDCARD = 4  # text is a glob: * any run, ? one character, backslash escapes * ? and itself
    REGEX = 5  # text is the expression, flags a subset of "ims"; search, not full match
    CIDR = 6  # text is an IPv4 or IPv6 network
    LT = 7  # text is a number
    LTE = 8
    GT = 9
    GTE = 10
    EXISTS = 11  # the key is present, whatever its value, null included
    NULL = 12  # no value other than JSON null: the field is missing or null
    FIELD_EQUALS = 13  # text is the name of another field of the same event; any pair of values
    FIELD_CONTAINS = 14
    FIELD_STARTSWITH = 15
    FIELD_ENDSWITH = 16
    TIME_PART = 17  # the value is a time; flags names the part (minute, hour, day, week, month, year), perhaps an ordering
    # after a blank ("hour gte"); text is the number


@dataclass(frozen=True, slots=True)
class Predicate:
    """One question to one field.

    Attributes:
        field: as the rule writes it; None asks every value of the event (keywords).
        op: the question.
        text: the right-hand side; "" for EXISTS and NULL.
        cased: compare with regard to case.
        flags: regex flags or the time part.
    """

    field: str | None
    op: Op
    text: str = ""
    cased: bool = False
    flags: str = ""


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; true when empty."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; false when empty."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Node


Node = Predicate | And | Or | Not


@dataclass(frozen=True, slots=True)
class Rule:
    """One Sigma rule, ready to be evaluated.

    Attributes:
        id: the rule's UUID, or a name-based one derived from its text where it has none.
        name: Sigma's ``name``, by which correlations may refer to it.
        logsource: what it wants.
        tree: what it asks.
        silent: only feeds correlations; gives no detection of its own.
        path, line: where it stands, for people.
        description, falsepositives, references, author: shown by reports.
        kind: of its detections: "sigma", or "indicator" for a pattern of an indicator.
    """

    id: str
    title: str
    logsource: LogSource
    tree: Node
    level: str = "informational"
    status: str = "unsupported"
    tags: tuple[str, ...] = ()
    name: str | None = None
    silent: bool = False
    path: str = ""
    line: int = 0
    description: str = ""
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    author: str = ""
    fields: tuple[str, ...] = ()
    kind: str = "sigma"


def predicates(node: Node) -> list[Predicate]:
    """Return the predicates of a tree from left to right, repeated ones repeated."""
    match node:
        case Predicate():
            return [node]
        case Not(part):
            return predicates(part)
        case And(parts) | Or(parts):
            return [found for part in parts for found in predicates(part)]
