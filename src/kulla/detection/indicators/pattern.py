"""The STIX patterns that a table can answer: comparisons of one observable, joined by OR.

Grammar: STIX 2.1, section 9. Whatever else is valid there (AND, FOLLOWEDBY, NOT, qualifiers, ordering) is
``UnsupportedPatternError`` here, to be answered elsewhere; the rest is invalid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kulla.model.errors import IndicatorError

#: Characters of a pattern that are looked at.
MAX_PATTERN = 1024 * 1024
_MAX_DEPTH = 32

_KEY = r"(?:[A-Za-z_][A-Za-z0-9_-]*|'(?:[^'\\]|\\.)*')"
_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<path>[A-Za-z][A-Za-z0-9_-]*:{_KEY}(?:\.{_KEY}|\[(?:\*|-?[0-9]+)\])*)
  | (?P<constant>[tbh]'(?:[^'\\]|\\.)*')
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<number>[+-]?[0-9]+(?:\.[0-9]+)?)
  | (?P<word>[A-Za-z]+)
  | (?P<sign>!=|<>|==|<=|>=|[=<>\[\](),])
  )""",
    re.VERBOSE | re.DOTALL,
)
_SIMPLE = re.compile(rf"\s*\[\s*(?P<path>[A-Za-z][A-Za-z0-9_-]*:{_KEY}(?:\.{_KEY})*)\s*=\s*'(?P<text>[^'\\]*)'\s*\]\s*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ELSEWHERE = frozenset((
    "AND", "FOLLOWEDBY", "NOT", "EXISTS", "ISSUPERSET", "WITHIN", "REPEATS", "START", "STOP", "!=", "<>", "<", ">", "<=", ">=",
))  # fmt: skip


class UnsupportedPatternError(IndicatorError):
    """A valid pattern that needs more than a table."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison.

    Attributes:
        path: object path without quotation marks and list steps (``file:hashes.SHA-256``).
        operator: ``=`` (IN is several of them), ``ISSUBSET``, ``LIKE`` or ``MATCHES``.
        text: the constant.
    """

    path: str
    operator: str
    text: str


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


def comparisons(pattern: str) -> tuple[Comparison, ...]:
    """Return the comparisons of which one suffices.

    Raises:
        UnsupportedPatternError: the pattern needs more than that.
        IndicatorError: it is no pattern.
    """
    simple = _SIMPLE.fullmatch(pattern) if len(pattern) <= MAX_PATTERN else None
    if simple:
        return (Comparison(_plain_path(simple["path"]), "=", simple["text"]),)
    if len(pattern) > MAX_PATTERN:
        raise UnsupportedPatternError(f"longer than {MAX_PATTERN} characters")
    return tuple(_Parser(list(_tokens(pattern))).pattern())


def _tokens(pattern: str) -> Iterator[_Token]:
    place = 0
    end = len(pattern.rstrip())
    while place < end:
        found = _TOKEN.match(pattern, place)
        if not found or found.lastgroup is None:
            raise IndicatorError(f"no STIX pattern: character {place} is not understood")
        yield _Token(found.lastgroup, found[found.lastgroup], place)
        place = found.end()
    yield _Token("end", "", place)


def _plain_path(path: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", path).replace("'", "")


class _Parser:
    """Recursive descent over the OR-only part of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    def pattern(self) -> list[Comparison]:
        found = self._either(self._observation, 0)
        if self._next().kind != "end":
            raise self._refused()
        return found

    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self, text: str) -> bool:
        token = self._next()
        if token.kind in ("sign", "word") and token.text.upper() == text:
            self._place += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._refused()

    def _refused(self) -> IndicatorError:
        token = self._next()
        if token.text.upper() in _ELSEWHERE and token.kind in ("sign", "word"):
            return UnsupportedPatternError(f"{token.text.upper()} is not supported here")
        if token.kind in ("constant", "number"):
            return UnsupportedPatternError("only text constants are supported here")
        return IndicatorError(f"no STIX pattern: unexpected {token.text or 'end'!r} at character {token.place}")

    def _either(self, part: Callable[[int], list[Comparison]], depth: int) -> list[Comparison]:
        if depth > _MAX_DEPTH:
            raise UnsupportedPatternError("nested too deeply")
        found = part(depth)
        while self._take("OR"):
            found += part(depth)
        return found

    def _observation(self, depth: int) -> list[Comparison]:
        if self._take("("):
            found = self._either(self._observation, depth + 1)
            self._expect(")")
            return found
        self._expect("[")
        found = self._either(self._comparison, depth + 1)
        self._expect("]")
        return found

    def _comparison(self, depth: int) -> list[Comparison]:
        if self._take("("):
            found = self._either(self._comparison, depth + 1)
            self._expect(")")
            return found
        if self._next().kind != "path":
            raise self._refused()
        path = _plain_path(self._next().text)
        self._place += 1
        for operator in ("=", "ISSUBSET", "LIKE", "MATCHES"):
            if self._take(operator) or (operator == "=" and self._take("==")):
                return [Comparison(path, operator, self._text())]
        self._expect("IN")
        return [Comparison(path, "=", text) for text in self._list()]

    def _list(self) -> list[str]:
        self._expect("(")
        found = [self._text()]
        while self._take(","):
            found.append(self._text())
        self._expect(")")
        return found

    def _text(self) -> str:
        token = self._next()
        if token.kind != "string":
            raise self._refused()
        self._place += 1
        return _ESCAPE.sub(r"\1", token.text[1:-1])
