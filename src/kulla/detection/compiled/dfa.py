"""Regular expressions to automata over bytes: one table look-up for each byte of a value, whatever the expression.

The usual way (Thompson, then subsets of states; Aho et al., "Compilers", 3.7), over UTF-8, with
the meaning that ``detection.regexes`` gives an expression: RE2's classes (ASCII), ``$`` also before a last newline. What does not
fit (look-around, word boundaries, too many states) gives None and is answered by ``regexes`` outside the kernel.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

#: States of one automaton, and of the non-deterministic one before it.
MAX_STATES = 1_536
MAX_POSITIONS = 4_096
#: Code points beyond ASCII that a class may list one by one.
_MAX_LISTED = 32

# What the automaton says on arriving in a state.
GOES_ON, FOUND, FOUND_AT_END = 0, 1, 2

Bytes = frozenset[int]
_ASCII_END = 0x80
_ASCII = range(_ASCII_END)
_SURROGATES = range(0xD800, 0xE000)
_DIGITS = frozenset(b"0123456789")
_WORD = frozenset(b"0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_SPACE = frozenset(b"\t\n\f\r ")
_NEWLINE = 0x0A
_TAIL = frozenset(range(0x80, 0xC0))
#: All characters beyond ASCII in UTF-8, as sequences of byte sets; values are always valid UTF-8.
_WIDE: tuple[tuple[Bytes, ...], ...] = (
    (frozenset(range(0xC2, 0xE0)), _TAIL),
    (frozenset(range(0xE0, 0xF0)), _TAIL, _TAIL),
    (frozenset(range(0xF0, 0xF5)), _TAIL, _TAIL, _TAIL),
)
#: What RE2 folds beyond ASCII: the long s and the Kelvin sign.
_FOLDED = {"s": "\u017f", "k": "\u212a"}


class _Unfit(Exception):  # noqa: N818 - control flow inside this module, not an error
    """The expression is not for this module."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """A deterministic automaton.

    Attributes:
        classes: 256 entries, byte -> column.
        columns: how many columns a row has.
        following: rows of ``columns`` entries, state 0 first: the next state.
        verdicts: one entry a state: GOES_ON, FOUND, FOUND_AT_END.
    """

    classes: bytes
    columns: int
    following: tuple[int, ...]
    verdicts: bytes


def automaton(pattern: str, flags: str) -> Automaton | None:
    """Return the automaton of an expression, None if it is not for this module.

    Args:
        pattern: as the rule has it.
        flags: a subset of ``ims``.
    """
    if "[:" in pattern or "{," in pattern:  # Python's parser takes both for something else than RE2 does
        return None
    letters = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
    combined = re.ASCII
    for letter in flags:
        combined |= letters[letter]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parsed = _parser.parse(pattern, combined)
        return _subsets(_Net.of(parsed))
    except (_Unfit, re.error, RecursionError, OverflowError, ValueError, Warning):
        return None


@dataclass(slots=True)
class _Net:
    """A non-deterministic automaton: for each position its byte steps and its free steps."""

    steps: list[list[tuple[Bytes, int]]] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)
    #: Free steps that need the beginning, or the end, of the text.
    at_start: dict[int, list[int]] = field(default_factory=dict)
    at_end: dict[int, list[int]] = field(default_factory=dict)
    last: int = 0

    @classmethod
    def of(cls, parsed: Any) -> _Net:
        net = cls()
        flags = parsed.state.flags
        if flags & (re.MULTILINE | re.VERBOSE | re.LOCALE):
            raise _Unfit
        begin = net.new()
        net.last = net.sequence(parsed, begin, flags)
        return net

    def new(self) -> int:
        if len(self.steps) >= MAX_POSITIONS:
            raise _Unfit
        self.steps.append([])
        self.free.append([])
        return len(self.steps) - 1

    def sequence(self, items: Any, place: int, flags: int) -> int:
        for op, argument in items:
            place = self.item(op, argument, place, flags)
        return place

    def item(self, op: Any, argument: Any, place: int, flags: int) -> int:
        if op in (c.LITERAL, c.NOT_LITERAL, c.ANY, c.IN):
            return self.one(*_characters(op, argument, flags), place)
        if op in (c.MAX_REPEAT, c.MIN_REPEAT):
            return self.repeat(argument, place, flags)
        if op is c.SUBPATTERN:
            _, add, remove, inner = argument
            if (add | remove) & ~(re.IGNORECASE | re.DOTALL):
                raise _Unfit
            return self.sequence(inner, place, (flags | add) & ~remove)
        if op is c.BRANCH:
            after = self.new()
            for branch in argument[1]:
                start = self.new()
                self.free[place].append(start)
                self.free[self.sequence(branch, start, flags)].append(after)
            return after
        if op is c.AT:
            return self.anchor(argument, place)
        raise _Unfit

    def anchor(self, what: Any, place: int) -> int:
        after = self.new()
        if what in (c.AT_BEGINNING, c.AT_BEGINNING_STRING):
            self.at_start.setdefault(place, []).append(after)
        elif what in (c.AT_END, c.AT_END_STRING):
            # Both also stand before a last newline, which is then the end.
            newline = self.new()
            self.at_end.setdefault(place, []).append(after)
            self.steps[place].append((frozenset({_NEWLINE}), newline))
            self.at_end.setdefault(newline, []).append(after)
        else:
            raise _Unfit
        return after

    def repeat(self, argument: Any, place: int, flags: int) -> int:
        least, most, inner = argument
        for _ in range(least):
            place = self.sequence(inner, place, flags)
        if most is c.MAXREPEAT:
            loop = self.new()
            self.free[place].append(loop)
            self.free[self.sequence(inner, loop, flags)].append(loop)
            return loop
        after = self.new()
        for _ in range(most - least):
            self.free[place].append(after)
            place = self.sequence(inner, place, flags)
        self.free[place].append(after)
        return after

    def one(self, plain: Bytes, wide: Iterable[tuple[Bytes, ...]], place: int) -> int:
        """Add one character: an ASCII byte, or a sequence of bytes."""
        after = self.new()
        if plain:
            self.steps[place].append((plain, after))
        for sequence in wide:
            at = place
            for byte_set in sequence[:-1]:
                following = self.new()
                self.steps[at].append((byte_set, following))
                at = following
            self.steps[at].append((sequence[-1], after))
        return after


def _characters(op: Any, argument: Any, flags: int) -> tuple[Bytes, tuple[tuple[Bytes, ...], ...]]:
    """Return the ASCII bytes and the wider sequences that one item of an expression matches."""
    if op is c.ANY:
        return frozenset(_ASCII) - (frozenset() if flags & re.DOTALL else {_NEWLINE}), _WIDE
    if op is c.LITERAL:
        return _split(_folded({argument}, flags))
    if op is c.NOT_LITERAL:
        return _negated(_folded({argument}, flags))
    negative = argument[0][0] is c.NEGATE
    members = argument[1:] if negative else argument
    plain: set[int] = set()
    every_wide = False
    for kind, value in members:
        found, all_wide = _member(kind, value)
        plain |= found
        every_wide |= all_wide
    chosen = _folded(plain, flags)
    if not negative:
        ascii_bytes, wide = _split(chosen)
        return ascii_bytes, _WIDE if every_wide else wide
    if every_wide:
        return frozenset(_ASCII) - chosen, ()
    return _negated(chosen)


def _member(kind: Any, value: Any) -> tuple[set[int], bool]:
    """Return the code points of one member of a class, and whether it has all characters beyond ASCII."""
    if kind is c.LITERAL:
        return {value}, False
    if kind is c.RANGE:
        low, high = value
        if high >= _ASCII_END and high - max(low, _ASCII_END) >= _MAX_LISTED:
            raise _Unfit
        return set(range(low, high + 1)), False
    if kind is c.CATEGORY and value in _CATEGORIES:
        return set(_CATEGORIES[value][0]), _CATEGORIES[value][1]
    raise _Unfit


_CATEGORIES: dict[Any, tuple[Bytes, bool]] = {
    c.CATEGORY_DIGIT: (_DIGITS, False),
    c.CATEGORY_NOT_DIGIT: (frozenset(_ASCII) - _DIGITS, True),
    c.CATEGORY_SPACE: (_SPACE, False),
    c.CATEGORY_NOT_SPACE: (frozenset(_ASCII) - _SPACE, True),
    c.CATEGORY_WORD: (_WORD, False),
    c.CATEGORY_NOT_WORD: (frozenset(_ASCII) - _WORD, True),
}


def _folded(points: set[int], flags: int) -> frozenset[int]:
    """Return the code points with the other case of each ASCII letter, as RE2 folds."""
    if not flags & re.IGNORECASE:
        return frozenset(points)
    if any(point >= _ASCII_END for point in points):
        raise _Unfit
    letters = {chr(point) for point in points}
    both = {form for letter in letters for form in (letter.lower(), letter.upper())}
    return frozenset(map(ord, both | {_FOLDED[letter] for letter in both if letter in _FOLDED}))


def _split(points: frozenset[int]) -> tuple[Bytes, tuple[tuple[Bytes, ...], ...]]:
    wide = [point for point in points if point >= _ASCII_END]
    if len(wide) > _MAX_LISTED or any(point in _SURROGATES for point in wide):
        raise _Unfit
    return frozenset(point for point in points if point < _ASCII_END), tuple(
        tuple(frozenset({byte}) for byte in chr(point).encode()) for point in sorted(wide)
    )


def _negated(points: frozenset[int]) -> tuple[Bytes, tuple[tuple[Bytes, ...], ...]]:
    """Return all characters but the given ones; of those beyond ASCII only the folded forms of s and k are given up."""
    wide = {point for point in points if point >= _ASCII_END}
    if wide:
        raise _Unfit
    return frozenset(_ASCII) - points, _WIDE


@dataclass(slots=True)
class _Builder:
    net: _Net
    names: dict[frozenset[int], int] = field(default_factory=dict)
    order: list[frozenset[int]] = field(default_factory=list)

    def closure(self, places: Iterable[int], *, start: bool = False, end: bool = False) -> frozenset[int]:
        """Return all positions that free steps reach."""
        found = set(places)
        todo = list(found)
        while todo:
            place = todo.pop()
            further = list(self.net.free[place])
            further += self.net.at_start.get(place, ()) if start else ()
            further += self.net.at_end.get(place, ()) if end else ()
            for each in further:
                if each not in found:
                    found.add(each)
                    todo.append(each)
        return frozenset(found)

    def name(self, places: frozenset[int]) -> int:
        if places not in self.names:
            if len(self.order) >= MAX_STATES:
                raise _Unfit
            self.names[places] = len(self.order)
            self.order.append(places)
        return self.names[places]


def _subsets(net: _Net) -> Automaton:
    """Make the automaton deterministic; searching means that a match may begin at every byte."""
    classes, samples = _byte_classes(net)
    builder = _Builder(net)
    found: frozenset[int] = frozenset({-1})
    again = builder.closure({0})
    builder.name(found)
    start = builder.closure({0}, start=True)
    # State 0 is "found"; state 1 is where a search begins.
    if net.last in start:
        return Automaton(bytes(256), 1, (0, 0), bytes((FOUND, FOUND)))
    builder.name(start)
    following: list[int] = []
    done = 0
    while done < len(builder.order):
        places = builder.order[done]
        done += 1
        if places == found:
            following += [0] * len(samples)
            continue
        moves: list[set[int]] = [set() for _ in samples]
        for place in places:
            for byte_set, target in net.steps[place]:
                for column, sample in enumerate(samples):
                    if sample in byte_set:
                        moves[column].add(target)
        for column in range(len(samples)):
            reached = builder.closure(moves[column]) | again
            following.append(builder.name(found if net.last in reached else reached))
    verdicts = bytes(_verdict(builder, places) for places in builder.order)
    return Automaton(bytes(classes), len(samples), tuple(following), verdicts)


def _verdict(builder: _Builder, places: frozenset[int]) -> int:
    if places == frozenset({-1}):
        return FOUND
    ends = builder.closure(places, end=True)
    return FOUND_AT_END if builder.net.last in ends else GOES_ON


def _byte_classes(net: _Net) -> tuple[list[int], list[int]]:
    """Return the column of each byte and one sample byte of each column: bytes that no step tells apart share one."""
    sets = sorted({byte_set for steps in net.steps for byte_set, _ in steps}, key=sorted)
    columns: dict[tuple[bool, ...], int] = {}
    classes: list[int] = []
    samples: list[int] = []
    for byte in range(256):
        signature = tuple(byte in byte_set for byte_set in sets)
        if signature not in columns:
            columns[signature] = len(samples)
            samples.append(byte)
        classes.append(columns[signature])
    return classes, samples
