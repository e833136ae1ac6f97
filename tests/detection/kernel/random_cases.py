"""Rules and events by a seeded random number generator: many times quicker than Hypothesis, for volume.

A difference is narrowed down to one rule and one event before it is shown.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Sequence

from kulla.detection.globs import escaped
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate, Rule
from kulla.model.logsource import LogSource
from kulla.telemetry.flatten import Fields, flatten
from tests.detection import strategies as vocabulary
from tests.detection.kernel.both_ways import Setting, check, renumbered

#: Set by .ci/run: many more examples.
SLOW = bool(os.environ.get("KULLA_SLOW_TESTS"))
_TEXT_OPS = (Op.EQUALS, Op.CONTAINS, Op.STARTSWITH, Op.ENDSWITH)
_RELATIONS = (Op.FIELD_EQUALS, Op.FIELD_CONTAINS, Op.FIELD_STARTSWITH, Op.FIELD_ENDSWITH)
_ORDERINGS = (Op.LT, Op.LTE, Op.GT, Op.GTE)
_SURROGATES = ('"\\ud800"', '"a\\udc00b"', '"\\ud800\\ud800\\udc00"', '"\\ud83cx"', '"raw\x01control"')
_NUMBERS = (
    "0",
    "-0",
    "1",
    "-1",
    "4624",
    "4688",
    "1.5",
    "1.50",
    "1e3",
    "1E+3",
    "1657876443",
    "1657876443.25",
    "9" * 40,
    "123456789012345678",
)
_WRAPPERS = (
    "{}", "{}", "{}", '{{"Event": {}}}', '{{"winlog": {{"event_data": {}}}, "x": 1}}', '{{"Event": {{"System": {{}}, "EventData": {}}}}}',
    '{{"_source": {{"winlog": {}}}}}', '{{"UserData": {{"Any": {}}}}}', '{{"Event": [{}, 1]}}',
)  # fmt: skip


def by_hand(count: int) -> int:
    """Return ``count``, twenty times as many where slow tests are wanted."""
    return count * 20 if SLOW else count


class Maker:
    """Makes rules and events; the same seed, the same ones.

    Args:
        seed: of the generator.
        names: fields of events.
        keys: further members that some events have: name -> JSON values.
        sources: log sources of rules.
    """

    def __init__(
        self,
        seed: int,
        names: Sequence[str] = vocabulary.FIELDS,
        keys: dict[str, Sequence[str]] | None = None,
        sources: Sequence[LogSource] = (LogSource(),),
    ) -> None:
        self.rng = random.Random(seed)
        self._names, self._keys, self._sources = tuple(names), keys or {}, sources

    # Events.

    def text(self) -> str:
        """Return a text of the vocabulary, a few joined, cut, in changed case; a long one now and then."""
        rng = self.rng
        text = "".join(rng.choices(vocabulary.WORDS, k=rng.choice((1, 1, 1, 2, 3))))
        if rng.random() < 0.3:
            start = rng.randrange(len(text) + 1)
            text = text[start : start + rng.randrange(1, 12)]
        if rng.random() < 0.3:
            text = rng.choice((text.upper(), text.lower(), text.swapcase()))
        if rng.random() < 0.01:
            text = text + rng.choice(vocabulary.WORDS) * rng.randrange(500) + text
        return text

    def string(self) -> str:
        """Return a JSON string in one of the ways to write it."""
        draw = self.rng.random()
        if draw < 0.02:
            return self.rng.choice(_SURROGATES)
        style = vocabulary._raw if draw < 0.6 else vocabulary._short if draw < 0.85 else vocabulary._escaped
        return '"' + "".join(map(style, self.text())) + '"'

    def value(self, depth: int = 0) -> str:
        """Return any JSON value."""
        draw = self.rng.random()
        if draw < 0.7 or depth > 2:
            return self.string()
        if draw < 0.8:
            return self.rng.choice(_NUMBERS)
        if draw < 0.86:
            return self.rng.choice(("true", "false", "null", "null"))
        if draw < 0.95:
            return "[" + ",".join(self.value(depth + 1) for _ in range(self.rng.randrange(4))) + "]"
        return self.object(depth + 1)

    def object(self, depth: int = 0) -> str:
        """Return a JSON object with names of the vocabulary."""
        rng = self.rng
        more = ("#text", "a", "b", "c", "System", "EventData", "", " ", "\\u0041") if depth or rng.random() < 0.1 else ()
        members = [f"{self._key(rng.choice((*self._names, *more)))}:{self.value(depth)}" for _ in range(rng.randrange(6))]
        if not depth:
            members += [f"{self._key(name)}: {rng.choice(values)}" for name, values in self._keys.items() if rng.random() < 0.8]
            rng.shuffle(members)
        return "{" + rng.choice((",", ", ", " ,\n")).join(members) + "}"

    def _key(self, name: str) -> str:
        if self.rng.random() < 0.1:
            name = self.rng.choice((name.upper(), name.lower(), " " + name))
        return f'"{name}"'

    def event(self) -> bytes:
        """Return an event; one in fifty is damaged."""
        event = self.rng.choice(_WRAPPERS).format(self.object()).encode()
        if self.rng.random() < 0.02:
            place = self.rng.randrange(len(event) + 1)
            event = (event[:place] + self.rng.choice((b'"', b"}", b",", b"\\", b"\x00", b""))).decode("utf-8", "replace").encode()
        return event

    # Rules.

    def rule(self, events: Sequence[Fields]) -> Rule:
        """Return a rule that often holds for one of the events."""
        about = self.rng.choice(events) if events and self.rng.random() < 0.9 else None
        silent = self.rng.random() < 0.05
        return Rule("", "", self.rng.choice(self._sources), self.tree(about, self.rng.choice((0, 1, 2, 3))), silent=silent)

    def tree(self, about: Fields | None, depth: int) -> Node:
        """Return a tree of predicates."""
        draw = self.rng.random()
        if depth == 0 or draw < 0.15:
            return self.predicate(about)
        if draw < 0.35:
            return Not(self.tree(about, depth - 1))
        parts = tuple(self.tree(about, depth - 1) for _ in range(self.rng.choice((0, 1, 2, 2, 3, 4))))
        return And(parts) if draw < 0.7 else Or(parts)

    def predicate(self, about: Fields | None) -> Predicate:
        """Return a predicate about a value that the event has, or about anything."""
        held = [(name, value.text) for name, values in about.values.items() for value in values] if about else []
        held = [(name, text) for name, text in held if name]  # no rule has a field without a name
        name, text = self.rng.choice(held) if held and self.rng.random() < 0.8 else (self.rng.choice(self._names), self.text())
        if self.rng.random() < 0.2:
            name = self.rng.choice((*self._names, *vocabulary.ABSENT))
        return self.asking(name, text)

    def asking(self, name: str, text: str) -> Predicate:
        """Return a predicate of any kind that a value may satisfy."""
        rng = self.rng
        op = rng.choice((*Op, *_TEXT_OPS, *_TEXT_OPS, *_TEXT_OPS, Op.WILDCARD, Op.REGEX))
        if op in (Op.EXISTS, Op.NULL):
            return Predicate(name, op)
        if op in _RELATIONS:
            return Predicate(name, op, rng.choice(self._names), rng.random() < 0.2)
        field = None if rng.random() < 0.08 else name
        if op in _TEXT_OPS:
            return Predicate(field, op, self._part(text, op), rng.random() < 0.2)
        if op is Op.WILDCARD:
            return Predicate(field, op, self._glob(text), rng.random() < 0.2)
        if op is Op.REGEX:
            return Predicate(field, op, self._expression(text), flags=rng.choice(("", "", "i", "s", "m", "is")))
        if op is Op.CIDR:
            return Predicate(field, op, rng.choice(vocabulary.NETWORKS))
        if op in _ORDERINGS:
            return Predicate(field, op, rng.choice(vocabulary.NUMBERS))
        part = rng.choice(vocabulary.PARTS)
        return Predicate(field, op, str(rng.randrange(vocabulary.LIMITS[part] + 1)), flags=rng.choice((part, f"{part} gte", f"{part} lt")))

    def _part(self, text: str, op: Op) -> str:
        rng, short = self.rng, text[:300]
        start, end = sorted((rng.randrange(len(short) + 1), rng.randrange(len(short) + 1)))
        part = {Op.EQUALS: text, Op.STARTSWITH: short[:end], Op.ENDSWITH: text[len(text) - end :], Op.CONTAINS: short[start:end]}[op]
        return rng.choice((str, str, str.upper, str.lower, str.swapcase))(part)

    def _glob(self, text: str) -> str:
        rng, glob = self.rng, ""
        for char in text[:60]:
            glob += rng.choice(("?", "*", "", "**")) if rng.random() < 0.15 else escaped(char)
        return glob + rng.choice(("", "", "*", "?", "\\")) + ("*" if len(text) > 60 else "")

    def _expression(self, text: str) -> str:
        rng = self.rng
        if rng.random() < 0.4:
            return rng.choice(vocabulary.EXPRESSIONS)
        pieces = []
        for char in text[rng.randrange(len(text[:40]) + 1) :][:20]:
            plain = re.escape(char) if char not in "\0\n" else "."
            pieces.append(
                rng.choice(
                    (plain, plain, plain, plain, ".", f"{plain}+", f"(?:{plain}|x)", f"[{plain}-{plain}]", f"{plain}?", f"{plain}{{1,3}}")
                )
            )
        return rng.choice(("", "", "^", "(?i)")) + "".join(pieces) + rng.choice(("", "", "$", "\\Z"))


def sound(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules whose expressions an engine can read; translation refuses the others."""
    from kulla.detection import regexes
    from kulla.detection.ir import predicates
    from kulla.model.errors import RuleError

    def readable(predicate: Predicate) -> bool:
        try:
            return predicate.op is not Op.REGEX or bool(regexes.compiled(predicate.text, predicate.flags))
        except RuleError:
            return False

    return [rule for rule in rules if all(map(readable, predicates(rule.tree)))]


def run(seeds: Sequence[int], make: Callable[[int], Maker], setting: Setting, *, rules: int = 24, events: int = 16) -> int:
    """Compare the engines on many rules and events for each seed; return how many detections there were."""
    found = 0
    for seed in seeds:
        maker = make(seed)
        made = [maker.event() for _ in range(events)]
        chosen = renumbered(sound([maker.rule([_fields(event) for event in made]) for _ in range(rules)]))
        try:
            found += int(check(chosen, made, setting).rule_hits.sum())
        except AssertionError:
            narrow(chosen, made, setting)
            raise
    return found


def _fields(event: bytes) -> Fields:
    try:
        return flatten(event)
    except ValueError:
        return Fields({})


def narrow(rules: Sequence[Rule], events: Sequence[bytes], setting: Setting) -> None:
    """Raise for the first single rule and event on which the engines differ, if there is one."""
    for rule in rules:
        for event in events:
            try:
                check(renumbered([rule]), [event], setting)
            except AssertionError as error:
                raise AssertionError(f"{rule.tree}\n{rule.logsource}\n{event!r}") from error


def json_values(*values: object) -> tuple[str, ...]:
    """Return JSON of each value: as it is, as text, in lists, under ``#text``, escaped."""
    plain = [json.dumps(value) for value in values]
    texts = [json.dumps(str(value)) for value in values]
    odd = ['"' + "".join(f"\\u{ord(char):04x}" for char in str(value)) + '"' for value in values]
    wrapped = [f'{{"#text": {one}, "q": ""}}' for one in plain]
    return (*plain, *plain, *plain, *texts, *odd, *wrapped, f"[{', '.join(plain[:2])}]", f"[null, {plain[0]}, {plain[0]}]", "null", "[]")
