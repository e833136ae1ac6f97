"""STIX patterns that a table can answer, those that it cannot, and those that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.detection.indicators.pattern import Comparison, UnsupportedPatternError, comparisons
from kulla.model.errors import IndicatorError


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ipv4-addr:value = '192.0.2.1']", [("ipv4-addr:value", "=", "192.0.2.1")]),
        (" [ ipv4-addr:value='192.0.2.1' ] ", [("ipv4-addr:value", "=", "192.0.2.1")]),
        ("[file:hashes.'SHA-256' = 'aa' OR file:hashes.MD5 = 'bb']", [("file:hashes.SHA-256", "=", "aa"), ("file:hashes.MD5", "=", "bb")]),
        ("[url:value = 'a'] OR ([url:value = 'b'] OR [url:value = 'c'])", [("url:value", "=", x) for x in "abc"]),
        ("[domain-name:value IN ('a', 'b')]", [("domain-name:value", "=", "a"), ("domain-name:value", "=", "b")]),
        ("[(file:name = 'x' OR (file:name == 'y'))]", [("file:name", "=", "x"), ("file:name", "=", "y")]),
        ("[ipv4-addr:value ISSUBSET '192.0.2.0/24']", [("ipv4-addr:value", "ISSUBSET", "192.0.2.0/24")]),
        ("[url:value LIKE '%x_']", [("url:value", "LIKE", "%x_")]),
        ("[url:value MATCHES '^a\\\\.b']", [("url:value", "MATCHES", "^a\\.b")]),
        ("[file:name = 'it\\'s \\\\ here']", [("file:name", "=", "it's \\ here")]),
        ("[email-message:to_refs[*].value = 'a@b.example']", [("email-message:to_refs.value", "=", "a@b.example")]),
    ],
)
def test_comparisons(pattern: str, expected: list[tuple[str, str, str]]):
    assert comparisons(pattern) == tuple(Comparison(*one) for one in expected)


@pytest.mark.parametrize(
    "pattern",
    [
        "[file:name = 'a' AND file:size = 3]",
        "[file:name = 'a'] AND [file:name = 'b']",
        "[file:name = 'a'] FOLLOWEDBY [file:name = 'b'] WITHIN 5 SECONDS",
        "[file:name != 'a']",
        "[file:name NOT = 'a']",
        "[NOT file:name = 'a']",
        "[file:size > 3]",
        "[file:size = 3]",
        "[EXISTS file:name]",
        "[file:created = t'2024-01-01T00:00:00Z']",
        "[file:name = 'a'] REPEATS 5 TIMES",
        "[file:name = 'a'] START t'2024-01-01T00:00:00Z' STOP t'2024-01-02T00:00:00Z'",
        "[ipv4-addr:value ISSUPERSET '192.0.2.1']",
        "(" * 100 + "[file:name = 'a']" + ")" * 100,
    ],
)
def test_what_needs_more_than_a_table_is_unsupported(pattern: str):
    with pytest.raises(UnsupportedPatternError):
        comparisons(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["", "[", "[]", "file:name = 'a'", "[file:name = 'a'", "[file:name = 'a']]", "[file:name 'a']", '[file:name = "a"]',
     "[= 'a']", "[a:b IN ()]",
     "[a:b IN ('x',)]", "[a:b = 'x'] OR", "'unclosed", "[a:b = 'x'] [a:b = 'y']", "\u00e9"],
)  # fmt: skip
def test_what_is_no_pattern_is_invalid(pattern: str):
    with pytest.raises(IndicatorError) as caught:
        comparisons(pattern)
    assert not isinstance(caught.value, UnsupportedPatternError)


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["[", "]", "(", ")", "a:b", "=", "'x'", "OR", "AND", "IN", ",", "LIKE", "NOT", " "]), max_size=20).map(
        "".join
    )
)
def test_any_text_is_a_pattern_or_an_indicator_error(pattern: str):
    try:
        found = comparisons(pattern)
    except IndicatorError:
        return
    assert found


@given(st.text(max_size=30))
def test_text_constants_survive(text: str):
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    assert comparisons(f"[file:name = '{quoted}']")[0].text == text
