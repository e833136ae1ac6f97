"""Conditions in words of temporal correlations: "a and not (b or c)".

Grammar, as in pySigma 2 (``not`` binds tighter than ``and``, ``and`` tighter than ``or``), with
rule ids allowed beside names, as the specification's proposal 198 has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kulla.detection.correlation.expression import All, AnyOf, Expression, Seen, Unless
from kulla.model.errors import RuleError

#: Words and parentheses of one condition.
MAX_TOKENS = 1000
#: Parentheses and "not" inside each other.
MAX_DEPTH = 40

_TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9_][A-Za-z0-9_.:-]*)\s*")


def parse_expression(text: str) -> Expression:
    """Return the tree of a condition in words.

    Raises:
        RuleError: it is no such condition; the message has the column.
    """
    parser = _Parser(list(_tokens(text)))
    expression = parser.any_of(0)
    parser.expect_end()
    return expression


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    position = len(text) - len(text.lstrip())
    for _ in range(MAX_TOKENS):
        if position >= len(text):
            return
        found = _TOKEN.match(text, position)
        if found is None:
            raise RuleError(f'the condition cannot be read at column {position + 1}: "{text[position : position + 20]}"')
        yield found[1], found.start(1) + 1
        position = found.end()
    raise RuleError(f"the condition has more than {MAX_TOKENS} words")


class _Parser:
    """Recursive descent; the depth is bounded."""

    def __init__(self, tokens: list[tuple[str, int]]) -> None:
        self._tokens = tokens
        self._next = 0

    def _peek(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else ""

    def _take(self, word: str) -> bool:
        if self._peek().lower() != word:
            return False
        self._next += 1
        return True

    def any_of(self, depth: int) -> Expression:
        parts = [self._all_of(depth)]
        while self._take("or"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all_of(self, depth: int) -> Expression:
        parts = [self._operand(depth)]
        while self._take("and"):
            parts.append(self._operand(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _operand(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise RuleError(f"the condition is nested more than {MAX_DEPTH} deep")
        if self._take("not"):
            return Unless(self._operand(depth + 1))
        if self._take("("):
            inner = self.any_of(depth + 1)
            if not self._take(")"):
                raise self._unexpected("a closing parenthesis")
            return inner
        word = self._peek()
        if word.lower() in ("", "(", ")", "and", "or"):
            raise self._unexpected("a rule")
        self._next += 1
        return Seen(word)

    def expect_end(self) -> None:
        """Raise unless all words are used."""
        if self._next < len(self._tokens):
            raise self._unexpected('"and" or "or"')

    def _unexpected(self, wanted: str) -> RuleError:
        if self._next >= len(self._tokens):
            return RuleError(f"the condition ends where {wanted} is expected")
        word, column = self._tokens[self._next]
        return RuleError(f'the condition has "{word}" at column {column} where {wanted} is expected')
