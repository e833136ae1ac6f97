"""One value against all patterns of its field."""

from __future__ import annotations

import numpy as np

from kulla.detection.indicators.probing.addresses import ipv6
from kulla.detection.kernel.jit import inlined, kernel
from kulla.detection.kernel.tables import I64, U8, Automata, Programs
from kulla.detection.kernel.tokenise import CONTAINER, FIELD, NULL
from kulla.detection.kernel.types import Int, Truth, Work
from kulla.detection.kernel.values import get_code, ipv4, whole_number

# Columns of Automata.heads.
BITMAP, BITMAP_SHIFT, TABLE, TABLE_MASK, SHORT, SHORT_END, CHECK, CHECK_END, MIN_LENGTH, HAS_GRAMS = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
PAIR_BITMAP, PAIR_SHIFT, PAIR_TABLE, PAIR_MASK, HAS_PAIRS = 10, 11, 12, 13, 14
HEAD_COLUMNS = 15
# Columns of Automata.entries.
TEXT_START, TEXT_END, GRAM_AT, ENTRY_KIND, LEAF, GLOB_START, GLOB_END, ANCHOR, ANCHOR_END = 0, 1, 2, 3, 4, 5, 6, 7, 8
ENTRY_COLUMNS = 9
# Columns of Automata.checks.
CHECK_KIND, CHECK_LEAF, FIRST, SECOND, CHECK_ANCHOR, CHECK_ANCHOR_END = 0, 1, 2, 3, 4, 5
THIRD, FOURTH = 6, 7
CHECK_COLUMNS = 8
# The kinds of compiled.patterns.
LITERAL, GLOB, ASK = 0, 1, 2
EXISTS, HAS_VALUE, COMPARE, NETWORK4, ASK_ALWAYS, NETWORK6, OTHER_SIDE = 0, 1, 2, 3, 4, 5, 6
_LT, _LTE, _GT = 7, 8, 9
_ANY_RUN, _ANY_CHAR = 0xFE, 0xFD
_COLON, _PERCENT = 0x3A, 0x25

GRAM_MULTIPLIER = np.uint32(0x9E3779B1)

# Columns of Work.counters.
SERIAL, CANDIDATES, ASKED, OVERFLOW, TRIAL = 0, 1, 2, 3, 4


@inlined
def _equal(left: U8, left_at: Int, right: U8, right_start: Int, right_end: Int) -> bool:
    for offset in range(right_end - right_start):
        if left[left_at + offset] != right[right_start + offset]:
            return False
    return True


@inlined
def _add_program(work: Work, program: Int, serial: Int) -> None:
    """Make a program a candidate once."""
    if work.program_seen[program] == serial:
        return
    work.program_seen[program] = serial
    count = work.counters[CANDIDATES]
    if count >= work.candidates.shape[0]:
        work.counters[OVERFLOW] = 1
        return
    work.candidates[count] = program
    work.counters[CANDIDATES] = count + 1


@inlined
def _note_mixed(work: Work, leaf: Int, token: Int, first: Int) -> None:
    """Note that values of several fields (aliases) answer a leaf: which of them is shown is decided by hand."""
    if work.tape[token, FIELD] != work.tape[first, FIELD]:
        work.mixed[leaf] = work.counters[SERIAL]


@inlined
def _hit(work: Work, programs: Programs, automata: Automata, leaf: Int, anchor: Int, anchor_end: Int, token: Int) -> None:
    """Note that a leaf is true, and make the programs it anchors candidates."""
    serial = work.counters[SERIAL]
    if work.hit[leaf] == serial:
        _note_mixed(work, leaf, token, work.hit_token[leaf])
        return
    work.hit[leaf] = serial
    work.hit_token[leaf] = token
    for place in range(programs.leaf_set_range[leaf, 0], programs.leaf_set_range[leaf, 1]):
        work.hit[programs.leaf_sets[place]] = serial
    for place in range(anchor, anchor_end):
        _add_program(work, automata.programs[place], serial)


@inlined
def _note_asked(work: Work, leaf: Int, token: Int) -> None:
    """Keep a value that must be looked at again; a negative leaf marks the other side of a comparison of fields."""
    count = work.counters[ASKED]
    if count >= work.asked.shape[0]:
        work.counters[OVERFLOW] = 1
        return
    work.asked[count, 0] = leaf
    work.asked[count, 1] = token
    work.counters[ASKED] = count + 1


@inlined
def _ask(work: Work, automata: Automata, leaf: Int, anchor: Int, anchor_end: Int, token: Int) -> None:
    """Note that a leaf may be true for a value; ``settle`` decides, or somebody outside the kernel."""
    serial = work.counters[SERIAL]
    if work.open[leaf] == serial:
        if work.open_token[leaf] == token:
            return
        _note_mixed(work, leaf, token, work.open_token[leaf])
    work.open[leaf] = serial
    work.open_token[leaf] = token
    _note_asked(work, leaf, token)
    for place in range(anchor, anchor_end):
        _add_program(work, automata.programs[place], serial)


@inlined
def _char_end(buffer: U8, place: Int, end: Int) -> Int:
    """Return the place after the character at ``place``."""
    _, after = get_code(buffer, place, end)
    return after


@kernel
def glob_holds(buffer: U8, start: Int, end: Int, text: U8, at: Int, stop: Int) -> bool:
    """Match a stored glob against a whole value: greedy, going back only to the last ``*``."""
    retry_at, retry_place = np.int64(-1), start
    place = start
    while True:
        if at < stop and text[at] == _ANY_RUN:
            at += 1
            retry_at, retry_place = at, place
            if at == stop:
                return True
            continue
        if place == end:
            if at == stop:
                return True
        elif at < stop and (text[at] == _ANY_CHAR or text[at] == buffer[place]):
            place = _char_end(buffer, place, end) if text[at] == _ANY_CHAR else place + 1
            at += 1
            continue
        if retry_at < 0 or retry_place >= end:
            return False
        retry_place = _char_end(buffer, retry_place, end)
        at, place = retry_at, retry_place


@inlined
def _found(work: Work, programs: Programs, automata: Automata, entry: Int, token: Int, end: Int) -> None:
    """Act on a pattern whose bytes were found."""
    entries = automata.entries
    kind, leaf = entries[entry, ENTRY_KIND], entries[entry, LEAF]
    anchor, anchor_end = entries[entry, ANCHOR], entries[entry, ANCHOR_END]
    if kind == LITERAL:
        _hit(work, programs, automata, leaf, anchor, anchor_end, token)
    elif kind == ASK:
        _ask(work, automata, leaf, anchor, anchor_end, token)
    elif work.hit[leaf] == work.counters[SERIAL]:
        _note_mixed(work, leaf, token, work.hit_token[leaf])
    elif work.tried[leaf] != work.counters[TRIAL]:
        work.tried[leaf] = work.counters[TRIAL]
        if glob_holds(work.scratch, 2, end, automata.text, entries[entry, GLOB_START], entries[entry, GLOB_END]):
            _hit(work, programs, automata, leaf, anchor, anchor_end, token)


@inlined
def _occurs(buffer: U8, end: Int, text: U8, start: Int, stop: Int) -> bool:
    """Return whether a short text occurs in ``buffer[:end]``."""
    for place in range(end - (stop - start) + 1):
        if _equal(buffer, place, text, start, stop):
            return True
    return False


@inlined
def _scan_short(work: Work, programs: Programs, automata: Automata, head: Int, token: Int, end: Int) -> None:
    """Try the patterns that are too short to have a four-byte piece."""
    for entry in range(automata.heads[head, SHORT], automata.heads[head, SHORT_END]):
        if _occurs(work.scratch, end + 2, automata.text, automata.entries[entry, TEXT_START], automata.entries[entry, TEXT_END]):
            _found(work, programs, automata, entry, token, end)


@inlined
def _scan_bucket(
    work: Work, programs: Programs, automata: Automata, base: Int, mask: Int, gram: np.uint32, first: Int, token: Int, end: Int
) -> None:
    """Try the patterns listed under one piece that begins at ``first``."""
    slot = np.int64(np.uint32(gram * GRAM_MULTIPLIER) >> np.uint32(7)) & mask
    while automata.gram_ranges[base + slot, 1] != 0:
        if automata.gram_keys[base + slot] == gram:
            for entry in range(automata.gram_ranges[base + slot, 0], automata.gram_ranges[base + slot, 1]):
                start, stop = automata.entries[entry, TEXT_START], automata.entries[entry, TEXT_END]
                at = first - automata.entries[entry, GRAM_AT]
                if at >= 0 and at + (stop - start) <= end + 2 and _equal(work.scratch, at, automata.text, start, stop):
                    _found(work, programs, automata, entry, token, end)
            return
        slot = (slot + 1) & mask


@inlined
def _scan_grams(work: Work, programs: Programs, automata: Automata, head: Int, token: Int, end: Int) -> None:
    """Slide over the framed value and stop wherever a listed piece occurs."""
    heads, bitmap, scratch = automata.heads, automata.bitmap, work.scratch
    base, shift = heads[head, BITMAP], np.uint32(heads[head, BITMAP_SHIFT])
    gram = np.uint32((np.uint32(scratch[0]) << np.uint32(16)) | (np.uint32(scratch[1]) << np.uint32(8)) | np.uint32(scratch[2]))
    for place in range(3, end + 2):
        gram = np.uint32((gram << np.uint32(8)) | np.uint32(scratch[place]))
        if bitmap[base + np.int64(np.uint32(gram * GRAM_MULTIPLIER) >> shift)]:
            _scan_bucket(work, programs, automata, heads[head, TABLE], heads[head, TABLE_MASK], gram, place - 3, token, end)


@inlined
def _scan_pairs(work: Work, programs: Programs, automata: Automata, head: Int, token: Int, end: Int) -> None:
    """The same for patterns of two and three bytes, by two-byte pieces."""
    heads, bitmap, scratch = automata.heads, automata.bitmap, work.scratch
    base, shift = heads[head, PAIR_BITMAP], np.uint32(heads[head, PAIR_SHIFT])
    for place in range(1, end + 2):
        pair = np.uint32((np.uint32(scratch[place - 1]) << np.uint32(8)) | np.uint32(scratch[place]))
        if bitmap[base + np.int64(np.uint32(pair * GRAM_MULTIPLIER) >> shift)]:
            _scan_bucket(work, programs, automata, heads[head, PAIR_TABLE], heads[head, PAIR_MASK], pair, place - 1, token, end)


@inlined
def _compare(op: Int, value: Int, limit: Int) -> Truth:
    if op == _LT:
        return value < limit
    if op == _LTE:
        return value <= limit
    if op == _GT:
        return value > limit
    return value >= limit


@inlined
def _has_byte(buffer: U8, start: Int, end: Int, byte: Int) -> bool:
    for place in range(start, end):
        if buffer[place] == byte:
            return True
    return False


@inlined
def _in_network4(buffer: U8, end: Int, network: Int, mask: Int) -> Int:
    """Return FALSE, TRUE or OPEN for an IPv4 network; an IPv4 address mapped into IPv6 counts as itself."""
    address, good = ipv4(buffer, 2, end)
    if good:
        return 1 if (address & mask) == network else 0
    if not _has_byte(buffer, 2, end, _COLON):
        return 0
    if _has_byte(buffer, 2, end, _PERCENT):
        return 2
    high, low, good = ipv6(buffer, 2, end)
    if not good or high != np.uint64(0) or (low >> np.uint64(32)) != np.uint64(0xFFFF):
        return 0
    return 1 if (np.int64(low & np.uint64(0xFFFFFFFF)) & mask) == network else 0


@inlined
def _in_network6(buffer: U8, end: Int, checks: I64, row: Int) -> Int:
    """Return FALSE, TRUE or OPEN for an IPv6 network given as high half, low half and their masks."""
    if not _has_byte(buffer, 2, end, _COLON):
        return 0
    if _has_byte(buffer, 2, end, _PERCENT):
        return 2
    high, low, good = ipv6(buffer, 2, end)
    if not good:
        return 0
    same_high = (np.int64(high) & checks[row, THIRD]) == checks[row, FIRST]
    return 1 if same_high and (np.int64(low) & checks[row, FOURTH]) == checks[row, SECOND] else 0


@inlined
def _ordered(buffer: U8, end: Int, op: Int, limit: Int) -> Int:
    """Return FALSE, TRUE or OPEN for a comparison with a whole number."""
    number, good = whole_number(buffer, 2, end)
    if not good:
        return 2
    return 1 if _compare(op, number, limit) else 0


@inlined
def _answer_check(buffer: U8, end: Int, checks: I64, row: Int) -> Int:
    """Return FALSE, TRUE or OPEN for a question about a value with text."""
    what = checks[row, CHECK_KIND]
    if what == COMPARE:
        return _ordered(buffer, end, checks[row, FIRST], checks[row, SECOND])
    if what == NETWORK4:
        return _in_network4(buffer, end, checks[row, FIRST], checks[row, SECOND])
    if what == NETWORK6:
        return _in_network6(buffer, end, checks, row)
    return 2 if what == ASK_ALWAYS else 0


@inlined
def _ask_checks(work: Work, programs: Programs, automata: Automata, head: Int, token: Int, kind: Int, end: Int) -> None:
    """Put a field's questions to one value; ``end`` is 0 for values without text (null, containers)."""
    checks = automata.checks
    for row in range(automata.heads[head, CHECK], automata.heads[head, CHECK_END]):
        what, leaf = checks[row, CHECK_KIND], checks[row, CHECK_LEAF]
        anchor, anchor_end = checks[row, CHECK_ANCHOR], checks[row, CHECK_ANCHOR_END]
        if what == EXISTS or what == HAS_VALUE:
            if what == EXISTS or kind != NULL:
                _hit(work, programs, automata, leaf, anchor, anchor_end, token)
        elif end == 0:
            continue
        elif what == OTHER_SIDE:
            _note_asked(work, -leaf - 1, token)
        else:
            answer = _answer_check(work.scratch, end, checks, row)
            if answer == 1:
                _hit(work, programs, automata, leaf, anchor, anchor_end, token)
            elif answer == 2:
                _ask(work, automata, leaf, anchor, anchor_end, token)


@inlined
def wanted(start: Int, end: Int, kind: Int, head: Int, automata: Automata) -> bool:
    """Return whether an automaton wants to look at a value of this length and kind.

    Folding makes a value at most half as long again (two bytes become three).
    """
    heads = automata.heads
    if heads[head, CHECK] != heads[head, CHECK_END]:
        return True
    if kind == NULL or kind == CONTAINER:
        return False
    return (end - start) * 3 // 2 + 4 >= heads[head, MIN_LENGTH]


@inlined
def match_value(end: Int, kind: Int, token: Int, head: Int, work: Work, programs: Programs, automata: Automata) -> None:
    """Match the folded value ``work.scratch[2:end]`` of the tape's row ``token`` with automaton ``head``."""
    heads = automata.heads
    has_text = kind != NULL and kind != CONTAINER
    if has_text:
        work.counters[TRIAL] += 1
        if heads[head, HAS_GRAMS]:
            _scan_grams(work, programs, automata, head, token, end)
        if heads[head, HAS_PAIRS]:
            _scan_pairs(work, programs, automata, head, token, end)
        if heads[head, SHORT] != heads[head, SHORT_END]:
            _scan_short(work, programs, automata, head, token, end)
    if heads[head, CHECK] != heads[head, CHECK_END]:
        _ask_checks(work, programs, automata, head, token, kind, end if has_text else 0)
