"""The text that a pattern requires is in everything that it matches."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from kulla.detection import regexes
from kulla.detection.compiled.literals import ANY_ONE, glob_pieces, regex_literal
from kulla.detection.folding import fold
from tests.detection.compiled.test_dfa import TEXTS, expressions


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("powershell", "powershell"),
        ("(?:cmd|powershell)", ""),
        (r"\\cmd\.exe$", "\\cmd.exe"),
        ("ab?c", "a"),
        ("(abc)+def", "abc"),
        ("a(?:bc)d", "abcd"),
        ("[ab]cd", "cd"),
        ("éabc", "abc"),
        ("ABC", "abc"),
        ("(", ""),
        ("", ""),
    ],
)
def test_regex_literal(pattern: str, literal: str) -> None:
    assert regex_literal(pattern) == literal


@settings(max_examples=300)
@given(expressions(), TEXTS)
def test_required_text_is_there(pattern: str, text: str) -> None:
    if regexes.compiled(pattern, "i").search(text):
        assert regex_literal(pattern) in fold(text)


@pytest.mark.parametrize(
    ("glob", "pieces"),
    [
        ("a*b", ["a", None, "b"]),
        ("*", [None]),
        ("a?", ["a", ANY_ONE]),
        (r"a\*b", ["a*b"]),
        (r"a\\*", ["a\\", None]),
        (r"\x", ["\\x"]),
        ("", []),
    ],
)
def test_glob_pieces(glob: str, pieces: list[str | None]) -> None:
    assert glob_pieces(glob) == pieces
