"""A set of indicators in columns: a million fit in about 200 MiB, whatever file they came from.

An *indicator* is what a partner or a list said (id, title, level, validity). A *term* is one observable by which it is
seen; an indicator may have several. Indicators and terms are numbered from 0; objects are made
only for the few that match.
"""

from __future__ import annotations

import uuid
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
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
#: Bytes of all terms, all ids or all titles together; positions are kept in 32 bits.
_MAX_TEXT = 2**32 - 1
#: Patterns that need a search and not a comparison; each costs as much as a Sigma rule.
MAX_SEARCHES = 10_000
#: Characters of a title that are kept.
_TITLE = 200


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
        place: where it stands in its file, for problems.
    """

    id: str = ""
    title: str = ""
    level: str = DEFAULT_LEVEL
    tags: tuple[str, ...] = ()
    valid_from: int = moment.UNKNOWN
    valid_until: int = moment.UNKNOWN
    modified: int = 0
    revoked: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True)
class Texts:
    """Many texts in one run of bytes: ``data[starts[i]:starts[i] + sizes[i]]``."""

    data: bytes
    starts: NDArray[np.uint32]
    sizes: NDArray[np.uint16]

    def __getitem__(self, index: int) -> str:
        start = int(self.starts[index])
        return self.data[start : start + int(self.sizes[index])].decode("utf-8")

    def only(self, kept: NDArray[np.bool_]) -> Texts:
        """Return those of ``kept``; the bytes of the others stay."""
        return Texts(self.data, self.starts[kept], self.sizes[kept])

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
        return sum(column.nbytes for column in columns) + self.values.nbytes + self.ids.nbytes + self.titles.nbytes

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


@dataclass(slots=True)
class _TextColumn:
    """``Texts`` while they grow."""

    data: bytearray = field(default_factory=bytearray)
    starts: array[int] = field(default_factory=lambda: array("I"))
    sizes: array[int] = field(default_factory=lambda: array("H"))

    def add(self, text: bytes) -> None:
        self.starts.append(len(self.data))
        self.sizes.append(len(text))
        self.data += text

    def done(self) -> Texts:
        return Texts(bytes(self.data), np.array(self.starts, dtype=np.uint32), np.array(self.sizes, dtype=np.uint16))


class IndicatorBuilder:
    """Gathers indicators of several files; what cannot be used becomes a problem."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._kinds, self._owners = array("B"), array("i")
        self._values, self._ids, self._titles = _TextColumn(), _TextColumn(), _TextColumn()
        self._levels, self._tags, self._paths = array("B"), array("i"), array("i")
        self._from, self._until, self._modified = array("q"), array("q"), array("q")
        self._identity, self._revoked = array("q"), array("B")
        self._tag_sets: dict[tuple[str, ...], int] = {(): 0}
        self._path_numbers: dict[str, int] = {}
        self._searches: list[Search] = []

    def problem(self, path: str, kind: str, message: str, place: str, count: int = 1) -> None:
        """Count something that cannot be used."""
        self._problems.add(path, kind, message, place=place, count=count)

    def add_term(self, kind: ObservableType, value: str, path: str, place: str, *, tree: bool = False) -> None:
        """Add an indicator that says nothing but its observable."""
        self.add(Header(place=place), (Term(Observable(kind, value), tree),), path)

    def add(
        self, header: Header, terms: tuple[Term, ...], path: str, searches: tuple[tuple[ObservableType, SearchKind, str], ...] = ()
    ) -> None:
        """Add an indicator; terms that are too broad or too long are left out, as problems.

        Args:
            header: what it says.
            terms: its observables in normal form.
            path: the file.
            searches: its patterns that need a search.
        """
        if not self._room(path, header.place):
            return
        number = len(self._levels)
        added = 0
        for term in terms:
            added += self._add_term(term, number, path, header.place)
        added += self._add_searches(searches, number, path, header.place)
        if added or header.revoked:
            self._add_header(header, terms, path)

    def _room(self, path: str, place: str) -> bool:
        fullest = max(len(self._values.data), len(self._ids.data), len(self._titles.data))
        if fullest < _MAX_TEXT - 2**20 and len(self._kinds) < 2**31 - 2**16:
            return True
        self.problem(path, "too-many-indicators", "the set is full; the rest is not used", place)
        return False

    def _add_term(self, term: Term, number: int, path: str, place: str) -> bool:
        value = term.observable.value.encode("utf-8", "replace")
        reason = too_broad(term.observable) if len(value) <= MAX_BYTES else ""
        if reason or len(value) > MAX_BYTES:
            kind = "broad-indicator" if reason else "oversized-indicator"
            self.problem(path, kind, reason or f"longer than {MAX_BYTES} bytes", place)
            return False
        self._kinds.append(TREE if term.tree else NUMBERS[term.observable.type])
        self._owners.append(number)
        self._values.add(value)
        return True

    def _add_searches(self, searches: tuple[tuple[ObservableType, SearchKind, str], ...], number: int, path: str, place: str) -> int:
        room = MAX_SEARCHES - len(self._searches)
        if len(searches) > room:
            self.problem(path, "too-many-patterns", f"more than {MAX_SEARCHES} LIKE and MATCHES patterns", place, len(searches) - room)
        kept = searches[:room]
        self._searches += [Search(kind, how, text, number) for kind, how, text in kept]
        return len(kept)

    def _add_header(self, header: Header, terms: tuple[Term, ...], path: str) -> None:
        name = header.id or (terms[0].observable.type, terms[0].observable.value) if terms else header.id
        self._identity.append(hash(name))
        self._modified.append(header.modified)
        self._revoked.append(header.revoked)
        self._ids.add(header.id.encode("utf-8", "replace")[:255])
        self._titles.add(header.title[:_TITLE].encode("utf-8", "replace"))
        self._levels.append(LEVELS.index(header.level))
        self._tags.append(self._tag_sets.setdefault(header.tags, len(self._tag_sets)))
        self._paths.append(self._path_numbers.setdefault(path, len(self._path_numbers)))
        self._from.append(header.valid_from)
        self._until.append(header.valid_until)

    def finish(self) -> IndicatorSet:
        """Return the set: of each id the latest version, nothing that was revoked."""
        kept = self._kept()
        numbers = np.cumsum(kept, dtype=np.int64) - 1
        owners = np.array(self._owners, dtype=np.int32)
        living = kept[owners] if len(owners) else np.zeros(0, dtype=np.bool_)
        return IndicatorSet(
            kinds=np.array(self._kinds, dtype=np.uint8)[living],
            values=self._values.done().only(living),
            owners=numbers[owners[living]].astype(np.int32),
            ids=self._ids.done().only(kept),
            titles=self._titles.done().only(kept),
            levels=np.array(self._levels, dtype=np.uint8)[kept],
            tag_numbers=np.array(self._tags, dtype=np.int32)[kept],
            path_numbers=np.array(self._paths, dtype=np.int32)[kept],
            valid_from=np.array(self._from, dtype=np.int64)[kept],
            valid_until=np.array(self._until, dtype=np.int64)[kept],
            tag_sets=tuple(self._tag_sets),
            paths=tuple(self._path_numbers),
            searches=tuple(Search(s.type, s.kind, s.text, int(numbers[s.indicator])) for s in self._searches if kept[s.indicator]),
        )

    def _kept(self) -> NDArray[np.bool_]:
        """Return which indicators count: of equal identity the latest, the first of equally late ones; none if one is revoked."""
        identity = np.array(self._identity, dtype=np.int64)
        kept = np.zeros(len(identity), dtype=np.bool_)
        if not len(identity):
            return kept
        order = np.lexsort((np.arange(len(identity)), -np.array(self._modified, dtype=np.int64), identity))
        first = np.concatenate(([True], identity[order][1:] != identity[order][:-1]))
        revoked = np.array(self._revoked, dtype=np.bool_)[order]
        withdrawn = np.logical_or.reduceat(revoked, np.flatnonzero(first))
        kept[order[first][~withdrawn]] = True
        return kept
