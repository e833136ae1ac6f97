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

import numpy as np
from numpy.typing import NDArray

from kulla.detection.indicators.hashing import NUMBERS, TREE, TYPES, address_key, address_keys, text_key, text_keys
from kulla.detection.indicators.indicator_set import IndicatorSet
from kulla.detection.indicators.layout import BITMAP, COUNT4, COUNT6, LENGTHS4, LENGTHS6, PRESENT, SEED, SLOT_MASK, SLOTS, WORD_MASK
from kulla.detection.observables import Mode, observable_fields
from kulla.model.observable import Observable, ObservableType

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


@dataclass(frozen=True, slots=True)
class IndicatorIndex:
    """A set and the tables made from it.

    Attributes:
        indicators: the set.
        table: uint64, for ``kernel.probe_value``; ``layout.py`` tells what stands where.
        field_modes: ``name_key`` of each field worth probing -> ``Mode`` as a number; only what the set can match.
        order: int32, terms sorted by key.
        group_starts: int32, where each group begins in ``order``; one more at the end.
    """

    indicators: IndicatorSet
    table: NDArray[np.uint64]
    field_modes: dict[str, int]
    order: NDArray[np.int32]
    group_starts: NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        """Bytes of memory, the set's included."""
        return self.indicators.nbytes + self.table.nbytes + self.order.nbytes + self.group_starts.nbytes

    def terms_of(self, group: int) -> list[int]:
        """Return the terms of a group."""
        return [int(term) for term in self.order[self.group_starts[group] : self.group_starts[group + 1]]]

    def terms_for(self, observable: Observable) -> list[int]:
        """Return the terms that an observable matches: its own, its parents' (domains), its networks' (addresses)."""
        groups = (self._group(key) for key in self._keys_for(observable))
        terms = (term for group in groups if group >= 0 for term in self.terms_of(group))
        return sorted({term for term in terms if self._matches(term, observable)})

    def _group(self, key: int) -> int:
        mask, slots = int(self.table[SLOT_MASK]), int(self.table[SLOTS])
        place = (key >> 8) & mask
        while kept := int(self.table[slots + 2 * place]):
            if kept == key:
                return int(self.table[slots + 2 * place + 1])
            place = (place + 1) & mask
        return -1

    def _keys_for(self, observable: Observable) -> Iterator[int]:
        seed, number = int(self.table[SEED]), NUMBERS[observable.type]
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
        width, start, count = (32, LENGTHS4, COUNT4) if number == _IPV4 else (128, LENGTHS6, COUNT6)
        address = int(ip_network(value).network_address)
        for length in self.table[start : start + int(self.table[count])].tolist():
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
    table = _laid_out(seed, present, (lengths4, lengths6), ordered[first])
    return IndicatorIndex(indicators, table, _field_modes(present), order, np.append(first, len(keys)).astype(np.int32))


def _laid_out(
    seed: int, present: set[int], lengths: tuple[NDArray[np.int64], NDArray[np.int64]], keys: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """Return the table of distinct, sorted keys; the group of a key is its place among them."""
    bits, slots = _bitmap(keys), _slots(keys)
    table = np.zeros(BITMAP + len(bits) + len(slots), dtype=np.uint64)
    table[SEED], table[PRESENT] = seed, sum(1 << kind for kind in present)
    table[WORD_MASK], table[SLOT_MASK], table[SLOTS] = len(bits) - 1, len(slots) // 2 - 1, BITMAP + len(bits)
    table[COUNT4], table[COUNT6] = len(lengths[0]), len(lengths[1])
    table[LENGTHS4 : LENGTHS4 + len(lengths[0])] = lengths[0]
    table[LENGTHS6 : LENGTHS6 + len(lengths[1])] = lengths[1]
    table[BITMAP : BITMAP + len(bits)] = bits
    table[BITMAP + len(bits) :] = slots
    return table


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


def _slots(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return pairs (key, group) of an open-addressing table at most half full; all keys move on together until each has a place."""
    size = 1 << max(4, (2 * len(keys)).bit_length())
    groups = np.full(size, -1, dtype=np.int64)
    waiting = np.arange(len(keys), dtype=np.int64)
    slots = (keys >> np.uint64(8)).astype(np.int64) & (size - 1)
    while len(waiting):
        free = groups[slots] < 0
        groups[slots[free]] = waiting[free]  # of several for one place the last stays
        left = groups[slots] != waiting
        waiting, slots = waiting[left], (slots[left] + 1) & (size - 1)
    pairs = np.zeros((size, 2), dtype=np.uint64)
    taken = groups >= 0
    pairs[taken, 0] = keys[groups[taken]]
    pairs[taken, 1] = groups[taken].astype(np.uint64)
    return pairs.ravel()


def _bitmap(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = min(max(_FEWEST_WORDS, 1 << (len(keys) // 2).bit_length()), _MOST_WORDS)
    bits = np.zeros(words, dtype=np.uint64)
    one, low = np.uint64(1), np.uint64(63)
    wanted = (one << (keys & low)) | (one << ((keys >> np.uint64(6)) & low))
    np.bitwise_or.at(bits, (keys >> np.uint64(40)).astype(np.int64) & (words - 1), wanted)
    return bits
