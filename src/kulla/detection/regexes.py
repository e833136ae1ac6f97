"""Regular expressions of rules: RE2 where it can, a backtracking engine under a time limit where it cannot.

Sigma's flavour is PCRE (Modifiers Appendix 2.1.0, "re"). RE2 takes time linear in the value and
knows nearly all of it; look-around, back-references and the like go to the ``regex`` module, which
stops at a time limit. Differences that matter are levelled: without ``m``, ``$`` and ``\\Z`` also stand before a
last newline, ``\\z`` only at the very end; classes such as ``\\d`` and ``\\w`` are ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kulla.model.errors import RuleError

#: Seconds that a backtracking expression may take for one value.
TIME_LIMIT = 0.05
#: Timeouts before an expression is tried less often, and the values for which one more is granted.
FREE_TIMEOUTS = 20
VALUES_PER_TIMEOUT = 1000
#: Characters of an expression for the backtracking engine, whose compilation cannot be interrupted.
BACKTRACKING_LENGTH = 4096
#: Characters of any expression.
LENGTH = 65_536
#: Memory of one RE2 program, bytes; a larger program goes to the other engine.
PROGRAM_BYTES = 8 * 1024 * 1024

#: What has a meaning of its own: quoted runs, escapes, classes, the end anchor.
_TOKEN = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*+\]|\$", re.DOTALL)
_INLINE_MULTILINE = re.compile(r"\(\?[a-zA-Z]*m")
_LINEAR_ANCHORS = {"\\Z": r"(?:\n?\z)"}
_LINEAR_END = {"$": r"(?:\n?\z)"}
_BACKTRACKING_ANCHORS = {"\\Z": r"(?=\n?\Z)", "\\z": r"\Z"}


@dataclass(frozen=True, slots=True)
class Linear:
    """An expression for RE2."""

    program: Any

    def search(self, text: str) -> bool:
        """Return whether the expression matches anywhere in ``text``, in linear time."""
        return self.program.search(text.encode("utf-8", "replace")) is not None


@dataclass(slots=True)
class Backtracking:
    """An expression for the ``regex`` module.

    An expression that keeps running into the limit would stop the whole scan; after some timeouts it is
    tried only so often that a value costs little on average, and raises for the others at once.
    """

    program: Any
    values: int = 0
    timeouts: int = 0

    def search(self, text: str) -> bool:
        """Return whether the expression matches anywhere in ``text``.

        Raises:
            TimeoutError: it took too long, or has too often before.
        """
        self.values += 1
        if self.timeouts >= FREE_TIMEOUTS + self.values // VALUES_PER_TIMEOUT:
            raise TimeoutError
        try:
            return self.program.search(text, timeout=TIME_LIMIT) is not None
        except TimeoutError:
            self.timeouts += 1
            raise


@lru_cache(maxsize=32_768)
def compiled(pattern: str, flags: str) -> Linear | Backtracking:
    """Return an expression ready to search.

    Args:
        pattern: as the rule has it.
        flags: a subset of ``ims``.

    Raises:
        RuleError: no engine can read it.
    """
    if len(pattern) > LENGTH:
        raise RuleError(f"the regular expression is longer than {LENGTH} characters")
    try:
        return Linear(_linear(pattern, flags))
    except ValueError as refusal:
        return Backtracking(_backtracking(pattern, flags, str(refusal)))


def _linear(pattern: str, flags: str) -> Any:
    """Compile for RE2; ValueError where it refuses."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = PROGRAM_BYTES
    many_lines = "m" in flags or _INLINE_MULTILINE.search(pattern)
    anchors = _LINEAR_ANCHORS if many_lines else _LINEAR_ANCHORS | _LINEAR_END
    prefix = f"(?{flags})" if flags else ""
    try:
        return re2.compile((prefix + _rewritten(pattern, anchors)).encode(), options)
    except re2.error as error:
        raise ValueError(_reason(error)) from None


def _reason(error: Exception) -> str:
    """Return RE2's message, which it gives as bytes."""
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def _backtracking(pattern: str, flags: str, refusal: str) -> Any:
    import regex  # type: ignore[import-untyped]

    if len(pattern) > BACKTRACKING_LENGTH:
        raise RuleError(f"RE2 refuses the regular expression ({refusal}), and it is too long for the other engine")
    letters = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL}
    combined = regex.VERSION0
    for letter in flags:
        combined |= letters[letter]
    if "i" not in flags:  # with ASCII classes the module would also fold ASCII letters only
        combined |= regex.ASCII
    try:
        return regex.compile(_rewritten(pattern, _BACKTRACKING_ANCHORS), combined)
    except regex.error as error:
        raise RuleError(f"the regular expression is invalid: {error}") from None
    except (RecursionError, OverflowError, ValueError, IndexError, KeyError) as error:
        # What the module's parser lets through on hostile input instead of its own error.
        raise RuleError(f"the regular expression cannot be compiled: {type(error).__name__}") from None


def _rewritten(pattern: str, anchors: Mapping[str, str]) -> str:
    """Return the expression with its end anchors in the words of an engine."""
    return _TOKEN.sub(lambda token: anchors.get(token[0], token[0]), pattern)
