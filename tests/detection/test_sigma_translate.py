"""From detection sections to trees: which predicates come out, what is refused with which words, what hostile rules cost."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kulla.detection.ir import And, Node, Not, Op, Or, Predicate, predicates
from kulla.detection.oracle import evaluate
from kulla.detection.sigma import translate
from kulla.detection.sigma.modifiers import base64_offsets
from kulla.detection.sigma.outcome import UnsupportedRuleError
from kulla.detection.sigma.translate import Translator
from kulla.detection.simplify import simplify
from kulla.model.errors import RuleError
from kulla.telemetry.flatten import Fields
from tests.detection.building import detection, tree

P = Predicate


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("F: text", P("F", Op.EQUALS, "text")),
        ("F: ''", P("F", Op.EQUALS)),
        ("F: 'a*'", P("F", Op.STARTSWITH, "a")),
        ("F: '*a'", P("F", Op.ENDSWITH, "a")),
        ("F: '**a**'", P("F", Op.CONTAINS, "a")),
        ("F: '*'", P("F", Op.CONTAINS)),
        ("F|contains: ''", P("F", Op.CONTAINS)),
        ("F|contains: '*a*'", P("F", Op.CONTAINS, "a")),
        ("F: 'a*b?c'", P("F", Op.WILDCARD, "a*b?c")),
        (r"F: 'a\\*b\*c\d?'", P("F", Op.WILDCARD, r"a\\*b\*c\\d?")),
        (r"F|endswith: '\x'", P("F", Op.ENDSWITH, r"\x")),
        ("F|cased|contains: aB", P("F", Op.CONTAINS, "aB", cased=True)),
        ("F: 5", P("F", Op.EQUALS, "5")),
        ("F: 5.0", P("F", Op.EQUALS, "5")),
        ("F: 0.5", P("F", Op.EQUALS, "0.5")),
        ("F: -18446744073709551617", P("F", Op.EQUALS, "-18446744073709551617")),
        ("F|contains: 47", P("F", Op.CONTAINS, "47")),
        ("F|windash|contains: -5", Or(tuple(P("F", Op.CONTAINS, f"{dash}5") for dash in "-/–—―"))),
        ("F|startswith: true", P("F", Op.STARTSWITH, "true")),
        ("F: yes", P("F", Op.EQUALS, "true")),
        ("F: null", P("F", Op.NULL)),
        ("F|exists: true", P("F", Op.EXISTS)),
        ("F|exists: false", Not(P("F", Op.EXISTS))),
        ("F|re: 'a*'", P("F", Op.REGEX, "a*")),
        ("F|re|i|s: a", P("F", Op.REGEX, "a", flags="is")),
        ("F|re|ignorecase|multiline|dotall: a", P("F", Op.REGEX, "a", flags="ims")),
        ("F|re: 4688", P("F", Op.REGEX, "4688")),
        ("F|re|contains: 'a|b'", P("F", Op.REGEX, "a|b")),
        ("F|re|startswith: 'a|b'", P("F", Op.REGEX, r"\A(?:a|b)")),
        ("F|cidr: 10.0.0.0/8", P("F", Op.CIDR, "10.0.0.0/8")),
        ("F|cidr: '2001:DB8::/32'", P("F", Op.CIDR, "2001:db8::/32")),
        ("F|gt: 1.5", P("F", Op.GT, "1.5")),
        ("F|lte: -3", P("F", Op.LTE, "-3")),
        ("F|fieldref: G", P("F", Op.FIELD_EQUALS, "G")),
        ("F|fieldref|startswith: G", P("F", Op.FIELD_STARTSWITH, "G")),
        ("F|fieldref|endswith: G", P("F", Op.FIELD_ENDSWITH, "G")),
        ("F|fieldref|contains: G", P("F", Op.FIELD_CONTAINS, "G")),
        ("F|hour: 5", P("F", Op.TIME_PART, "5", flags="hour")),
        ("F|minute|lt: 5", P("F", Op.TIME_PART, "5", flags="minute lt")),
        ("F|neq: a", Not(P("F", Op.EQUALS, "a"))),
        ("F|base64: a", P("F", Op.EQUALS, "YQ==")),
        ("F|wide: a", P("F", Op.EQUALS, "a\0")),
        ("F|utf16be: a", P("F", Op.EQUALS, "\0a")),
        ("F|utf16: a", P("F", Op.EQUALS, "\ufeffa\0")),
        ("'|all': [a, b]", And((P(None, Op.CONTAINS, "a"), P(None, Op.CONTAINS, "b")))),
        ("'|startswith': a", P(None, Op.STARTSWITH, "a")),
        ("'|re': a", P(None, Op.REGEX, "a")),
        ("F: [a, a, A]", Or((P("F", Op.EQUALS, "a"), P("F", Op.EQUALS, "A")))),
    ],
)
def test_an_item_gives_a_tree(item: str, expected: Node):
    assert tree(f"s: {{{item}}}") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k: [a, 'b*c']", Or((P(None, Op.CONTAINS, "a"), P(None, Op.WILDCARD, "*b*c*")))),
        ("k: 5", P(None, Op.CONTAINS, "5")),
        ("{a: {A: 1}, b: {B: 1}, condition: not (a or not b)}", Not(Or((P("A", Op.EQUALS, "1"), Not(P("B", Op.EQUALS, "1")))))),
        ("{a: {A: 1}, condition: a and a and not not a}", P("A", Op.EQUALS, "1")),
        ("{a: {A: 1}, condition: [a, a]}", P("A", Op.EQUALS, "1")),
    ],
)
def test_a_section_gives_a_tree_in_normal_form(text: str, expected: Node):
    assert tree(text) == expected == simplify(expected)


@pytest.mark.parametrize("text", ["{a: {A: 1}, b: {B: 1}, condition: all of them}", "s: {A: 1, B: 1}"])
def test_different_words_for_the_same_give_the_same_tree(text: str):
    assert tree(text) == And((P("A", Op.EQUALS, "1"), P("B", Op.EQUALS, "1")))


def test_base64_offsets_leave_out_what_depends_on_the_neighbours():
    import base64

    for data in (b"a", b"ab", b"abc", b"abcd", "ключ".encode()):
        for before, wanted in enumerate(base64_offsets(data)):
            for after in range(3):
                assert wanted in base64.b64encode(b"\xff" * before + data + b"\x00" * after).decode()


def test_windash_with_all_keeps_each_value_one_alternative():
    found = tree("s: {F|windash|contains|all: [' -a', b]}")
    assert isinstance(found, And)
    assert [type(part) for part in found.parts] == [Or, Predicate]
    assert len(predicates(found)) == 6


def test_placeholders_combine_with_text_wildcards_and_each_other():
    found = tree("s: {F|expand|contains: 'x%a%-%b%*'}", {"a": ("1", "2"), "b": ("?",)})
    assert found == Or((P("F", Op.WILDCARD, "*x1-?*"), P("F", Op.WILDCARD, "*x2-?*")))


def test_placeholders_come_before_what_is_done_with_the_value():
    assert tree("s: {F|expand|base64: '%a%'}", {"a": ("foo", "bar")}) == Or((P("F", Op.EQUALS, "Zm9v"), P("F", Op.EQUALS, "YmFy")))


def test_placeholders_in_expressions_are_parts_of_them():
    assert tree("s: {F|re|expand: '^%a%$'}", {"a": ("x+", "y")}) == Or((P("F", Op.REGEX, "^x+$"), P("F", Op.REGEX, "^y$")))


def test_placeholders_need_the_modifier_and_a_name():
    assert tree("s: {F: '%a%'}", {"a": ("1",)}) == P("F", Op.EQUALS, "%a%")
    assert tree("s: {F|expand: '100%'}") == P("F", Op.EQUALS, "100%")


def test_a_placeholder_without_values_matches_nothing():
    assert tree("s: {F|expand: '%a%'}", {"a": ()}) == Or(())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s: {F|foo: a}", r'in "s": "F\|foo": unknown modifier "foo"'),
        ("s: {F|Contains: a}", 'unknown modifier "Contains"'),
        ("s: {F|re: '('}", r'in "s": "F\|re": .*invalid'),
        ("s: {F|cidr: 10.0.0.1/8}", "host bits"),
        ("s: {F|cidr: nonsense}", "CIDR"),
        ("s: {F|gt: text}", r'"F\|gt"'),
        ("s: {F|gt: true}", r'"F\|gt"'),
        ("s: {F|hour: text}", r'"F\|hour"'),
        ("s: {F|exists: 5}", r'"F\|exists"'),
        ("s: {F|contains: null}", r'"F\|contains"'),
        ("s: {F|base64: 'a*'}", "wildcards"),
        ("s: {F|base64offset: 'a?'}", "wildcards"),
        ("s: {F|fieldref: 'a*'}", "wildcards"),
        ("s: {F|re: null}", "must be text"),
        ("s: {F|cased|re: a}", "unmodified"),
        ("s: {F|wide: é}", "ascii"),
        ("s: {F: .inf}", "number"),
        ("s: {F: {G: 1}}", '"F" must have a value or a list of values'),
        ("s: {F: [[1]]}", '"F" must have a value or a list of values'),
        ("s: {'|exists': true}", "field"),
        ("k: [null]", "null is no keyword"),
        ("k: null", "null is no keyword"),
        ("s: {'': null}", "null is no keyword"),
        ("s: {}", "nothing is asked"),
        ("s: []", "the list is empty"),
        ("s: [a, {}]", "nothing is asked"),
        ("{s: {A: 1}, condition: t}", "'t' not defined"),
        ("{s: {A: 1}, condition: 1 of t*}", "doesn't match any"),
        ("{s: {A: 1}, condition: s and}", "Expected"),
        ("{s: {A: 1}, condition: (s}", "arenthes"),
        ("{s: {A: 1}, condition: s | count() > 5}", "deprecated"),
        ("{s: {A: 1}, condition: 2 of s*}", "."),
        ("{s: {A: 1}, condition: ''}", "the condition must be text"),
        ("{s: {A: 1}, condition: 5}", "the condition must be text"),
        ("{s: {A: 1}, condition: [s, {}]}", "the condition must be text"),
        ("{s: {A: 1}, condition: []}", "the condition must be text"),
        ("{condition: s}", "defines nothing"),
    ],
)
def test_what_is_invalid(text: str, message: str):
    with pytest.raises(RuleError, match=message) as caught:
        tree(text)
    assert not isinstance(caught.value, UnsupportedRuleError)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("section", [None, 5, "text", [], [{"a": 1}]])
def test_a_detection_that_is_no_mapping(section: Any):
    with pytest.raises(RuleError, match="the detection must be a mapping"):
        Translator({}).tree(section)


MANY = "[" + ",".join(f"v{number}" for number in range(6000)) + "]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s: {F|expand: '%gone%'}", "placeholder %gone% has no value"),
        ("s: {F|windash: '-a -b -c -d'}", "dash"),
        ("s: {F|cased|fieldref: G}", "without regard to case only"),
        ("s: {'|fieldref': G}", "a keyword cannot refer to a field"),
        (f"s: {{F|base64offset|contains: {MANY}, G|contains: {MANY}}}", "more than 20000 values"),
        (f"{{s: {{F: {MANY}}}, condition: s or not s or (s and s)}}", "more than 20000 values"),
        (f"{{s: {{F: {MANY}}}, condition: 1 of them or 1 of them or 1 of them or 1 of them}}", "more than 20000 values"),
        ("s: {F|windash|contains: [" + ",".join(["' -a /b -c'"] * 200) + "]}", "more than 20000 values"),
        ("{s: {F: 1}, condition: " + " or ".join(["s"] * 600) + "}", "more than 1000 words"),
    ],
)
def test_what_is_unsupported(text: str, message: str):
    with pytest.raises(UnsupportedRuleError, match=message):
        tree(text)


def test_placeholders_may_not_explode():
    hundred = tuple(str(number) for number in range(100))
    with pytest.raises(UnsupportedRuleError, match="more than 20000 values"):
        tree("s: {F|expand: '%a%%a%%a%'}", {"a": hundred})


def test_a_large_rule_within_the_bounds_is_translated():
    assert len(predicates(tree(f"s: {{F|contains: {MANY}}}"))) == 6000


HOSTILE_CONDITIONS = [
    "(" * 5000 + "s" + ")" * 5000,
    "(" * 41 + "s" + ")" * 41,
    "not " * 2000 + "s",
    "not (" * 500 + "s" + ")" * 500,
    "s and " * 3000 + "s",
    "1 of " + "*s" * 2000,
    "1 of s*" * 2000,
    "s" * 20_000,
    ")" * 3000,
    "(" * 3000,
]


@pytest.mark.parametrize("condition", HOSTILE_CONDITIONS)
def test_hostile_conditions_are_refused(condition: str):
    with pytest.raises(RuleError):
        Translator({}).tree({"s": {"A": 1}, "condition": condition})


def test_deep_but_bounded_conditions_are_fine():
    condition = "not (" * 19 + "s" + ")" * 19
    assert Translator({}).tree({"s": {"A": 1}, "condition": condition}) == Not(P("A", Op.EQUALS, "1"))


def test_patterns_of_names_do_not_backtrack():
    names = {"a" * 200 + str(number): {"A": 1} for number in range(20)}
    with pytest.raises(RuleError, match="doesn't match any"):
        Translator({}).tree({**names, "condition": "1 of " + "*a" * 100 + "b"})


def test_deeply_nested_lists_are_no_crash():
    section: Any = {"A": 1}
    for _ in range(2000):
        section = [section]
    with pytest.raises(RuleError):
        Translator({}).tree({"s": section, "condition": "s"})


def test_whatever_pysigma_raises_is_a_rule_error(monkeypatch: pytest.MonkeyPatch):
    from kulla.detection.sigma import definitions

    def fail(*_: object) -> None:
        raise IndexError("of its own")

    monkeypatch.setattr(definitions, "conditions", fail)
    with pytest.raises(RuleError, match="IndexError: of its own"):
        Translator({}).tree(detection("s: {A: 1}"))


# Mutated rules: any shape of detection is a tree or an error

KEYS = ("F", "F|contains", "F|re", "F|re|i", "F|windash|contains|all", "F|base64offset", "F|wide|base64", "F|cidr", "F|gt", "F|hour|lte",
        "F|exists", "F|fieldref|endswith", "F|neq", "F|expand", "|all", "|re", "", "F|",
        "|", "F|cased|contains", "F|utf16|base64offset|contains")  # fmt: skip
NAMES = ("selection", "filter_a", "filter_b", "_hidden", "keywords", "1", "of", "not", "a-b", "them", "condition")
MODIFIERS = tuple(sorted({name for key in KEYS for name in key.split("|")[1:] if name} | {"utf16le", "utf16be", "minute", "s", "m", "lt"}))

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
    st.sampled_from(("*", "a*b", "-a", "%x%", "10.0.0.0/8", "(a)", "(?=a)b", "\\*", "F", "é", "a?", "**", "\ud83c", "a" * 3000)),
)  # fmt: skip
keys = st.one_of(
    st.sampled_from(KEYS), st.lists(st.sampled_from(MODIFIERS), max_size=4).map(lambda names: "|".join(["F", *names])), st.text(max_size=4)
)
values = st.one_of(scalars, st.lists(scalars, max_size=4))
definitions = st.recursive(
    st.one_of(values, st.dictionaries(keys, values, max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)
words = st.sampled_from((*NAMES, "and", "or", "not", "(", ")", "1 of", "all of", "any of", "them", "filter*", "*", "|", "5"))
condition_texts = st.one_of(st.just("selection"), st.lists(words, max_size=8).map(" ".join), st.text(max_size=10))
sections = st.builds(
    lambda parts, condition: parts | {"condition": condition},
    st.dictionaries(st.sampled_from(NAMES), definitions, max_size=4),
    st.one_of(condition_texts, condition_texts, st.lists(condition_texts, max_size=3), scalars),
)


@settings(max_examples=400)
@given(sections)
def test_any_section_is_a_tree_or_an_error(section: dict[str, Any]):
    with suppress(RuleError):
        found = Translator({"x": ("1", "a*")}).tree(section)
        assert found == simplify(found)
        assert evaluate(found, Fields({})) in (True, False)


attributes = st.dictionaries(
    st.sampled_from(("id", "title", "name", "level", "status", "tags", "logsource", "author", "description")), definitions
)


@given(attributes)
def test_any_attributes_are_a_rule_or_an_error(given_attributes: dict[str, Any]):
    document = {"logsource": {"product": "windows"}, **given_attributes, "detection": {"s": {"A": 1}, "condition": "s"}}
    with suppress(RuleError):
        found = Translator({}).rule(document, "rules/a.yml", 3)
        assert found.rule.tree == P("A", Op.EQUALS, "1")
        assert (found.rule.path, found.rule.line, len(found.rule.id)) == ("rules/a.yml", 3, 36)
        assert all(isinstance(text, str) for text in (*found.rule.tags, found.rule.title, found.rule.author, found.rule.description))


@pytest.mark.parametrize(
    ("logsource", "message"),
    [
        (None, "has no log source"),
        ("windows", "has no log source"),
        ({}, "neither"),
        ({"product": ["x"]}, "must be text"),
        ({"service": ""}, "neither"),
    ],
)
def test_wrong_log_sources(logsource: Any, message: str):
    with pytest.raises(RuleError, match=message):
        translate.logsource({"logsource": logsource})
