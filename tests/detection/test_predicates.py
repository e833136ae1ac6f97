"""One predicate against one value: what the table of meanings leaves out, limits and hostile input."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kulla.detection import globs, regexes
from kulla.detection.folding import fold
from kulla.detection.ir import Op, Predicate
from kulla.detection.predicates import PAIRED_VALUES, Timeouts, folded, holds, holds_in, number, time_as_written
from kulla.model.errors import RuleError
from kulla.telemetry.flatten import Fields, Kind, Value
from tests.detection import strategies

MIB = 1024 * 1024
VALUE_OPS = [op for op in Op if op not in (Op.EXISTS, Op.NULL) and not op.name.startswith("FIELD_")]
#: Takes exponential time in a backtracking engine, and the look-ahead keeps it from RE2.
CATASTROPHIC = Predicate("f", Op.REGEX, r"^(?=a)(?:a|aa)+$")


def ask(op: Op, text: str, value: str, *, cased: bool = False, flags: str = "", kind: Kind = Kind.TEXT) -> bool:
    return holds(Predicate("f", op, text, cased, flags), Value(value, kind))


@pytest.mark.parametrize("kind", [Kind.NULL, Kind.CONTAINER])
@pytest.mark.parametrize("op", VALUE_OPS)
def test_null_and_containers_satisfy_nothing(op: Op, kind: Kind):
    text = {Op.REGEX: "", Op.CIDR: "::/0", Op.TIME_PART: "0", Op.CONTAINS: ""}.get(op, "0" if op.name[0] in "LG" else "")
    assert not ask(op, text, "", kind=kind, flags="hour" if op is Op.TIME_PART else "")


@pytest.mark.parametrize("op", [Op.EXISTS, Op.NULL, Op.FIELD_EQUALS])
def test_what_asks_about_the_event_is_no_question_to_a_value(op: Op):
    with pytest.raises(KeyError):
        ask(op, "x", "x")


TEXT_MEANING: dict[Op, Callable[[str, str], bool]] = {
    Op.EQUALS: str.__eq__,
    Op.CONTAINS: str.__contains__,
    Op.STARTSWITH: str.startswith,
    Op.ENDSWITH: str.endswith,
}


@given(st.sampled_from(list(TEXT_MEANING)), strategies.texts(), strategies.texts(), st.booleans())
def test_text_predicates(op: Op, text: str, value: str, cased: bool):
    expected = TEXT_MEANING[op](value, text) if cased else TEXT_MEANING[op](fold(value), fold(text))
    assert ask(op, text, value, cased=cased) is expected


@given(strategies.texts())
def test_folded_is_fold(text: str):
    assert folded(text) == folded(text) == fold(text)
    long = text * 2000
    assert folded(long) == fold(long)


# Globs


def glob_as_regex(glob: str) -> str:
    """Return a glob as a regular expression: the independent definition."""
    tokens = re.findall(r"\\[*?\\]|.", glob, re.DOTALL)
    return "".join({"*": ".*", "?": "."}.get(token) or re.escape(token[1:] if len(token) > 1 else token) for token in tokens)


@given(strategies.globs(), strategies.texts(), st.booleans())
def test_globs_mean_what_their_expressions_mean(glob: str, value: str, cased: bool):
    assume(glob.count("*") < 8)  # the expression backtracks, the glob does not
    plain = value if cased else fold(value)
    expected = re.fullmatch(glob_as_regex(glob if cased else fold(glob)), plain, re.DOTALL) is not None
    assert ask(Op.WILDCARD, glob, value, cased=cased) is expected


@given(st.text())
def test_an_escaped_text_matches_itself_only(text: str):
    glob = globs.escaped(text)
    assert globs.matches(glob, text)
    assert not globs.matches(glob, text + "x")


def test_globs_do_not_explode():
    value = "a" * MIB
    assert not ask(Op.WILDCARD, "*a" * 200 + "*b", value)
    assert ask(Op.WILDCARD, "*a" * 200 + "*", value)
    assert not ask(Op.WILDCARD, "*" + "a?" * 20 + "b*c", value)


def test_an_escape_at_the_end_of_a_glob_is_a_backslash():
    assert globs.matches("a\\", "a\\")
    assert globs.matches("*\\", "x\\")
    assert globs.matches("\\a*", "\\ab")


# Regular expressions


@pytest.mark.parametrize("pattern", strategies.EXPRESSIONS)
@pytest.mark.parametrize("value", ["", "a", "cmd.exe", "ab\ncmd", "aa", "bab", "4624 x.y", "é", "xß", "🏰z", "a\x00", "CMD"])
def test_the_engines_agree_with_each_other(pattern: str, value: str):
    expected = re.search(pattern.replace("(?i)", ""), value, re.ASCII | (re.IGNORECASE if "(?i)" in pattern else re.NOFLAG)) is not None
    assert ask(Op.REGEX, pattern, value) is expected


@pytest.mark.parametrize(
    ("pattern", "engine"),
    [
        ("(a+)+$", regexes.Linear),
        (r"\Qa.b\E$", regexes.Linear),
        ("(?=a)a", regexes.Backtracking),
        (r"(a)\1", regexes.Backtracking),
        ("a++b", regexes.Backtracking),
        ("(?>ab|a)c", regexes.Backtracking),
        ("a{1001}", regexes.Backtracking),
    ],
)
def test_re2_takes_what_it_can(pattern: str, engine: type):
    assert isinstance(regexes.compiled(pattern, ""), engine)


@pytest.mark.parametrize("lookahead", ["", "(?=[a$])"])
@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("a$", "a\n", True),
        ("a$", "a\n\n", False),
        (r"a\Z", "a\n", True),
        (r"a\z", "a\n", False),
        (r"a\z", "a", True),
        (r"a[$]", "a$", True),
        (r"a\$", "a", False),
        (r"a[\]$]$", "a$\n", True),
        (r"\Aa", "a", True),
    ],
)
def test_both_engines_anchor_alike(lookahead: str, pattern: str, value: str, expected: bool):
    assert isinstance(regexes.compiled(lookahead + pattern, ""), regexes.Backtracking if lookahead else regexes.Linear)
    assert ask(Op.REGEX, lookahead + pattern, value) is expected


def test_inline_flags_and_quoted_runs_keep_their_anchors():
    assert ask(Op.REGEX, "(?m)a$", "a\nb")
    assert ask(Op.REGEX, r"\Qa$\E$", "a$\n")


@pytest.mark.parametrize("pattern", ["(", "[", "a{2,1}", "*a", "(?<=a+", "\\", "(?=" * 2000 + ")" * 2000])
def test_an_expression_that_no_engine_reads_is_an_error(pattern: str):
    with pytest.raises(RuleError):
        regexes.compiled(pattern, "")


def test_too_long_expressions_are_errors():
    with pytest.raises(RuleError, match="longer than"):
        regexes.compiled("a" * (regexes.LENGTH + 1), "")
    with pytest.raises(RuleError, match="too long for the other engine"):
        regexes.compiled("(?=a)" + "a" * regexes.BACKTRACKING_LENGTH, "")


def test_linear_expressions_take_long_values():
    assert not ask(Op.REGEX, "(a+)+$", "a" * MIB + "b")
    assert ask(Op.REGEX, "(x+x+)+y", "x" * MIB + "y")


def test_a_catastrophic_expression_runs_into_the_limit_and_is_counted():
    regexes.compiled.cache_clear()
    timeouts = Timeouts()
    for _ in range(3):
        assert not holds(CATASTROPHIC, Value("a" * 300 + "b", Kind.TEXT), timeouts)
    assert timeouts.taken() == {CATASTROPHIC: 3}
    assert timeouts.taken() == {}


def test_an_expression_that_keeps_timing_out_costs_little():
    regexes.compiled.cache_clear()
    timeouts = Timeouts()
    values = 1500
    for _ in range(values):
        holds(CATASTROPHIC, Value("a" * 300 + "b", Kind.TEXT), timeouts)
    regex = regexes.compiled(CATASTROPHIC.text, "")
    assert isinstance(regex, regexes.Backtracking)
    assert regex.timeouts <= regexes.FREE_TIMEOUTS + values // regexes.VALUES_PER_TIMEOUT
    assert timeouts.taken() == {CATASTROPHIC: values}  # each of them is reported as undecided


@given(strategies.expressions(), strategies.texts(), st.sampled_from(["", "i", "m", "s", "ims"]))
def test_expressions_of_the_strategies_can_be_evaluated(pattern: str, value: str, flags: str):
    assert ask(Op.REGEX, pattern, value, flags=flags) in (True, False)


@given(st.text(alphabet="ab\\()[]{}|*+?^$.:=!<>PQEZzmis0129,-\n\0é", max_size=30), st.text(max_size=30))
def test_any_text_is_an_expression_or_an_error(pattern: str, value: str):
    try:
        regexes.compiled(pattern, "")
    except RuleError:
        return
    assert ask(Op.REGEX, pattern, value) in (True, False)


# Numbers, addresses, times


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("007", 7),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5),
        ("1e3", 1000),
        ("1E-1", 0.1),
        ("1" * 400, int("1" * 400)),
    ],
)
def test_numbers(text: str, value: float):
    found = number(text)
    assert found is not None
    assert abs(found - number(str(value))) == 0  # type: ignore[operator]


@pytest.mark.parametrize("text", ["", "-", ".", "e5", "1e", "0x10", "1,5", "1 ", "inf", "nan", "१", "1_000", "1" * 401, "1e99999", "--1"])
def test_what_is_no_number(text: str):
    assert number(text) is None
    assert not ask(Op.LT, "5", text)
    assert not ask(Op.GTE, "5", text)


@pytest.mark.parametrize(
    "text", ["1.2.3.4/8", "1.2.3", "1.2.3.4.5", "1.2.3.256", " 1.2.3.4", "01.2.3.4", "1::2::3", "x" * MIB, "1.2.3.4\n", "::1%"]
)
def test_what_is_no_address(text: str):
    assert not ask(Op.CIDR, "0.0.0.0/0", text)
    assert not ask(Op.CIDR, "::/0", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2022-07-15T09:14:03.1234567Z", "2022-07-15 09:14:03"),
        ("2022-07-15 09:14:03,5", "2022-07-15 09:14:03"),
        ("2022-07-15t09:14:03-0700", "2022-07-15 09:14:03"),
        ("2022-07-15 09:14", "2022-07-15 09:14:00"),
        ("2022-07-15 09:14:03 UTC", "2022-07-15 09:14:03"),
        ("2022-07-15", "2022-07-15 00:00:00"),
        ("1657876443.5", "2022-07-15 09:14:03"),
        ("1657876443123456", "2022-07-15 09:14:03"),
    ],
)
def test_times(text: str, shown: str):
    found = time_as_written(text)
    assert found is not None
    assert found.strftime("%Y-%m-%d %H:%M:%S") == shown


@pytest.mark.parametrize(
    "text", ["", "now", "2022", "2022-13-01T00:00:00Z", "2022-02-30", "9" * 19 + "9", "x" * MIB, "2022-07-15T25:00:00"]
)
def test_what_is_no_time(text: str):
    assert time_as_written(text) is None
    assert not ask(Op.TIME_PART, "0", text, flags="hour")


@given(
    st.sampled_from(VALUE_OPS).flatmap(lambda op: st.tuples(st.just(op), strategies._sides(op))),
    st.one_of(st.text(), strategies.long_texts()),
)
def test_any_value_can_be_asked(side: tuple[Op, tuple[str, str]], value: str):
    op, (text, flags) = side
    assert ask(op, text, value, flags=flags) in (True, False)


def test_many_values_of_two_fields_are_compared_within_bounds():
    values = [Value(str(index), Kind.TEXT) for index in range(PAIRED_VALUES + 1)]
    many = Fields({"a": values, "b": values[-1:], "c": values[-2:-1]})
    assert holds_in(Predicate("a", Op.FIELD_EQUALS, "c"), many)
    assert not holds_in(Predicate("a", Op.FIELD_EQUALS, "b"), many)


def test_null_values_are_left_out_of_comparisons_of_fields():
    event = Fields({"a": [Value("", Kind.NULL)], "b": [Value("", Kind.TEXT)]})
    assert not holds_in(Predicate("a", Op.FIELD_EQUALS, "b"), event)
    assert not holds_in(Predicate("b", Op.FIELD_CONTAINS, "a"), event)
