"""Random rules and events that share a vocabulary, so that they match often; hostile on purpose.

For properties that hold for every tree and event: the kernel equals the oracle, the normal form keeps the meaning.
"""

from __future__ import annotations

import re

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from kulla.detection.globs import escaped
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate, Rule
from kulla.model.logsource import LogSource
from kulla.telemetry.fields import name_key
from kulla.telemetry.flatten import Fields, flatten

#: Names that events and rules use; several spellings of one field, nested ones, wrapped ones.
FIELDS = ("Image", "image", "Command Line", "CommandLine", "EventID", "a.b", "a.b.c", "tag", "id.orig_h", "Ünder", "x", "Provider_Name")
#: Names that never occur in an event.
ABSENT = ("Missing", "a.b.c.d.e", "imag")

WORDS = (
    "", "a", "b", "ab", "abc", "abcd", "abcde", "cmd.exe", "\\cmd.exe", "C:\\Windows\\System32\\cmd.exe", "powershell", " -enc ",
    "/c whoami",
    "İ", "ı", "i", "I", "ß", "ẞ", "ss", "Σ", "σ", "ς", "é", "É", "K", "k", "ſ", "s", "ǅ", "ǆ", "Ǆ", "ﬁ", "Ω", "Ω", "日本", "שלום",
    "Ёж", "ёЖ",
    "\0", "\x01", "\t", "\n", "\r\n", "\x7f", "\x85", "\xff", "\xfe", "\xfd", "ÿ", "\u2028", "\ufeff", "\ufffd", "\uffff", "🏰",
    "🏰🏰", "𐐀", "𐐨",
    "*", "?", "\\", "\\\\", "\\*", "\\?", "**", "a*b", "a?b", "%", "$", "^", ".", "[", "]", "(", ")", "{", "}", "|", "+", '"',
    "'", "/", ",", ":",
    "true", "false", "null", "0", "1", "-1", "4624", "4688", "1.5", "1e3", "10.1.2.3", "192.168.0.1", "fe80::1", "::ffff:10.1.2.3",
    "2022-07-15T09:14:03Z", "2022-07-15 23:59:59.123", "1657876443", "aaaaaaaaaaaaaaab", "abababababababab", "x" * 70, "ab" * 300,
)  # fmt: skip

#: Expressions for RE2 and, the last ones, for the other engine.
EXPRESSIONS = (
    "a", "^a", "a$", "^$", "a.b", "[a-c]+", "(?:cmd|powershell)", r"\\cmd\.exe$", r"\d{3,}", r"\s", r"\w+\.\w+", "a|", ".*",
    "(a+)+$", "[^a]", r"\bcmd\b",
    "é", "🏰.", r"\x00", "i", "ß", "(?=cmd)c", r"(.)\1", "(?<!a)b", "(?i)CMD",
)  # fmt: skip

NETWORKS = ("10.0.0.0/8", "192.168.0.0/24", "0.0.0.0/0", "10.1.2.3/32", "fe80::/10", "::/0", "::ffff:0:0/96", "2001:db8::/32")
NUMBERS = ("0", "1", "-1", "4624", "4688", "1.5", "1000", "1e+16", "9007199254740993", "999999999999999", "1000000000000000")
PARTS = ("minute", "hour", "day", "week", "month", "year")
LIMITS = {"minute": 59, "hour": 23, "day": 31, "week": 53, "month": 12, "year": 2030}

_TEXT_OPS = (Op.EQUALS, Op.CONTAINS, Op.STARTSWITH, Op.ENDSWITH)
_ORDERINGS = (Op.LT, Op.LTE, Op.GT, Op.GTE)
_RELATIONS = (Op.FIELD_EQUALS, Op.FIELD_CONTAINS, Op.FIELD_STARTSWITH, Op.FIELD_ENDSWITH)


def texts() -> SearchStrategy[str]:
    """Return words of the vocabulary, a few of them joined, in changed case, cut, or any text at all."""
    word = st.sampled_from(WORDS)
    joined = st.lists(word, min_size=1, max_size=4).map("".join)
    changed = st.builds(lambda text, change: change(text), joined, st.sampled_from((str, str.upper, str.lower, str.swapcase)))
    cut = st.builds(lambda text, start, size: text[start : start + size], changed, st.integers(0, 5), st.integers(1, 12))
    return st.one_of(word, changed, cut, st.text(max_size=6))


def long_texts() -> SearchStrategy[str]:
    """Return texts of up to some ten thousand characters, with words of the vocabulary at their ends."""
    return st.builds(lambda before, filler, size, after: before + filler * size + after, texts(), texts(), st.integers(100, 3000), texts())


def globs() -> SearchStrategy[str]:
    """Return values with wildcards, as Predicate.text has them."""
    piece = st.one_of(texts().map(escaped), st.sampled_from(("*", "?", "*", "**", "\\*", "\\?", "\\\\")))
    return st.lists(piece, min_size=1, max_size=5).map("".join)


def expressions() -> SearchStrategy[str]:
    """Return regular expressions that one of the engines reads."""
    return st.one_of(st.sampled_from(EXPRESSIONS), texts().map(lambda text: re.escape(text.replace("\0", "")).replace("\\\n", "\\n")))


def names() -> SearchStrategy[str]:
    """Return field names as rules write them."""
    return st.one_of(st.sampled_from(FIELDS), st.sampled_from(FIELDS), st.sampled_from(ABSENT))


def _sides(op: Op) -> SearchStrategy[tuple[str, str]]:
    plain = st.just("")
    if op in _TEXT_OPS:
        return st.tuples(texts(), plain)
    if op is Op.WILDCARD:
        return st.tuples(globs(), plain)
    if op is Op.REGEX:
        return st.tuples(expressions(), st.sampled_from(("", "i", "m", "s", "im", "ims")))
    if op is Op.CIDR:
        return st.tuples(st.sampled_from(NETWORKS), plain)
    if op in _ORDERINGS:
        return st.tuples(st.sampled_from(NUMBERS), plain)
    if op in _RELATIONS:
        return st.tuples(names(), plain)
    if op is Op.TIME_PART:
        return st.sampled_from(PARTS).flatmap(_time_parts)
    return st.tuples(plain, plain)


def _time_parts(part: str) -> SearchStrategy[tuple[str, str]]:
    flags = st.sampled_from((part, f"{part} gte", f"{part} lt"))
    return st.tuples(st.integers(0, LIMITS[part]).map(str), flags)


@st.composite
def predicates(draw: st.DrawFn, *, keywords: bool = True) -> Predicate:
    """Return predicates of every kind; keywords (no field) only for those that ask a value."""
    op = draw(st.sampled_from((*Op, *_TEXT_OPS, *_TEXT_OPS)))
    text, flags = draw(_sides(op))
    bound = op in (Op.EXISTS, Op.NULL, *_RELATIONS) or not keywords
    field = draw(names() if bound else st.one_of(names(), names(), names(), st.none()))
    cased = op in (*_TEXT_OPS, Op.WILDCARD) and draw(st.booleans())
    return Predicate(field, op, text, cased, flags)


def trees(*, max_leaves: int = 12) -> SearchStrategy[Node]:
    """Return trees, empty "and" and "or" among them."""
    return st.recursive(predicates(), _inner, max_leaves=max_leaves)


def _inner(children: SearchStrategy[Node]) -> SearchStrategy[Node]:
    parts = st.lists(children, max_size=4).map(tuple)
    return st.one_of(st.builds(And, parts), st.builds(Or, parts), st.builds(Not, children))


def rules() -> SearchStrategy[Rule]:
    """Return rules for any log source, each with an id of its own."""
    return st.builds(lambda key, tree: Rule(str(key), "a rule", LogSource(), tree), st.uuids(), trees())


def aliases() -> SearchStrategy[dict[str, tuple[str, ...]]]:
    """Return alias maps as the oracle takes them, keys and names in name_key form."""
    key = names().map(name_key)
    return st.dictionaries(key, st.lists(key, min_size=1, max_size=2).map(tuple), max_size=3)


# Events, written byte by byte: json.dumps would give one form where logs have many.

_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _raw(char: str) -> str:
    if char in '"\\' or char < " ":
        return _SHORT_ESCAPES.get(char, _escaped(char))
    return char


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02X}" for place in range(0, len(units), 2))


def _short(char: str) -> str:
    return _SHORT_ESCAPES.get(char, _raw(char))


def strings() -> SearchStrategy[str]:
    """Return JSON strings: plain, with short escapes, with every character escaped, with unpaired surrogates."""
    written = st.builds(
        lambda text, style: '"' + "".join(map(style, text)) + '"',
        st.one_of(texts(), texts(), texts(), long_texts()),
        st.sampled_from((_raw, _raw, _short, _escaped)),
    )
    return st.one_of(written, written, written, st.sampled_from(('"\\ud800"', '"a\\udc00b"', '"\\ud800\\ud800\\udc00"', '"\\ud83cx"')))


def scalars() -> SearchStrategy[str]:
    """Return JSON values that are no containers."""
    number = st.sampled_from(("0", "-0", "1", "-1", "4624", "4688", "1.5", "1.50", "1e3", "1E+3", "1657876443", "1657876443.25", "9" * 40))
    return st.one_of(strings(), strings(), strings(), number, st.sampled_from(("true", "false", "null", "null")))


def containers(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    """Return JSON arrays and objects, empty ones and repeated keys among them."""
    array = st.lists(inner, max_size=4).map(lambda items: "[" + ", ".join(items) + "]")
    return st.one_of(array, objects(inner))


def objects(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    """Return JSON objects whose keys are parts of known names."""
    keys = ("a", "b", "c", "a.b", "b.c", "#text", "Image", "IMAGE", "tag", "id", "orig_h", "Event", "System", "EventData", "winlog", "x")
    key = st.one_of(st.sampled_from(keys), st.sampled_from(FIELDS)).map(lambda name: '"' + "".join(map(_raw, name)) + '"')
    blank = st.sampled_from(("", "", " ", "\n\t"))
    member = st.builds(lambda name, gap, value: f"{name}{gap}:{gap}{value}", key, blank, inner)
    return st.builds(lambda members, gap: "{" + gap + f",{gap}".join(members) + gap + "}", st.lists(member, min_size=1, max_size=6), blank)


def events() -> SearchStrategy[bytes]:
    """Return events: one JSON object each, in UTF-8."""
    value = st.recursive(scalars(), containers, max_leaves=8)
    wrapped = st.sampled_from(
        ("{}", '{{"Event": {}}}', '{{"winlog": {{"event_data": {}}}, "x": 1}}', '{{"Event": {{"System": {{}}, "EventData": {}}}}}')
    )
    return st.builds(lambda wrapper, event: (event if wrapper == "{}" else wrapper.format(event)).encode(), wrapped, objects(value))


# Rules made from events, so that about half of what they ask holds.


def _slices(text: str) -> SearchStrategy[str]:
    """Return parts of a value, its beginning, its end and itself, in changed case."""
    short = text[:400]
    inner = st.tuples(st.integers(0, len(short)), st.integers(0, len(short))).map(lambda ends: short[min(ends) : max(ends)])
    piece = st.one_of(
        inner, st.just(text), inner.map(lambda part: short[: len(part)]), inner.map(lambda part: text[len(text) - len(part) :])
    )
    return st.builds(lambda part, change: change(part), piece, st.sampled_from((str, str, str.upper, str.lower, str.swapcase)))


def _globs_of(text: str) -> SearchStrategy[str]:
    """Return globs made of a value: runs replaced by ``*``, characters by ``?``."""
    short = text[:200]
    mark = st.sampled_from(("*", "?", "**", "*?"))
    cuts = st.lists(st.integers(0, len(short)), min_size=2, max_size=4).map(sorted)

    def build(places: list[int], marks: list[str]) -> str:
        pieces = [short[: places[0]], *(short[end + 1 :] for end in places[-1:])]
        middle = "".join(mark + escaped(short[a + 1 : b]) for mark, a, b in zip(marks, places, places[1:], strict=False))
        return escaped(pieces[0]) + middle + marks[-1] + escaped(pieces[-1])

    return st.builds(build, cuts, st.lists(mark, min_size=4, max_size=4))


@st.composite
def predicates_of(draw: st.DrawFn, event: Fields) -> Predicate:
    """Return predicates that an event often satisfies."""
    held = [(name, value) for name, values in event.values.items() for value in values]
    if not held or draw(st.integers(0, 4)) == 0:
        return draw(predicates())
    name, value = draw(st.sampled_from(held))
    field = draw(st.sampled_from((name, name, name.upper() if name.isascii() else name, None)))
    op = draw(st.sampled_from((*_TEXT_OPS, *_TEXT_OPS, Op.WILDCARD, Op.REGEX, Op.EXISTS, Op.NULL, *_RELATIONS, *_ORDERINGS)))
    if op in _TEXT_OPS or op is Op.WILDCARD:
        text = draw(_slices(value.text) if op in _TEXT_OPS else _globs_of(value.text))
        return Predicate(field, op, text, draw(st.booleans()))
    if op is Op.REGEX:
        text = re.escape(draw(_slices(value.text))[:100]).replace("\0", "x00").replace("\\\n", "\\n")
        return Predicate(field, op, text, flags=draw(st.sampled_from(("", "i", "s"))))
    other = draw(st.sampled_from(held))[0] if op in _RELATIONS else ""
    return Predicate(name, op, draw(st.sampled_from(NUMBERS)) if op in _ORDERINGS else other)


@st.composite
def rules_and_events(draw: st.DrawFn, *, max_rules: int = 8, max_events: int = 6) -> tuple[list[Rule], list[bytes]]:
    """Return rules with trees over predicates made from the events, and the events."""
    found = draw(st.lists(events(), min_size=1, max_size=max_events))
    leaves = st.sampled_from([flatten(event) for event in found]).flatmap(predicates_of)
    tree = st.recursive(leaves, _inner, max_leaves=6)
    trees_drawn = draw(st.lists(tree, min_size=1, max_size=max_rules))
    rules_made = [
        Rule(f"{number:08d}-0000-4000-8000-000000000000", f"rule {number}", LogSource(), one) for number, one in enumerate(trees_drawn)
    ]
    return rules_made, found
