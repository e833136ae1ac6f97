"""A set of indicators in columns: a million fit in about 200 MiB, whatever file they came from.

An *indicator* is what a partner or a list said (id, title, level, validity). A *term* is one observable by which it is
seen; an indicator may have several. Indicators and terms are numbered from 0; objects are made
only for the few that match.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from kulla.detection.indicators.broad import too_broad
from kulla.detection.indicators.hashing import NUMBERS, TREE, TYPES
from kulla.model import moment
from kulla.model.level import LEVELS
from kulla.model.observable import MAX_BYTES, Observable, ObservableType
from kulla.model.problem import Problems

#: Names the ids of indicators that have none of their own (RFC 9562, version 5).
NAMESPACE = uuid.UUID("5b0f0c9e-6a0e-4c53-9d43-6c1c6f3f7f0a")
#: Level of an indicator that says nothing of its weight.
DEFAULT_LEVEL = "medium"
#: Indicators of a set at the most.
MAX_INDICATORS = 16_000_000
#: Bytes of all terms, or of all ids and titles: positions are kept in 32 bits, and the last indicator needs room.
_MAX_TEXT = 2**32 - 2**28
#: Patterns that need a search and not a comparison; each costs as much as a Sigma rule.
MAX_SEARCHES = 10_000
#: Characters of a title that are kept.
_TITLE = 200
#: Bytes of an id that are kept.
_ID = 255


class SearchKind(StrEnum):
    """How a search's text is read (STIX 2.1, 9.6.1)."""

    LIKE = "LIKE"  # % any run, _ one character
    MATCHES = "MATCHES"  # a regular expression, found anywhere


@dataclass(frozen=True, slots=True)
class Search:
    """A pattern that no table can answer.

    Attributes:
        type: the observables it is asked of.
        kind: how ``text`` is read.
        text: as the pattern has it.
        indicator: number of the indicator.
    """

    type: ObservableType
    kind: SearchKind
    text: str
    indicator: int


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator, made on demand.

    Attributes:
        id: STIX id, or one derived from the observable.
        title: its name; for lists the observable and the file.
        level: one of Sigma's levels.
        tags: labels and markings (``tlp:amber``).
        valid_from, valid_until: microseconds UTC, ``moment.UNKNOWN`` where open.
        path: the file it came from.
    """

    id: str
    title: str
    level: str
    tags: tuple[str, ...]
    valid_from: int
    valid_until: int
    path: str


@dataclass(frozen=True, slots=True)
class Term:
    """One observable of an indicator.

    Attributes:
        observable: for addresses also a network.
        tree: a domain that stands for its subdomains too.
    """

    observable: Observable
    tree: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """What an indicator says besides its terms; ``Indicator`` tells what the attributes mean.

    Attributes:
        modified: microseconds UTC; of two versions of one id the later one counts.
        revoked: withdrawn by its author, all versions of it (STIX 2.1, 3.6).
    """

    id: str = ""
    title: str = ""
    level: str = DEFAULT_LEVEL
    tags: tuple[str, ...] = ()
    valid_from: int = moment.UNKNOWN
    valid_until: int = moment.UNKNOWN
    modified: int = 0
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Texts:
    """Many texts in one run of bytes: ``data[starts[i]:starts[i] + sizes[i]]``."""

    data: bytes
    starts: NDArray[np.uint32]
    sizes: NDArray[np.uint16]

    def __getitem__(self, index: int) -> str:
        start = int(self.starts[index])
        return self.data[start : start + int(self.sizes[index])].decode("utf-8")

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return len(self.data) + self.starts.nbytes + self.sizes.nbytes


@dataclass(frozen=True, slots=True)
class IndicatorSet:
    """All indicators of a run.

    Attributes:
        kinds: uint8 by term: number of the type (``hashing.TYPES``), or ``hashing.TREE``.
        values: by term: the observable's normal form, folded.
        owners: int32 by term: number of its indicator.
        ids, titles: by indicator; "" where they are derived.
        levels: uint8 by indicator: number of the level.
        tag_numbers, path_numbers: int32 by indicator, into ``tag_sets`` and ``paths``.
        valid_from, valid_until: int64 by indicator.
        searches: patterns that are asked one by one.
    """

    kinds: NDArray[np.uint8]
    values: Texts
    owners: NDArray[np.int32]
    ids: Texts
    titles: Texts
    levels: NDArray[np.uint8]
    tag_numbers: NDArray[np.int32]
    path_numbers: NDArray[np.int32]
    valid_from: NDArray[np.int64]
    valid_until: NDArray[np.int64]
    tag_sets: tuple[tuple[str, ...], ...] = ((),)
    paths: tuple[str, ...] = ()
    searches: tuple[Search, ...] = ()

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def terms(self) -> int:
        """How many terms there are."""
        return len(self.kinds)

    @property
    def nbytes(self) -> int:
        """Bytes of memory in the columns."""
        columns = (self.kinds, self.owners, self.levels, self.tag_numbers, self.path_numbers, self.valid_from, self.valid_until)
        shared = len(self.titles.data)  # ids and titles stand in the same bytes
        return sum(column.nbytes for column in columns) + self.values.nbytes + self.ids.nbytes + self.titles.nbytes - shared

    def term(self, number: int) -> Term:
        """Return one term."""
        kind = int(self.kinds[number])
        tree = kind == TREE
        return Term(Observable(ObservableType.DOMAIN if tree else TYPES[kind], self.values[number]), tree)

    def indicator(self, number: int) -> Indicator:
        """Return one indicator."""
        path = self.paths[int(self.path_numbers[number])]
        observable = None if self.ids[number] and self.titles[number] else self._first_observable(number)
        return Indicator(
            id=self.ids[number] or derived_id(observable),
            title=self.titles[number] or _derived_title(observable, path),
            level=LEVELS[int(self.levels[number])],
            tags=self.tag_sets[int(self.tag_numbers[number])],
            valid_from=int(self.valid_from[number]),
            valid_until=int(self.valid_until[number]),
            path=path,
        )

    def _first_observable(self, number: int) -> Observable | None:
        place = int(np.searchsorted(self.owners, number))
        return self.term(place).observable if place < self.terms and self.owners[place] == number else None

    def __iter__(self) -> Iterator[Indicator]:
        return (self.indicator(number) for number in range(len(self)))


def derived_id(observable: Observable | None) -> str:
    """Return the id of an indicator that has none: the same for the same observable everywhere."""
    name = f"{observable.type}:{observable.value}" if observable else ""
    return f"indicator--{uuid.uuid5(NAMESPACE, name)}"


def _derived_title(observable: Observable | None, path: str) -> str:
    name = path.replace("\\", "/").rpartition("/")[2]
    return f"{observable.type} {observable.value} ({name})" if observable else name


#: What an indicator of a plain list says.
PLAIN = Header()

SearchText = tuple[ObservableType, SearchKind, str]

#: Rows while the set grows, packed, and the same for numpy: one call a row, where columns would be a dozen.
_TERM = struct.Struct("<BiIH")
_TERM_ROW = np.dtype([("kind", "u1"), ("owner", "<i4"), ("start", "<u4"), ("size", "<u2")])
_HEADER = struct.Struct("<qqBBiiIHIHqq")
_HEADER_ROW = np.dtype([
    ("identity", "<i8"), ("modified", "<i8"), ("revoked", "u1"), ("level", "u1"), ("tags", "<i4"), ("path", "<i4"),
    ("id_start", "<u4"), ("id_size", "<u2"), ("title_start", "<u4"), ("title_size", "<u2"), ("from", "<i8"), ("until", "<i8"),
])  # fmt: skip


class IndicatorBuilder:
    """Gathers indicators of several files; what cannot be used becomes a problem."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._terms, self._headers = bytearray(), bytearray()
        self._values, self._texts = bytearray(), bytearray()
        self._count = 0
        #: Entries that were seen so far, used or told as a problem.
        self.entries = 0
        self._tag_sets: dict[tuple[str, ...], int] = {(): 0}
        self._path_numbers: dict[str, int] = {}
        self._searches: list[Search] = []

    def problem(self, path: str, kind: str, message: str, place: str, count: int = 1) -> None:
        """Count something that cannot be used."""
        self._problems.add(path, kind, message, place=place, count=count)
        self.entries += count

    def add(self, header: Header, terms: Sequence[Term], path: str, place: str, searches: Sequence[SearchText] = ()) -> None:
        """Add an indicator; terms that are too broad or too long are left out, as problems.

        Args:
            header: what it says.
            terms: its observables in normal form.
            path: the file.
            place: where it stands in the file, for problems.
            searches: its patterns that need a search.
        """
        if max(len(self._values), len(self._texts)) > _MAX_TEXT or self._count >= MAX_INDICATORS:
            self.problem(path, "too-many-indicators", "the set is full; the rest is not used", place)
            return
        added = 0
        for term in terms:
            added += self._add_term(term, path, place)
        if searches:
            added += self._add_searches(searches, path, place)
        if added or header.revoked:
            self._add_header(header, terms, path)
            self._count += 1
            self.entries += 1

    def _add_term(self, term: Term, path: str, place: str) -> bool:
        value = term.observable.value.encode("utf-8", "replace")
        kind, reason = _unusable(term.observable, len(value))
        if kind:
            self.problem(path, kind, reason, place)
            return False
        number = TREE if term.tree else NUMBERS[term.observable.type]
        self._terms += _TERM.pack(number, self._count, len(self._values), len(value))
        self._values += value
        return True

    def _add_searches(self, searches: Sequence[SearchText], path: str, place: str) -> int:
        room = MAX_SEARCHES - len(self._searches)
        if len(searches) > room:
            self.problem(path, "too-many-patterns", f"more than {MAX_SEARCHES} LIKE and MATCHES patterns", place, len(searches) - room)
        kept = searches[:room]
        self._searches += [Search(kind, how, text, self._count) for kind, how, text in kept]
        return len(kept)

    def _add_header(self, header: Header, terms: Sequence[Term], path: str) -> None:
        first = terms[0].observable if terms else None
        identity = hash(header.id) if header.id or first is None else hash((first.type, first.value))
        name, title = (header.id.encode("utf-8", "replace")[:_ID], header.title[:_TITLE].encode("utf-8", "replace"))
        place = len(self._texts)
        self._texts += name + title
        self._headers += _HEADER.pack(
            identity,
            header.modified,
            header.revoked,
            LEVELS.index(header.level),
            self._tag_sets.setdefault(header.tags, len(self._tag_sets)),
            self._path_numbers.setdefault(path, len(self._path_numbers)),
            place,
            len(name),
            place + len(name),
            len(title),
            header.valid_from,
            header.valid_until,
        )

    def finish(self) -> IndicatorSet:
        """Return the set: of each id the latest version, nothing that was revoked."""
        rows = np.frombuffer(bytes(self._headers), dtype=_HEADER_ROW)
        kept = _kept(rows)
        numbers = np.cumsum(kept, dtype=np.int64) - 1
        rows = rows[kept]
        terms = np.frombuffer(bytes(self._terms), dtype=_TERM_ROW)
        terms = terms[kept[terms["owner"]]]
        texts = bytes(self._texts)
        return IndicatorSet(
            kinds=terms["kind"].copy(),
            values=Texts(bytes(self._values), terms["start"].copy(), terms["size"].copy()),
            owners=numbers[terms["owner"]].astype(np.int32),
            ids=Texts(texts, rows["id_start"].copy(), rows["id_size"].copy()),
            titles=Texts(texts, rows["title_start"].copy(), rows["title_size"].copy()),
            levels=rows["level"].copy(),
            tag_numbers=rows["tags"].copy(),
            path_numbers=rows["path"].copy(),
            valid_from=rows["from"].copy(),
            valid_until=rows["until"].copy(),
            tag_sets=tuple(self._tag_sets),
            paths=tuple(self._path_numbers),
            searches=tuple(Search(s.type, s.kind, s.text, int(numbers[s.indicator])) for s in self._searches if kept[s.indicator]),
        )


def _unusable(observable: Observable, size: int) -> tuple[str, str]:
    """Return (kind of problem, message) for an observable that is not used, ("", "") for one that is."""
    if size > MAX_BYTES:
        return "oversized-indicator", f"longer than {MAX_BYTES} bytes"
    if "\ufffd" in observable.value:  # where the file had bytes that are no UTF-8
        return "invalid-utf8", "the value has bytes that are no UTF-8"
    reason = too_broad(observable)
    return ("broad-indicator", reason) if reason else ("", "")


def _kept(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Return which indicators count: of equal identity the latest, the first of equally late ones; none if one is revoked."""
    kept = np.zeros(len(rows), dtype=np.bool_)
    if not len(rows):
        return kept
    order = np.lexsort((np.arange(len(rows)), -rows["modified"], rows["identity"]))
    identity = rows["identity"][order]
    first = np.concatenate(([True], identity[1:] != identity[:-1]))
    withdrawn = np.logical_or.reduceat(rows["revoked"][order].astype(np.bool_), np.flatnonzero(first))
    kept[order[first][~withdrawn]] = True
    return kept
