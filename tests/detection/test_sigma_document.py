"""YAML of rules: what it becomes, where it is wrong, and what hostile files cost."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kulla.detection.sigma import document
from kulla.detection.sigma.document import Piece, decode, parse, split
from kulla.model.errors import RuleError


def value(text: str) -> Any:
    (piece,) = split(text)
    return parse(piece)


def test_values_are_those_of_yaml_1_1():
    text = """
        text: plain text
        quoted: '4625'
        double: "a\\tb\\u0041"
        number: [4625, -1, 0x1F, 0b11, 017, 1_000, 0]
        float: [1.5, -2.5e+3, .5]
        truth: [true, no, On]
        nothing: [null, ~, ]
        folded: >
          one
          two
        literal: |
          one
          two
        flow: {a: [1, {b: c}]}
        tagged: [!!str 5, !!int "7", !!null x, !!float "2"]
    """
    assert value(text) == {
        "text": "plain text",
        "quoted": "4625",
        "double": "a\tbA",
        "number": [4625, -1, 31, 3, 15, 1000, 0],
        "float": [1.5, -2500.0, 0.5],
        "truth": [True, False, True],
        "nothing": [None, None],
        "folded": "one two\n",
        "literal": "one\ntwo\n",
        "flow": {"a": [1, {"b": "c"}]},
        "tagged": ["5", 7, None, 2.0],
    }


def test_dates_and_base_60_stay_text():
    assert value("[2022-07-15, 2022-07-15T09:14:03Z, 12:30, 1:30.5]") == ["2022-07-15", "2022-07-15T09:14:03Z", "12:30", "1:30.5"]


def test_keys_are_text():
    assert value("{on: 1, 5: 2, null: 3, 1.5: 4}") == {"on": 1, "5": 2, "null": 3, "1.5": 4}


def test_numbers_that_are_none_stay_text():
    assert value("[09, " + "9" * 5000 + "]") == ["09", "9" * 5000]


YAML_TEXTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(YAML_TEXTS)
def test_what_yaml_writes_is_read_as_pyyaml_reads_it(data: Any):
    text = yaml.safe_dump(data, allow_unicode=True)
    assert parse(Piece(text, 1)) == yaml.safe_load(text)


def test_documents_are_found_with_the_lines_of_their_content():
    text = "# first\n\na: 1\n---\n\n# second\nb: 2\n--- # third\nc: |\n  --- no marker\n...\n---\n---\n%YAML 1.1\n---\nd: 4\n"
    pieces = list(split(text))
    assert [piece.line for piece in pieces] == [3, 7, 9, 16]
    assert [parse(piece) for piece in pieces] == [{"a": 1}, {"b": 2}, {"c": "--- no marker\n"}, {"d": 4}]


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment", "---\n---\n...\n", "%YAML 1.1\n", "  \t \n"])
def test_files_without_content_have_no_documents(text: str):
    assert list(split(text)) == []


def test_one_broken_document_does_not_spoil_the_others():
    first, broken, last = split("a: 1\n---\nb: [\n---\nc: 3\n")
    assert (parse(first), parse(last)) == ({"a": 1}, {"c": 3})
    with pytest.raises(RuleError, match=r"not valid YAML: .*line 4"):
        parse(broken)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x\n", r"aliases are refused.*line 2"),
        ("a: 1\n<<: {b: 2}\n", r"merge keys are refused \(line 2\)"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", r'the key "c" stands twice in one mapping \(line 4\)'),
        ("a: 1\n'a': 2\n", 'the key "a" stands twice'),
        ("? [1, 2]\n: 3\n", "cannot be a key"),
        ("a: !!python/object/apply:os.system [ls]\n", "tag .* is refused"),
        ("a: !!binary aGk=\n", "tag .* is refused"),
        ("!!set {a}\n", "tag .* is refused"),
        ("a: 'open\n", "not valid YAML"),
        ("a: b: c\n", "not valid YAML.*line 1"),
        ("a: \x01\n", "not valid YAML"),
        ("a: @x\n", "not valid YAML"),
        ("a: 1\r--- \rb: 2\r", "a second document"),
        ("[" * 40, "nested more than 32 deep"),
        ("[" * 100_000, "nested more than 32 deep"),
        ("- " * 100_000, "nested more than 32 deep"),
        ("{a: " * 5000, "nested more than 32 deep"),
        ("[" + "a," * 200_000 + "]", "more than 100000 values"),
        ("x" * (document.MAX_CHARACTERS + 1), "longer than 1048576 characters"),
        ("? " * 1000, "."),
    ],
)
def test_what_is_refused(text: str, message: str):
    with pytest.raises(RuleError, match=message):
        parse(Piece(text, 1))


def test_a_bomb_of_aliases_is_refused_before_it_expands():
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))]
    with pytest.raises(RuleError, match="aliases are refused"):
        parse(Piece("\n".join(lines), 1))


def test_an_anchor_without_an_alias_does_no_harm():
    assert value("a: &x 1") == {"a": 1}


def test_encodings():
    assert decode("a: é".encode()) == decode("\ufeffa: é".encode()) == "a: é"
    assert decode("a: é".encode("utf-16")) == "a: é"
    with pytest.raises(RuleError, match="byte 3"):
        decode(b"a: \xff")
    with pytest.raises(RuleError, match="UTF-16"):
        decode(b"\xff\xfea")


def test_a_file_of_very_many_documents_is_refused():
    with pytest.raises(RuleError, match="more than 100000 documents"):
        list(split("---\na\n" * (document.MAX_DOCUMENTS + 1)))


@given(st.text(alphabet="ab:-[]{},#&*!|>'\"%@?\n\t 019.~", max_size=60))
def test_any_text_is_documents_or_an_error(text: str):
    for piece in split(text):
        assert 1 <= piece.line <= text.count("\n") + 1
        with suppress(RuleError):
            parse(piece)


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_an_error(data: bytes):
    with suppress(RuleError):
        list(split(decode(data)))
