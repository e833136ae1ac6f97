"""Rules to tables: numbers fields, leaves and programs and lays everything out for the kernel."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import orjson
from numpy.typing import NDArray

from kulla.detection.compiled.automata import AutomataBuilder, Wanted, rows
from kulla.detection.compiled.patterns import OTHER_SIDE, Check, Pattern, expected_hits, gram_chooser, question
from kulla.detection.compiled.programs import Leaves, Literal, Program, normal_form, program
from kulla.detection.compiled.settling import other_field, settling
from kulla.detection.compiled.specialise import Key, Variant, variants
from kulla.detection.compiled.texts import rule_json
from kulla.detection.eventclass import ANY, EventClass, Probe
from kulla.detection.folding import fold, fold_table
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate, Rule, predicates
from kulla.detection.kernel import hashing, scan, tables
from kulla.model.logsource import LogSource
from kulla.telemetry.fields import CHANNEL_FIELDS, HOST_FIELDS, ID_FIELDS, SYNONYMS, TIME_FIELDS, TRANSPARENT, name_key

_LAST_ASCII = 0x7F
#: A leaf that is never hit; negated it is the program of a rule that is true for every event of its class.
_NEVER = Predicate("\x00never", Op.EQUALS, "\x00")


@dataclass(frozen=True, slots=True)
class Compiled:
    """Tables with what is needed to read their answers.

    Attributes:
        tables: for the kernel.
        fields: name_key of each field id.
        leaves: the predicate of each leaf.
        asked_fields: the distinct fields that rules ask, as rules write them; None for keywords.
        leaf_fields: int32, for each leaf its place in ``asked_fields``.
        classes: name of the event class of each class number; a class has several numbers, its plain form first.
        bases: log sources that a reader may give, in the order of their numbers.
    """

    tables: tables.Tables
    fields: tuple[str, ...]
    leaves: Sequence[Predicate]
    asked_fields: tuple[str | None, ...]
    leaf_fields: NDArray[np.int32]
    classes: tuple[str, ...]
    bases: tuple[LogSource, ...]

    def base_number(self, base: LogSource) -> int:
        """Return the number of a reader's log source, or of the closest wider one that was known when compiling."""
        if base in self.bases:
            return self.bases.index(base)
        wider = [each for each in self.bases if each.covers(base)]
        closest = max(wider, key=lambda each: sum(part is not None for part in (each.product, each.category, each.service)))
        return self.bases.index(closest)

    def class_number(self, name: str) -> int:
        """Return the number of a class's plain form; of the class of unrecognised events if there is none."""
        return self.classes.index(name) if name in self.classes else len(self.classes) - 1


@dataclass(slots=True)
class _Parts:
    """What the steps of ``build`` hand on."""

    rules: Sequence[Rule]
    variants: list[Variant]
    leaves: Leaves
    cost: dict[int, float]
    programs: list[Program]
    program_of: dict[tuple[int, tuple[tuple[int, int, int], ...]], int]
    class_programs: list[list[int]]
    rule_leaves: list[list[int]]

    def asked(self, variant: Variant) -> list[int]:
        """Return the leaves of all rules of a variant, also those answered beforehand: they are shown as matched."""
        return list(dict.fromkeys(leaf for index, _ in variant.rules for leaf in self.rule_leaves[index]))


def build(
    rules: Sequence[Rule],
    classes: Sequence[EventClass],
    probes: Sequence[Probe],
    bases: Sequence[LogSource],
    fields: Iterable[str],
    seed: int | None = None,
) -> Compiled:
    """Compile ``rules``.

    Args:
        rules: all that are to be evaluated.
        classes: the log-source table; the last one is for events that nothing else recognises.
        probes: in the order in which they are tried.
        bases: log sources that readers give.
        fields: further fields (name_key) that the tape must name, such as those that hold observables.
        seed: of the hashes; drawn at random unless given.
    """
    parts = _programs_of(rules, variants(classes, rules))
    names = _field_names(parts, probes, fields)
    seed = seed if seed is not None else secrets.randbits(64) | 1
    ids = {name: number for number, name in enumerate(names)}
    built = tables.Tables(
        names=_names(ids, seed),
        ways=_ways(seed),
        roles=_roles(ids),
        classes=_classes(parts.variants, probes, bases, ids, seed),
        folding=_folding(),
        automata=_automata(parts, ids),
        programs=_programs(parts),
        settling=settling(parts.leaves.predicates),
        texts=_texts(parts),
    )
    predicates_of = tuple(parts.leaves.predicates)
    asked = tuple(dict.fromkeys(predicate.field for predicate in predicates_of))
    places = {name: place for place, name in enumerate(asked)}
    return Compiled(
        tables=built,
        fields=tuple(names),
        leaves=predicates_of,
        asked_fields=asked,
        leaf_fields=np.array([places[predicate.field] for predicate in predicates_of], np.int32),
        classes=tuple(v.event_class.name for v in parts.variants),
        bases=tuple(bases),
    )


def _programs_of(rules: Sequence[Rule], found: list[Variant]) -> _Parts:
    leaves = Leaves()
    leaves.leaf(_NEVER)
    rule_leaves = [[leaves.leaf(predicate) for predicate in predicates(rule.tree)] for rule in rules]
    cost = {number: expected_hits(predicate) for number, predicate in enumerate(leaves.predicates)}
    parts = _Parts(rules, found, leaves, cost, [], {}, [], rule_leaves)
    forms: dict[tuple[int, Node], int | None] = {}
    for variant in found:
        numbers = (_program_number(parts, forms, index, tree) for index, tree in variant.rules)
        parts.class_programs.append([number for number in numbers if number is not None])
    return parts


def _program_number(parts: _Parts, forms: dict[tuple[int, Node], int | None], index: int, tree: Node) -> int | None:
    key = (index, tree)
    if key not in forms:
        forms[key] = _add_program(parts, index, tree)
    return forms[key]


def _add_program(parts: _Parts, index: int, tree: Node) -> int | None:
    form = normal_form(tree, parts.leaves)
    if form is False:
        return None
    made = program(index, Literal(0, negated=True) if form is True else form, parts.leaves, parts.cost)
    key = (index, made.code)
    if key not in parts.program_of:
        parts.program_of[key] = len(parts.programs)
        parts.programs.append(made)
    return parts.program_of[key]


def _field_names(parts: _Parts, probes: Sequence[Probe], fields: Iterable[str]) -> list[str]:
    """Return all fields that the tape names: those with a role first."""
    probed = [name for probe in probes for name in (probe.field, probe.second) if name]
    named = {name for v in parts.variants if v.key is None for name in _answering(parts, v)}
    roles = (*TIME_FIELDS, *HOST_FIELDS, *ID_FIELDS, *CHANNEL_FIELDS)
    return list(dict.fromkeys([*roles, *probed, *sorted(named | set(map(name_key, fields)))]))


def _answering(parts: _Parts, plain: Variant) -> set[str]:
    """Return the fields of an event that answer any rule of a class."""
    asked = [parts.leaves.predicates[leaf] for leaf in parts.asked(plain)]
    fields = {name for predicate in asked for name in (predicate.field, other_field(predicate))}
    return {name for field in fields if field is not None for name in plain.event_class.answers(field)}


def _names(ids: dict[str, int], seed: int) -> tables.Names:
    spelled = dict(ids)
    spelled |= {spelling: ids[name] for spelling, name in SYNONYMS.items() if name in ids}
    keys, values = hashing.make_table({hashing.hash_bytes(seed, name.encode()): number for name, number in spelled.items()})
    return tables.Names(np.array([seed], np.uint64), keys, values)


def _ways(seed: int) -> tables.Ways:
    numbers = {(): 0} | {way: number for number, way in enumerate(TRANSPARENT, start=1)}
    any_child = np.full(len(numbers), -1, np.int32)
    entries = {}
    for way, number in numbers.items():
        if way and way[-1] == "*":
            any_child[numbers[way[:-1]]] = number
        elif way:
            parent = numbers[way[:-1]]
            entries[hashing.hash_bytes(hashing.hash_bytes(seed, bytes([parent])), way[-1].encode())] = number
    keys, values = hashing.make_table(entries)
    return tables.Ways(keys, values, any_child)


def _roles(ids: dict[str, int]) -> tables.Roles:
    lists = (TIME_FIELDS, HOST_FIELDS, ID_FIELDS, CHANNEL_FIELDS)
    return tables.Roles(*(np.array([ids[name] for name in names], np.int32) for names in lists))


def _classes(found: list[Variant], probes: Sequence[Probe], bases: Sequence[LogSource], ids: dict[str, int], seed: int) -> tables.Classes:
    groups, entries = _groups(found, probes, bases, seed)
    keys, values = hashing.make_table(entries)
    plain, last = [], 0
    for number, variant in enumerate(found):
        last = number if variant.key is None else last
        plain.append(last)
    of_source: dict[LogSource, int] = {}
    for number, variant in enumerate(found):
        if variant.key is None:
            of_source.setdefault(variant.event_class.sources[0], number)
    fallback = [of_source.get(base, len(found) - 1) for base in bases]
    fields = [(ids[probe.field], ids[probe.second] if probe.second else -1) for probe in probes]
    return tables.Classes(
        rows(fields, 2, np.int32)[: len(fields)], groups, keys, values, np.array(plain, np.int32), np.array(fallback, np.int32)
    )


def _groups(found: list[Variant], probes: Sequence[Probe], bases: Sequence[LogSource], seed: int) -> tuple[tables.I32, dict[int, int]]:
    """Return (group of each base and probe, class table): bases to which a probe says the same share a group."""
    groups = np.zeros((len(bases), max(len(probes), 1)), np.int32)
    entries: dict[int, int] = {}
    for place, probe in enumerate(probes):
        mine = [(n, v) for n, v in enumerate(found) if v.key is not None and v.key.probe == probe]
        known: dict[tuple[int, ...], int] = {}
        for row, base in enumerate(bases):
            usable = tuple(number for number, variant in mine if variant.event_class.requires.covers(base))
            if usable not in known:
                known[usable] = len(known)
                _enter(entries, [found[n] for n in usable], usable, hashing.hash_bytes(seed, bytes([place, known[usable]])))
            groups[row, place] = known[usable]
    return groups, entries


def _enter(entries: dict[int, int], usable: list[Variant], numbers: tuple[int, ...], state: int) -> None:
    """Enter the variants that a probe can give; of those with the same key, and of those split off the same key, the first class's."""
    owners: dict[str, str] = {}
    for number, variant in zip(numbers, usable, strict=True):
        key = variant.key
        if key is not None and not key.derived:
            entries.setdefault(_key_hash(key, state), number)
            if key.second is None:
                owners.setdefault(key.value, variant.event_class.name)
    for number, variant in zip(numbers, usable, strict=True):
        key = variant.key
        if key is not None and key.derived and owners[key.value] == variant.event_class.name:
            entries.setdefault(_key_hash(key, state), number)


def _key_hash(key: Key, any_state: int) -> int:
    """Return the hash that ``kernel.scan`` looks a class up by."""
    first_any = key.value == ANY
    state = any_state if first_any else hashing.hash_bytes(any_state, key.value.encode())
    if key.second is None:
        return hashing.hash_bytes(state, bytes([scan.ANY_VALUE if first_any else scan.OTHER_SECOND]))
    if key.second == ANY:
        return hashing.hash_bytes(state, bytes([scan.ANY_SOME if first_any else scan.SOME_SECOND]))
    return hashing.hash_bytes(state, bytes([scan.ANY_EXACT if first_any else scan.EXACT_SECOND]) + key.second.encode())


def _folding() -> tables.Folding:
    pages = np.full(0x1100, -1, np.int32)
    wanted = sorted({code >> 8 for code in fold_table()})
    folds = np.arange(len(wanted) * 256, dtype=np.int32)
    for number, page in enumerate(wanted):
        pages[page] = number
        folds[number * 256 : number * 256 + 256] = [fold_table().get(code, code) for code in range(page << 8, (page << 8) + 256)]
    lower = np.array([ord(fold(chr(byte))) if byte <= _LAST_ASCII else byte for byte in range(256)], np.uint8)
    return tables.Folding(lower, pages, folds)


def _automata(parts: _Parts, ids: dict[str, int]) -> tables.Automata:
    questions = [question(predicate) for predicate in parts.leaves.predicates]
    builder = AutomataBuilder(gram_chooser(q.text for q in questions if isinstance(q, Pattern)))
    route = np.full((len(parts.variants), len(ids)), -1, np.int32)
    keyword = np.full(len(parts.variants), -1, np.int32)
    for number, variant in enumerate(parts.variants):
        by_field, everywhere = _wanted(parts, number, variant, questions)
        if everywhere:
            keyword[number] = builder.add(everywhere)
            route[number, :] = keyword[number]
        for name, wanted in by_field.items():
            route[number, ids[name]] = builder.add({*wanted, *everywhere})
    return tables.Automata(route, keyword, *builder.arrays())


def _wanted(parts: _Parts, number: int, variant: Variant, questions: list[Pattern | Check]) -> tuple[dict[str, set[Wanted]], set[Wanted]]:
    """Return what each field of a variant looks for, and what every field does (keywords)."""
    anchored = _anchored(parts, parts.class_programs[number])
    answers = cache(variant.event_class.answers)
    by_field: dict[str, set[Wanted]] = {}
    everywhere: set[Wanted] = set()
    for leaf in parts.asked(variant):
        field = parts.leaves.predicates[leaf].field
        wanted = Wanted(questions[leaf], leaf, anchored.get(leaf, ()))
        if field is None:
            everywhere.add(wanted)
        else:
            for name in answers(field):
                by_field.setdefault(name, set()).add(wanted)
        other = other_field(parts.leaves.predicates[leaf])
        for name in answers(other) if other else ():
            by_field.setdefault(name, set()).add(Wanted(Check(OTHER_SIDE), leaf, ()))
    return by_field, everywhere


def _anchored(parts: _Parts, programs: list[int]) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for number in programs:
        for leaf in parts.programs[number].anchor or ():
            found.setdefault(leaf, []).append(number)
    return {leaf: tuple(sorted(numbers)) for leaf, numbers in found.items()}


def _programs(parts: _Parts) -> tables.Programs:
    leaf_count = len(parts.leaves.predicates)
    ranges: list[tuple[int, int, int]] = []
    code: list[tuple[int, int, int]] = []
    for made in parts.programs:
        ranges.append((len(code), len(code) + len(made.code), made.rule))
        code += [(_shifted(literal, leaf_count), yes, no) for literal, yes, no in made.code]
    share = [[n for n in numbers if parts.programs[n].anchor is None] for numbers in parts.class_programs]
    return tables.Programs(
        rows(ranges, 3, np.int32), rows(code, 3, np.int32), *_lists(share), *_lists(parts.class_programs), *_lists(_leaf_sets(parts.leaves))
    )


def _lists(lists: Sequence[Sequence[int]]) -> tuple[tables.I32, tables.I32]:
    """Return (all values in sequence, (start, end) of each list)."""
    ends = np.cumsum([len(each) for each in lists], dtype=np.int32)
    starts = ends - np.array([len(each) for each in lists], np.int32)
    flat = np.array([value for each in lists for value in each] or [0], np.int32)
    return flat, np.stack([starts, ends], axis=1).astype(np.int32).reshape(-1, 2)


def _shifted(literal: int, leaf_count: int) -> int:
    """Number sets behind the leaves."""
    node, negated = literal >> 1, literal & 1
    return (node if node >= 0 else leaf_count - node - 1) * 2 + negated


def _leaf_sets(leaves: Leaves) -> list[list[int]]:
    of_leaf: list[list[int]] = [[] for _ in leaves.predicates]
    for number, members in enumerate(leaves.sets):
        for leaf in members:
            of_leaf[leaf].append(len(leaves.predicates) + number)
    return of_leaf


def positive(tree: Node, negated: bool = False) -> list[Predicate]:
    """Return the predicates under an even number of negations, from left to right."""
    match tree:
        case Predicate():
            return [] if negated else [tree]
        case Not(part):
            return positive(part, not negated)
        case And(inner) | Or(inner):
            return [found for part in inner for found in positive(part, negated)]


def _texts(parts: _Parts) -> tables.Texts:
    blob = bytearray()
    places: dict[bytes, int] = {}

    def put(text: bytes) -> tuple[int, int]:
        if text not in places:
            places[text] = len(blob)
            blob.extend(text)
        return places[text], places[text] + len(text)

    rule_rows: list[tuple[int, ...]] = []
    leaf_rows: list[tuple[int, ...]] = []
    for rule in parts.rules:
        shown = list(dict.fromkeys(positive(rule.tree)))
        by_hand = any(predicate.field is None or predicate.op is Op.NULL for predicate in shown)
        start, end = put(b',"rule":' + rule_json(rule))
        source = put(b',"logsource":' + orjson.dumps(rule.logsource.to_dict()))
        first = len(leaf_rows)
        leaf_rows += [(parts.leaves.leaf(p), *put(b'{"field":' + orjson.dumps(p.field))) for p in shown if p.field is not None]
        rule_rows.append((start, end, *source, first, len(leaf_rows), int(rule.silent), int(by_hand)))
    return tables.Texts(np.frombuffer(bytearray(blob or b"\0"), np.uint8), rows(rule_rows, 8, np.int32), rows(leaf_rows, 3, np.int32))
