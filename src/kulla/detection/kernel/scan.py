"""The loop over a batch: tokenise, classify, match, evaluate, render."""

from __future__ import annotations

import numpy as np

from kulla.detection.indicators.kernel import probe_value
from kulla.detection.kernel.evaluate import FALSE, OPEN, evaluate, sort_candidates, truth
from kulla.detection.kernel.hashing import look_up, step
from kulla.detection.kernel.jit import inlined, kernel
from kulla.detection.kernel.match import ASKED, CANDIDATES, OVERFLOW, SERIAL, match_value, wanted
from kulla.detection.kernel.render import BY_HAND, SILENT, open_leaf, render
from kulla.detection.kernel.tables import I32, I64, U8, U64, Classes, Folding, Programs, Roles, Tables
from kulla.detection.kernel.tokenise import CONTAINER, END, ESCAPED, FIELD, KIND, NULL, NUMBER, READ, SLOW, START, TEXT, tokenise
from kulla.detection.kernel.types import Int, Out, Work
from kulla.detection.kernel.values import NO_TIME, fold_into, time_of, unescape_into

# Columns of Out.found.
EVENT, RULE, PROGRAM, FIRST_BYTE, LAST_BYTE, STATE, FIRST_ASKED, LAST_ASKED = 0, 1, 2, 3, 4, 5, 6, 7
# States of Out.found: the line stands in ``lines``; true, but the line is made by hand; a silent rule; true if the asked values say so.
WRITTEN, TO_WRITE, QUIET, UNDECIDED = 0, 1, 2, 3
# Columns of Out.totals.
FOUND, LINE, ASKED_TOTAL, TRUTHS, INDICATORS = 0, 1, 2, 3, 4
# States of an event beyond tokenise's READ, UNREADABLE and SLOW: outside the asked time.
OUTSIDE = 3
#: Marks in the class table, behind the hash of a first value: before an exact second value; no second value that is known;
#: some second value. The last three stand for any first value.
EXACT_SECOND, OTHER_SECOND, SOME_SECOND = np.uint8(1), np.uint8(2), np.uint8(3)
ANY_EXACT, ANY_VALUE, ANY_SOME = np.uint8(4), np.uint8(5), np.uint8(6)


@inlined
def _hash_value(data: U8, tape: I32, token: Int, work: Work, folding: Folding, state: np.uint64) -> np.uint64:
    """Continue a hash over a folded value."""
    start, end = tape[token, START], tape[token, END]
    stop = fold_into(data, start, end, tape[token, KIND], work.scratch, folding.pages, folding.folds, folding.lower)
    for place in range(2, stop):
        state = step(state, work.scratch[place])
    return state


@inlined
def _same(data: U8, tape: I32, left: Int, right: Int) -> bool:
    length = tape[left, END] - tape[left, START]
    if tape[right, END] - tape[right, START] != length:
        return False
    for offset in range(length):
        if data[tape[left, START] + offset] != data[tape[right, START] + offset]:
            return False
    return True


@inlined
def _note_roles(data: U8, count: Int, work: Work) -> None:
    """Note the first value of each field that has a role, and whether later ones differ."""
    tape, roles = work.tape, work.role_token
    for role in range(roles.shape[0]):
        roles[role] = -1
        work.role_differs[role] = 0
    for token in range(count):
        field = tape[token, FIELD]
        if field < 0 or field >= roles.shape[0] or tape[token, KIND] == CONTAINER or tape[token, KIND] == NULL:
            continue
        if roles[field] < 0:
            roles[field] = token
        elif not _same(data, tape, roles[field], token):
            work.role_differs[field] = 1


@inlined
def _find_pair(
    data: U8, work: Work, state: np.uint64, exact: np.uint8, some: np.uint8, other: Int, classes: Classes, folding: Folding
) -> Int:
    """Return the class for a first value together with a second one, -1 if none is known."""
    found = look_up(classes.keys, classes.values, _hash_value(data, work.tape, other, work, folding, step(state, exact)))
    return found if found >= 0 else look_up(classes.keys, classes.values, step(state, some))


@inlined
def _find_value(data: U8, work: Work, state: np.uint64, any_state: np.uint64, other: Int, classes: Classes, folding: Folding) -> Int:
    """Return the class for one first value, the closest known pair first; -1 if none is known."""
    found = np.int64(-1)
    if other >= 0:
        found = _find_pair(data, work, state, EXACT_SECOND, SOME_SECOND, other, classes, folding)
    if found < 0:
        found = look_up(classes.keys, classes.values, step(state, OTHER_SECOND))
    if found < 0 and other >= 0:
        found = _find_pair(data, work, any_state, ANY_EXACT, ANY_SOME, other, classes, folding)
    return found if found >= 0 else look_up(classes.keys, classes.values, step(any_state, ANY_VALUE))


@inlined
def _probe(data: U8, work: Work, probe: Int, base: Int, classes: Classes, folding: Folding, seed: np.uint64) -> Int:
    """Return the class that one probe gives, -1 if it knows none."""
    first, second = classes.probes[probe, 0], classes.probes[probe, 1]
    token = work.role_token[first]
    if token < 0:
        return np.int64(-1)
    any_state = step(step(seed, np.uint8(probe)), np.uint8(classes.groups[base, probe]))
    state = _hash_value(data, work.tape, token, work, folding, any_state)
    other = work.role_token[second] if second >= 0 else np.int32(-1)
    found = _find_value(data, work, state, any_state, other, classes, folding)
    if found >= 0 and (work.role_differs[first] or (other >= 0 and work.role_differs[second])):
        return np.int64(classes.plain[found])
    return found


@inlined
def _classify(data: U8, work: Work, base: Int, classes: Classes, folding: Folding, seed: np.uint64) -> Int:
    for probe in range(classes.probes.shape[0]):
        found = _probe(data, work, probe, base, classes, folding, seed)
        if found >= 0:
            return found
    return np.int64(classes.fallback[base])


@inlined
def _first_role(work: Work, fields: I32) -> Int:
    """Return the row of the first present field of a list, -1 if none is there."""
    for place in range(fields.shape[0]):
        token = work.role_token[fields[place]]
        if token >= 0:
            return np.int64(token)
    return np.int64(-1)


@kernel
def _escaped_time(data: U8, work: Work, token: Int) -> Int:
    """Return the time that a value with escapes names."""
    stop = unescape_into(data, work.tape[token, START], work.tape[token, END], work.other)
    return time_of(work.other, 0, stop, TEXT)


@inlined
def _moment(data: U8, work: Work, roles: Roles) -> Int:
    """Return the event's time: the best field that reads as one."""
    for place in range(roles.times.shape[0]):
        token = work.role_token[roles.times[place]]
        if token >= 0:
            if work.tape[token, KIND] == ESCAPED:
                moment = _escaped_time(data, work, token)
            else:
                moment = time_of(data, work.tape[token, START], work.tape[token, END], work.tape[token, KIND])
            if moment != NO_TIME:
                return moment
    return NO_TIME


@inlined
def _probe_indicators(event: Int, token: Int, stop: Int, mode: Int, table: U64, work: Work, out: Out) -> bool:
    """Note which groups of indicators a folded value may match; False if there is no room."""
    count = probe_value(work.scratch, 2, stop, mode, table, work.groups, 0)
    if count == 0:
        return True
    row = out.totals[INDICATORS]
    known = count <= work.groups.shape[0]
    rows = count if known else 1
    if row + rows > out.indicators.shape[0]:
        return False
    for place in range(rows):
        out.indicators[row, 0] = event
        out.indicators[row, 1] = work.tape[token, START]
        out.indicators[row, 2] = work.tape[token, END]
        out.indicators[row, 3] = work.tape[token, KIND]
        out.indicators[row, 4] = work.tape[token, FIELD]
        out.indicators[row, 5] = work.groups[place] if known else -1
        row += 1
    out.totals[INDICATORS] = row
    return True


@inlined
def _match_all(data: U8, event: Int, count: Int, event_class: Int, work: Work, tables: Tables, out: Out, modes: I32, table: U64) -> bool:
    """Match all values of an event against rules and indicators; note which fields were seen. False if there is no room."""
    automata, programs, folding = tables.automata, tables.programs, tables.folding
    tape = work.tape
    keyword = automata.keyword[event_class]
    for token in range(count):
        field, kind = tape[token, FIELD], tape[token, KIND]
        head, mode = keyword, np.int32(0)
        if field >= 0:
            out.seen[event_class, field] = 1
            head = automata.route[event_class, field]
            if kind <= NUMBER and field < modes.shape[0]:
                mode = modes[field]
        start, end = tape[token, START], tape[token, END]
        matching = head >= 0 and wanted(start, end, kind, head, automata)
        if not matching and mode == 0:
            continue
        stop = np.int64(0)
        if kind != NULL and kind != CONTAINER:
            stop = fold_into(data, start, end, kind, work.scratch, folding.pages, folding.folds, folding.lower)
        if matching:
            match_value(stop, kind, token, head, work, programs, automata)
        if mode != 0 and not _probe_indicators(event, token, stop, mode, table, work, out):
            return False
    return True


@inlined
def _put_found(out: Out, event: Int, rule: Int, program: Int, first: Int, last: Int, state: Int) -> Int:
    row = out.totals[FOUND]
    out.found[row, EVENT], out.found[row, RULE], out.found[row, PROGRAM] = event, rule, program
    out.found[row, FIRST_BYTE], out.found[row, LAST_BYTE], out.found[row, STATE] = first, last, state
    out.totals[FOUND] = row + 1
    return row


@inlined
def _put_asked(work: Work, out: Out, row: Int) -> bool:
    """Copy the event's asked values beside a found row; False if there is no room."""
    count, first = work.counters[ASKED], out.totals[ASKED_TOTAL]
    if first + count > out.asked.shape[0]:
        return False
    for place in range(count):
        token = work.asked[place, 1]
        out.asked[first + place, 0] = work.asked[place, 0]
        out.asked[first + place, 1] = work.tape[token, START]
        out.asked[first + place, 2] = work.tape[token, END]
        out.asked[first + place, 3] = work.tape[token, KIND]
    out.found[row, FIRST_ASKED], out.found[row, LAST_ASKED] = first, first + count
    out.totals[ASKED_TOTAL] = first + count
    return True


@inlined
def _put_open(data: U8, work: Work, tables: Tables, program: Int, event: Int, out: Out) -> bool:
    """Keep an undecided program with the verdicts of its literals; False if there is no room."""
    programs = tables.programs
    start, end = programs.ranges[program, 0], programs.ranges[program, 1]
    first = out.totals[TRUTHS]
    if first + (end - start) > out.truths.shape[0]:
        return False
    for place in range(end - start):
        out.truths[first + place] = truth(data, work, programs.code[start + place, 0], tables.settling, tables.folding)
    out.totals[TRUTHS] = first + (end - start)
    row = _put_found(out, event, programs.ranges[program, 2], program, first, first + (end - start), UNDECIDED)
    return _put_asked(work, out, row)


@inlined
def _judge(
    data: U8, event: Int, member_count: Int, moment: Int, number: Int, work: Work, tables: Tables, source: U8, host: U8, out: Out
) -> bool:
    """Evaluate the candidates and write what holds; False if the outputs have no room."""
    programs, texts = tables.programs, tables.texts
    for place in range(work.counters[CANDIDATES]):
        program = work.candidates[place]
        verdict = evaluate(data, work, programs, program, tables.settling, tables.folding)
        if verdict == FALSE:
            continue
        if out.totals[FOUND] >= out.found.shape[0]:
            return False
        rule = programs.ranges[program, 2]
        if verdict == OPEN:
            if not _put_open(data, work, tables, program, event, out):
                return False
        elif texts.rules[rule, SILENT]:
            _put_found(out, event, rule, program, 0, 0, QUIET)
        elif texts.rules[rule, BY_HAND] or open_leaf(data, work, texts, rule, tables.settling, tables.folding):
            _put_found(out, event, rule, program, 0, 0, TO_WRITE)
        else:
            first = out.totals[LINE]
            last, outcome = render(
                data, work.tape, work.members, member_count, work, texts, rule, moment, work.tokens, source, host, number, out.lines, first
            )
            if outcome == 1:
                return False
            out.totals[LINE] = last
            _put_found(out, event, rule, program, first, last, WRITTEN if outcome == 0 else TO_WRITE)
    return True


@inlined
def _scan_event(
    data: U8,
    start: Int,
    end: Int,
    event: Int,
    base: Int,
    given_time: Int,
    number: Int,
    since: Int,
    until: Int,
    work: Work,
    tables: Tables,
    source: U8,
    host: U8,
    modes: I32,
    table: U64,
    out: Out,
) -> bool:
    """Scan one event; return False if the outputs have no room for what it gives."""
    outcome, count, member_count, _ = tokenise(data, start, end, tables.names, tables.ways, work.tape, work.members, work.stack, work.paths)
    out.states[event] = outcome
    out.times[event] = given_time
    out.classes[event] = tables.classes.fallback[base]
    if outcome != READ:
        return True
    _note_roles(data, count, work)
    moment = given_time if given_time != NO_TIME else _moment(data, work, tables.roles)
    out.times[event] = moment
    event_class = _classify(data, work, base, tables.classes, tables.folding, tables.names.seed[0])
    out.classes[event] = event_class
    if moment != NO_TIME and (moment < since or moment > until):
        out.states[event] = OUTSIDE
        return True
    work.counters[SERIAL] += 1
    work.counters[CANDIDATES] = 0
    work.counters[ASKED] = 0
    work.counters[OVERFLOW] = 0
    if not _match_all(data, event, count, event_class, work, tables, out, modes, table):
        return False
    if not work.counters[OVERFLOW]:
        _add_always(event_class, work, tables.programs)
    if work.counters[OVERFLOW]:
        out.states[event] = SLOW
        return True
    sort_candidates(work, tables.programs)
    work.tokens[0] = _first_role(work, tables.roles.hosts)
    work.tokens[1] = _first_role(work, tables.roles.ids)
    work.tokens[2] = _first_role(work, tables.roles.channel)
    return _judge(data, event, member_count, moment, number, work, tables, source, host, out)


@inlined
def _add_always(event_class: Int, work: Work, programs: Programs) -> None:
    """Make the programs without an anchor candidates."""
    start, end = programs.always_range[event_class, 0], programs.always_range[event_class, 1]
    count = work.counters[CANDIDATES]
    if count + (end - start) > work.candidates.shape[0]:
        work.counters[OVERFLOW] = 1
        return
    for place in range(start, end):
        work.candidates[count] = programs.always[place]
        count += 1
    work.counters[CANDIDATES] = count


@kernel
def scan(
    data: U8,
    starts: I64,
    ends: I64,
    times: I64,
    numbers: I64,
    first: Int,
    base: Int,
    since: Int,
    until: Int,
    source: U8,
    host: U8,
    modes: I32,
    table: U64,
    tables: Tables,
    work: Work,
    out: Out,
) -> Int:
    """Scan events ``first`` and following of a batch.

    Args:
        data, starts, ends, times, numbers: the batch; ``times`` holds NO_TIME where the event's own fields decide.
        base: number of the reader's log source.
        since, until: microseconds UTC, both included; events with a known time outside are counted, not evaluated.
        source, host: JSON pieces for ``render``.
        modes, table: the mode in which indicators are looked for in each field, empty without indicators; their index.
        tables, work, out: see their modules.

    Returns:
        the first event not scanned: ``len(starts)`` when done, less when the outputs are full.
    """
    for event in range(first, starts.shape[0]):
        found, line, asked = out.totals[FOUND], out.totals[LINE], out.totals[ASKED_TOTAL]
        truths, indicators = out.totals[TRUTHS], out.totals[INDICATORS]
        if not _scan_event(
            data,
            starts[event],
            ends[event],
            event,
            base,
            times[event],
            numbers[event],
            since,
            until,
            work,
            tables,
            source,
            host,
            modes,
            table,
            out,
        ):
            out.totals[FOUND], out.totals[LINE], out.totals[ASKED_TOTAL] = found, line, asked
            out.totals[TRUTHS], out.totals[INDICATORS] = truths, indicators
            return event
    return starts.shape[0]
