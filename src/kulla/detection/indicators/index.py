"""The index: from a value to the terms of a set in a time that does not depend on how many there are.

Terms of equal key form a *group*. A bitmap that fits the second-level cache answers nearly all values that
are in no term; an open-addressing table gives the group of the rest. Networks are kept by
their masked address, once for each prefix length that the set has.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kulla.detection.indicators.classes import byte_classes
from kulla.detection.indicators.hashing import NUMBERS, TREE, TYPES, address_key, address_keys, text_key, text_keys
from kulla.detection.indicators.indicator_set import IndicatorSet
from kulla.detection.observables import Mode, observable_fields
from kulla.model.observable import REGISTRY_ROOTS, Observable, ObservableType

_IPV4, _IPV6, _DOMAIN = NUMBERS[ObservableType.IPV4], NUMBERS[ObservableType.IPV6], NUMBERS[ObservableType.DOMAIN]
_HALF = (1 << 64) - 1
#: Words of 64 bits in the bitmap: half a word a term, within 8 KiB and 4 MiB.
_FEWEST_WORDS, _MOST_WORDS = 1 << 10, 1 << 19

#: Which observables each mode can give.
MODE_TYPES: dict[Mode, frozenset[ObservableType]] = {
    Mode.IP: frozenset((ObservableType.IPV4, ObservableType.IPV6)),
    Mode.DOMAIN: frozenset((ObservableType.DOMAIN,)),
    Mode.URL: frozenset((ObservableType.URL, ObservableType.DOMAIN, ObservableType.IPV4, ObservableType.IPV6)),
    Mode.EMAIL: frozenset((ObservableType.EMAIL,)),
    Mode.PATH: frozenset((ObservableType.FILE_NAME, ObservableType.FILE_PATH, ObservableType.DIRECTORY)),
    Mode.HASHES: frozenset(kind for kind in ObservableType if kind.startswith("file:hashes")),
    Mode.IMPHASH: frozenset((ObservableType.IMPHASH,)),
    Mode.USER: frozenset((ObservableType.USER,)),
    Mode.REGISTRY: frozenset((ObservableType.REGISTRY_KEY,)),
    Mode.MUTEX: frozenset((ObservableType.MUTEX,)),
    Mode.COMMAND: frozenset((ObservableType.COMMAND_LINE,)),
    Mode.SCAN: frozenset((
        ObservableType.IPV4, ObservableType.IPV6, ObservableType.DOMAIN, ObservableType.URL, ObservableType.EMAIL, ObservableType.FILE_NAME,
        *(kind for kind in ObservableType if kind.startswith("file:hashes")),
    )),
}  # fmt: skip


class Tables(NamedTuple):
    """What the kernel needs, as arrays.

    Attributes:
        seed: uint64, one.
        bits: uint64, a power of two of them; two bits of one word are set for each key.
        keys: uint64, a power of two of them, 0 where empty.
        groups: int32, the group of the key in the same place.
        lengths4, lengths6: int64, prefix lengths that occur, 32 and 128 for single addresses.
        present: int64, one; a bit for each number of a type that occurs.
        classes: uint8, 256; classes of bytes.
        spellings: uint8; the spellings of roots of the registry, one after the other.
        roots: int64 (n, 6); of each spelling its start and end, those of its short form, those of ``hkcu\\``.
    """

    seed: NDArray[np.uint64]
    bits: NDArray[np.uint64]
    keys: NDArray[np.uint64]
    groups: NDArray[np.int32]
    lengths4: NDArray[np.int64]
    lengths6: NDArray[np.int64]
    present: NDArray[np.int64]
    classes: NDArray[np.uint8]
    spellings: NDArray[np.uint8]
    roots: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IndicatorIndex:
    """A set and the tables made from it.

    Attributes:
        indicators: the set.
        arrays: for ``kernel.probe_value``.
        field_modes: ``name_key`` of each field worth probing -> ``Mode`` as a number; only what the set can match.
        order: int32, terms sorted by key.
        group_starts: int32, where each group begins in ``order``; one more at the end.
    """

    indicators: IndicatorSet
    arrays: Tables
    field_modes: dict[str, int]
    order: NDArray[np.int32]
    group_starts: NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        """Bytes of memory, the set's included."""
        return self.indicators.nbytes + sum(array.nbytes for array in self.arrays) + self.order.nbytes + self.group_starts.nbytes

    def terms_of(self, group: int) -> list[int]:
        """Return the terms of a group."""
        return [int(term) for term in self.order[self.group_starts[group] : self.group_starts[group + 1]]]

    def terms_for(self, observable: Observable) -> list[int]:
        """Return the terms that an observable matches: its own, its parents' (domains), its networks' (addresses)."""
        groups = (self._group(key) for key in self._keys_for(observable))
        terms = (term for group in groups if group >= 0 for term in self.terms_of(group))
        return sorted({term for term in terms if self._matches(term, observable)})

    def _group(self, key: int) -> int:
        keys = self.arrays.keys
        place = (key >> 8) & (len(keys) - 1)
        while keys[place]:
            if int(keys[place]) == key:
                return int(self.arrays.groups[place])
            place = (place + 1) & (len(keys) - 1)
        return -1

    def _keys_for(self, observable: Observable) -> Iterator[int]:
        seed, number = int(self.arrays.seed[0]), NUMBERS[observable.type]
        text = observable.value.encode("utf-8", "replace")
        if number in (_IPV4, _IPV6):
            yield from self._address_keys(seed, number, observable.value)
        elif number == _DOMAIN:
            backward = text[::-1]
            yield text_key(seed, _DOMAIN, backward)
            cuts = [place for place, byte in enumerate(backward) if byte == ord(".")]
            yield from (text_key(seed, TREE, backward[:cut]) for cut in (*cuts, len(backward)))
        else:
            yield text_key(seed, number, text)

    def _address_keys(self, seed: int, number: int, value: str) -> Iterator[int]:
        width, lengths = (32, self.arrays.lengths4) if number == _IPV4 else (128, self.arrays.lengths6)
        address = int(ip_network(value).network_address)
        for length in lengths.tolist():
            masked = (address >> (width - length)) << (width - length)
            yield address_key(seed, number, masked >> 64, masked & _HALF, length)

    def _matches(self, number: int, observable: Observable) -> bool:
        term = self.indicators.term(number)
        if term.observable.type != observable.type:
            return False
        if term.tree:
            return observable.value == term.observable.value or observable.value.endswith("." + term.observable.value)
        if "/" in term.observable.value and observable.type in (ObservableType.IPV4, ObservableType.IPV6):
            return ip_network(observable.value).subnet_of(ip_network(term.observable.value))  # type: ignore[arg-type]
        return term.observable.value == observable.value


def build_index(indicators: IndicatorSet, seed: int | None = None) -> IndicatorIndex:
    """Make the index of a set.

    Args:
        indicators: the set.
        seed: 64 bits, for tests; drawn at random otherwise.
    """
    seed = secrets.randbits(64) if seed is None else seed
    keys, lengths4, lengths6 = _keys(indicators, seed)
    order = np.argsort(keys, kind="stable").astype(np.int32)
    ordered = keys[order]
    first = np.flatnonzero(np.concatenate((np.ones(min(1, len(keys)), dtype=np.bool_), ordered[1:] != ordered[:-1])))
    present = {int(kind) for kind in np.unique(indicators.kinds)}
    table_keys, groups = _table(ordered[first])
    spellings, roots = _roots()
    arrays = Tables(
        seed=np.array([seed], dtype=np.uint64),
        bits=_bitmap(ordered[first]),
        keys=table_keys,
        groups=groups,
        lengths4=lengths4,
        lengths6=lengths6,
        present=np.array([sum(1 << kind for kind in present)], dtype=np.int64),
        classes=byte_classes(),
        spellings=spellings,
        roots=roots,
    )
    return IndicatorIndex(indicators, arrays, _field_modes(present), order, np.append(first, len(keys)).astype(np.int32))


def _field_modes(present: set[int]) -> dict[str, int]:
    """Return the fields that can match something in the set, each with only the modes that can."""
    types = {ObservableType.DOMAIN if number == TREE else TYPES[number] for number in present}
    useful = sum(int(mode) for mode, given in MODE_TYPES.items() if given & types)
    return {field: int(mode) & useful for field, mode in observable_fields().items() if int(mode) & useful}


def _keys(indicators: IndicatorSet, seed: int) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (key of each term, prefix lengths of IPv4, of IPv6)."""
    kinds, values = indicators.kinds, indicators.values
    keys = np.zeros(len(kinds), dtype=np.uint64)
    data = np.frombuffer(values.data, dtype=np.uint8)
    starts = values.starts.astype(np.int64)
    ends = starts + values.sizes
    names = (kinds == _DOMAIN) | (kinds == TREE)
    addresses = (kinds == _IPV4) | (kinds == _IPV6)
    for chosen, backward in ((names, True), (~names & ~addresses, False)):
        keys[chosen] = text_keys(seed, kinds[chosen], data, starts[chosen], ends[chosen], backward=backward)
    lengths = [_address_column(indicators, number, seed, keys) for number in (_IPV4, _IPV6)]
    return keys, lengths[0], lengths[1]


def _address_column(indicators: IndicatorSet, number: int, seed: int, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Fill in the keys of one family of addresses; return the prefix lengths that occur."""
    family, width = (socket.AF_INET, 32) if number == _IPV4 else (socket.AF_INET6, 128)
    chosen = np.flatnonzero(indicators.kinds == number)
    packed, length = bytearray(), np.full(len(chosen), width, dtype=np.uint64)
    for place, term in enumerate(chosen.tolist()):
        address, slash, prefix = indicators.values[term].partition("/")
        packed += socket.inet_pton(family, address)
        if slash:
            length[place] = int(prefix)
    if number == _IPV4:
        low = np.frombuffer(bytes(packed), dtype=">u4").astype(np.uint64)
        high = np.zeros_like(low)
    else:
        halves = np.frombuffer(bytes(packed), dtype=">u8").astype(np.uint64).reshape(-1, 2)
        high, low = halves[:, 0].copy(), halves[:, 1].copy()
    keys[chosen] = address_keys(seed, number, high, low, length)
    return np.unique(length).astype(np.int64)


def _table(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return the open-addressing table of distinct keys, at most half full; all keys move on together until each has a place."""
    size = 1 << max(4, (2 * len(keys)).bit_length())
    places, groups = np.zeros(size, dtype=np.uint64), np.full(size, -1, dtype=np.int32)
    waiting = np.arange(len(keys), dtype=np.int64)
    slots = (keys >> np.uint64(8)).astype(np.int64) & (size - 1)
    while len(waiting):
        free = groups[slots] < 0
        groups[slots[free]] = waiting[free]  # of several for one place the last stays
        waiting, slots = waiting[groups[slots] != waiting], slots[groups[slots] != waiting]
        slots = (slots + 1) & (size - 1)
    taken = groups >= 0
    places[taken] = keys[groups[taken]]
    return places, groups


def _bitmap(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = min(max(_FEWEST_WORDS, 1 << (len(keys) // 2).bit_length()), _MOST_WORDS)
    bits = np.zeros(words, dtype=np.uint64)
    one, low = np.uint64(1), np.uint64(63)
    wanted = (one << (keys & low)) | (one << ((keys >> np.uint64(6)) & low))
    np.bitwise_or.at(bits, (keys >> np.uint64(40)).astype(np.int64) & (words - 1), wanted)
    return bits


def _roots() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return (spellings, roots) as in ``Tables``."""
    data = bytearray()
    rows = []

    def placed(text: str) -> tuple[int, int]:
        start = len(data)
        data.extend(text.encode())
        return start, len(data)

    own_hive = placed("hkcu\\")
    for spelling, short in (*REGISTRY_ROOTS, ("hku\\", "hku\\")):
        rows.append((*placed(spelling), *placed(short), *own_hive))
    return np.frombuffer(bytes(data), dtype=np.uint8), np.array(rows, dtype=np.int64)
