"""Automata of regular expressions say what the engine outside the kernel says."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kulla.detection import regexes
from kulla.detection.compiled.dfa import FOUND, GOES_ON, MAX_STATES, Automaton, automaton
from kulla.model.errors import RuleError


def accepts(machine: Automaton, text: str) -> bool:
    """Run an automaton as the kernel does: state 0 is "found", state 1 the beginning."""
    state = 1
    for byte in text.encode():
        state = machine.following[state * machine.columns + machine.classes[byte]]
        if state == 0:
            return True
    return machine.verdicts[state] != GOES_ON


CASES = [
    ("cmd", "", "a CMD b", False),
    ("cmd", "i", "a CMD b", True),
    ("^cmd$", "", "cmd\n", True),
    ("^cmd$", "", "cmd\n\n", False),
    ("a.c", "", "a\nc", False),
    ("a.c", "s", "a\nc", True),
    ("a.c", "", "aéc", True),
    ("a.c", "", "a🏰c", True),
    (r"\d{3}", "", "١٢٣", False),
    (r"\w", "", "é", False),
    (r"\W", "", "é", True),
    (r"[^x]", "", "x", False),
    (r"[^x]", "", "日", True),
    (r"\s", "", "\x0b", False),
    ("s", "i", "ſ", True),
    ("k", "i", "\u212a", True),
    ("[-/–]e", "", "–e", True),
    ("", "", "", True),
    ("a|", "", "b", True),
    ("(?:ab){2,3}$", "", "xababab", True),
    ("(?:ab){2,3}$", "", "xab", False),
    ("x{0}y", "", "y", True),
    ("(?i:a)b", "", "Ab", True),
    ("(?i:a)b", "", "AB", False),
]


@pytest.mark.parametrize(("pattern", "flags", "text", "expected"), CASES)
def test_meaning(pattern: str, flags: str, text: str, expected: bool) -> None:
    machine = automaton(pattern, flags)
    assert machine is not None
    assert accepts(machine, text) is expected
    assert regexes.compiled(pattern, flags).search(text) is expected


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(?<!a)b", r"(a)\1", r"\bcmd", "(", "(?m)^a", "(?x) a b", "[é-\uffff]", "[^é]"])
def test_what_is_not_for_an_automaton(pattern: str) -> None:
    assert automaton(pattern, "") is None


def test_flags_that_change_lines_are_left_to_the_other_engine() -> None:
    assert automaton("^a$", "m") is None


@pytest.mark.parametrize("pattern", ["(a|b)*a" + "(a|b)" * 20, ".{5000}", "((((a{30}){30}){30}){30})", "a{1000}{1000}"])
def test_size_is_bounded(pattern: str) -> None:
    machine = automaton(pattern, "")
    assert machine is None or len(machine.verdicts) <= MAX_STATES


def test_found_is_final() -> None:
    machine = automaton("ab", "")
    assert machine is not None
    assert machine.verdicts[0] == FOUND
    assert set(machine.following[: machine.columns]) == {0}


PIECES = ("a", "b", "ab", ".", "[ab]", "[^a]", r"\d", r"\w", r"\s", r"\S", "^", "$", r"\.", "é", "K", "s", "-", "\\\\", "0")
REPEATS = ("", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?")


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Return an expression of pieces, repeated, grouped and alternative."""
    parts = draw(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(REPEATS)), min_size=1, max_size=5))
    joined = "".join(piece + ("" if piece in "^$" else repeat) for piece, repeat in parts)
    if draw(st.booleans()):
        joined = f"(?:{joined}|{draw(st.sampled_from(PIECES))})" + draw(st.sampled_from(REPEATS[:6]))
    return joined + draw(st.sampled_from(("", "$", "b")))


TEXTS = st.text(alphabet=st.sampled_from("ab01 .-\\\n\t\x0bkKs\u212aſéß🏰_"), max_size=12)


@settings(max_examples=400)
@given(expressions(), st.sampled_from(("", "i", "s", "is")), st.lists(TEXTS, min_size=1, max_size=8))
def test_equals_the_engine(pattern: str, flags: str, texts: list[str]) -> None:
    machine = automaton(pattern, flags)
    assume(machine is not None)
    assert machine is not None
    try:
        engine = regexes.compiled(pattern, flags)
    except RuleError:
        assume(condition=False)
    for text in texts:
        assert accepts(machine, text) is engine.search(text), text


@settings(max_examples=200)
@given(st.text(max_size=20))
def test_any_text_as_expression(pattern: str) -> None:
    machine = automaton(pattern, "")
    assert machine is None or len(machine.classes) == 256
