"""Collects automata and lays them out as the arrays of ``kernel.tables.Automata``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kulla.detection.compiled.patterns import GLOB, GRAM, Check, Pattern
from kulla.detection.kernel.match import CHECK_COLUMNS, ENTRY_COLUMNS, GRAM_MULTIPLIER, HEAD_COLUMNS
from kulla.detection.kernel.tables import I32, I64, U8

#: Bitmap bytes for one four-byte piece: at 32, one place in 32 of a random value is looked up in vain.
_SPREAD = 32
_MULTIPLIER = int(GRAM_MULTIPLIER)
#: Shorter patterns are looked for one by one.
PAIR = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """One leaf in one automaton: the question, the leaf's number, the programs it makes candidates."""

    question: Pattern | Check
    leaf: int
    programs: tuple[int, ...]


#: Piece -> the patterns listed under it, each with the place of the piece in it.
Buckets = dict[int, list[tuple[Wanted, Pattern, int]]]


@dataclass(slots=True)
class AutomataBuilder:
    """Collects automata; equal ones are kept once.

    Args:
        gram_at: where the piece begins under which a pattern of four bytes or more is listed.
    """

    gram_at: Callable[[bytes], int]
    _heads: list[tuple[int, ...]] = field(default_factory=list)
    _bitmaps: list[U8] = field(default_factory=list)
    _bitmap_size: int = 0
    _gram_keys: list[int] = field(default_factory=list)
    _gram_ranges: list[tuple[int, int]] = field(default_factory=list)
    _entries: list[tuple[int, ...]] = field(default_factory=list)
    _checks: list[tuple[int, ...]] = field(default_factory=list)
    _programs: list[int] = field(default_factory=list)
    _program_runs: dict[tuple[int, ...], int] = field(default_factory=dict)
    _text: bytearray = field(default_factory=bytearray)
    _texts: dict[bytes, int] = field(default_factory=dict)
    _known: dict[tuple[Wanted, ...], int] = field(default_factory=dict)

    def add(self, wanted: Iterable[Wanted]) -> int:
        """Return the number of the automaton for these leaves, -1 for none."""
        key = tuple(sorted(wanted, key=lambda w: (w.leaf, w.programs)))
        if not key:
            return -1
        if key not in self._known:
            self._known[key] = self._build(key)
        return self._known[key]

    def _build(self, wanted: tuple[Wanted, ...]) -> int:
        patterns = [(w, w.question) for w in wanted if isinstance(w.question, Pattern)]
        listed = [(w, p) for w, p in patterns if len(p.text) >= GRAM]
        paired = [(w, p) for w, p in patterns if PAIR <= len(p.text) < GRAM]
        short = [(w, p) for w, p in patterns if len(p.text) < PAIR]
        bitmap = self._list_pieces(self._buckets(listed))
        pairs = self._list_pieces(_pair_buckets(paired))
        first_short = len(self._entries)
        self._entries += [self._entry(w, p, 0) for w, p in short]
        first_check = len(self._checks)
        self._checks += [self._check(w, w.question) for w in wanted if isinstance(w.question, Check)]
        shortest = min((len(p.text) for _, p in patterns), default=1 << 30)
        self._heads.append(
            (
                *bitmap, first_short, len(self._entries), first_check, len(self._checks), shortest, int(bool(listed)),
                *pairs, int(bool(paired)),
            )
        )  # fmt: skip
        return len(self._heads) - 1

    def _list_pieces(self, buckets: Buckets) -> tuple[int, int, int, int]:
        """Add patterns under their pieces; return (bitmap, shift, table, mask)."""
        size = _power(max(len(buckets) * _SPREAD, 64))
        table_size = _power(2 * len(buckets) + 1)
        bitmap, table = np.zeros(size, np.uint8), len(self._gram_keys)
        shift = 32 - (size.bit_length() - 1)
        keys, ranges = [0] * table_size, [(0, 0)] * table_size
        for gram, members in sorted(buckets.items()):
            mixed = (gram * _MULTIPLIER) & 0xFFFFFFFF
            bitmap[mixed >> shift] = 1
            slot = (mixed >> 7) & (table_size - 1)
            while ranges[slot][1]:
                slot = (slot + 1) & (table_size - 1)
            first = len(self._entries)
            self._entries += [self._entry(w, p, at) for w, p, at in members]
            keys[slot], ranges[slot] = gram, (first, len(self._entries))
        self._gram_keys += keys
        self._gram_ranges += ranges
        self._bitmaps.append(bitmap)
        self._bitmap_size += size
        return self._bitmap_size - size, shift, table, table_size - 1

    def _buckets(self, listed: list[tuple[Wanted, Pattern]]) -> Buckets:
        buckets: Buckets = {}
        for wanted, pattern in listed:
            at = self.gram_at(pattern.text)
            gram = int.from_bytes(pattern.text[at : at + GRAM], "big")
            buckets.setdefault(gram, []).append((wanted, pattern, at))
        return buckets

    def _entry(self, wanted: Wanted, pattern: Pattern, gram_at: int) -> tuple[int, ...]:
        start = self._place(pattern.text)
        glob = self._place(pattern.glob) if pattern.kind == GLOB else 0
        anchor = self._run(wanted.programs)
        return (
            start, start + len(pattern.text), gram_at, pattern.kind, wanted.leaf,
            glob, glob + len(pattern.glob), anchor, anchor + len(wanted.programs),
        )  # fmt: skip

    def _check(self, wanted: Wanted, check: Check) -> tuple[int, ...]:
        anchor = self._run(wanted.programs)
        numbers = (check.first, check.second, anchor, anchor + len(wanted.programs), check.third, check.fourth)
        return (check.kind, wanted.leaf, *numbers)

    def _place(self, text: bytes) -> int:
        if text not in self._texts:
            self._texts[text] = len(self._text)
            self._text += text
        return self._texts[text]

    def _run(self, programs: tuple[int, ...]) -> int:
        if programs not in self._program_runs:
            self._program_runs[programs] = len(self._programs)
            self._programs += programs
        return self._program_runs[programs]

    def arrays(self) -> tuple[I64, U8, np.ndarray, I32, I32, U8, I64, I32]:
        """Return heads, bitmap, gram_keys, gram_ranges, entries, text, checks, programs."""
        return (
            rows(self._heads, HEAD_COLUMNS, np.int64),
            np.concatenate(self._bitmaps) if self._bitmaps else np.zeros(1, np.uint8),
            np.array(self._gram_keys or [0], np.uint32),
            rows(self._gram_ranges, 2, np.int32),
            rows(self._entries, ENTRY_COLUMNS, np.int32),
            np.frombuffer(bytearray(self._text or b"\0"), np.uint8),
            rows(self._checks, CHECK_COLUMNS, np.int64),
            np.array(self._programs or [0], np.int32),
        )


def _pair_buckets(paired: list[tuple[Wanted, Pattern]]) -> Buckets:
    """List patterns of two and three bytes under two of them: the last two, which are less often blank or a dash."""
    buckets: Buckets = {}
    for wanted, pattern in paired:
        at = len(pattern.text) - PAIR
        buckets.setdefault(int.from_bytes(pattern.text[at:], "big"), []).append((wanted, pattern, at))
    return buckets


def rows(values: Sequence[tuple[int, ...]], columns: int, kind: type[np.generic]) -> np.ndarray:
    """Return a two-dimensional array, never without a row."""
    return np.array(values or [(0,) * columns], kind).reshape(-1, columns)


def _power(least: int) -> int:
    size = 1
    while size < least:
        size *= 2
    return size
