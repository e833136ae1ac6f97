"""Modifiers where pySigma's own do not do what the specification says or what this house needs.

* ``utf16le`` is in the specification, not in pySigma.
* ``wide``, ``utf16`` and ``utf16be`` before a Base64 modifier take any text, not only ASCII.
* ``expand`` puts the user's values in at its place, so that modifiers after it apply to them.

Each modifier is a class of pySigma's; this module makes the table from which a rule's modifiers are looked up.
It imports pySigma, which takes a while: import it where rules are translated.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from sigma.modifiers import (
    SigmaBase64Modifier,
    SigmaBase64OffsetModifier,
    SigmaExpandModifier,
    SigmaUTF16BEModifier,
    SigmaUTF16Modifier,
    SigmaWideModifier,
    modifier_mapping,
)
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RegexEngine, RegexPattern
from sigma.types import Placeholder, SigmaExpansion, SigmaRegularExpression, SigmaString, SigmaType

from kulla.detection import regexes
from kulla.detection.sigma.outcome import UnsupportedRuleError
from kulla.model.errors import RuleError

#: Values that one value with placeholders may become.
MAX_EXPANSIONS = 20_000

_BASE64 = ("base64", "base64offset")


class Engine(RegexEngine):
    """Lets pySigma accept the regular expressions that Kulla can evaluate, and no others."""

    def compile(self, pattern: str, flags: int = 0) -> RegexPattern:
        """Return an expression for the names of a condition ("selection_.*"); one of a rule is only checked here."""
        return cast("RegexPattern", regexes.compiled(pattern, "").program)

    @property
    def error(self) -> type[Exception]:
        """What pySigma turns into its own error."""
        return RuleError


@dataclass
class Policy(SigmaPolicy):
    """pySigma's settings, and the user's values for placeholders."""

    regex_engine: RegexEngine = field(default_factory=Engine)
    placeholders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def look_up(names: list[str]) -> list[Any]:
    """Return pySigma's modifier classes for the names of one item, ours in the place of some.

    Raises:
        RuleError: a name is unknown.
    """
    table = modifier_mapping | _ours(any(name in _BASE64 for name in names))
    unknown = next((name for name in names if name not in table), None)
    if unknown is not None:
        raise RuleError(f'unknown modifier "{unknown}"')
    return [table[name] for name in names]


@cache
def _ours(encoded: bool) -> dict[str, Any]:
    if not encoded:
        return {"utf16le": SigmaWideModifier, "expand": _Expand}
    wide = _wide_bytes(SigmaWideModifier, "utf-16-le")
    return {
        "wide": wide,
        "utf16le": wide,
        "utf16": _wide_bytes(SigmaUTF16Modifier, "utf-16-le", b"\xff\xfe"),
        "utf16be": _wide_bytes(SigmaUTF16BEModifier, "utf-16-be"),
        "base64": _Base64,
        "base64offset": _Base64Offset,
        "expand": _Expand,
    }


def _wide_bytes(base: type[Any], encoding: str, mark: bytes = b"") -> type[Any]:
    """Return a modifier that encodes; bytes that are no UTF-8 travel as surrogates until they are Base64."""

    class WideBytes(base):  # type: ignore[misc]
        def modify(self, val: SigmaString) -> SigmaString:
            coded = [_carried(part.encode(encoding, "surrogatepass")) if isinstance(part, str) else part for part in val.s]
            return _string([_carried(mark), *coded] if mark else coded)

    return WideBytes


def _carried(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _string(parts: list[Any]) -> SigmaString:
    made = SigmaString()
    made.s = parts
    return made


def _bytes(value: SigmaString) -> bytes:
    if not all(isinstance(part, str) for part in value.s):
        raise RuleError("a value with wildcards cannot be encoded as Base64")
    return "".join(str(part) for part in value.s).encode("utf-8", "surrogateescape")


class _Base64(SigmaBase64Modifier):
    """Base64 of the whole value."""

    def modify(self, val: SigmaString) -> SigmaString:
        return _string([b64encode(_bytes(val)).decode()])


class _Base64Offset(SigmaBase64OffsetModifier):
    """The part of Base64 that does not depend on what stands around the value, for each of three positions."""

    def modify(self, val: SigmaString) -> SigmaExpansion:
        return SigmaExpansion([_string([text]) for text in base64_offsets(_bytes(val))])


def base64_offsets(data: bytes) -> list[str]:
    """Return what ``data`` looks like inside Base64 (RFC 4648) when it begins 0, 1 or 2 bytes after a group of three.

    Six bits are one character: a character is kept where all of its bits come from ``data``.
    """
    found = []
    for before in range(3):
        text = b64encode(bytes(before) + data).decode().rstrip("=")
        first = -(-before * 8 // 6)
        last = (before + len(data)) * 8 // 6
        found.append(text[first:last])
    return found


class _Expand(SigmaExpandModifier):
    """The user's values in the place of placeholders."""

    def modify(self, val: SigmaString | SigmaRegularExpression) -> Any:
        policy = self.detection_item.policy
        return expanded(val.insert_placeholders(), policy.placeholders if isinstance(policy, Policy) else {})


def expanded(value: SigmaString | SigmaRegularExpression, placeholders: Mapping[str, tuple[str, ...]]) -> SigmaType:
    """Return a value with all placeholders replaced: itself where it has none, else all possible values.

    Raises:
        UnsupportedRuleError: a placeholder has no value, or too many combinations.
    """
    text = value.regexp if isinstance(value, SigmaRegularExpression) else value
    if not any(isinstance(part, Placeholder) for part in text.s):
        return value
    ways = _combined(text, placeholders, literal=isinstance(value, SigmaRegularExpression))
    if isinstance(value, SigmaRegularExpression):
        return SigmaExpansion([SigmaRegularExpression(str(way), value.flags, policy=value.policy) for way in map(_joined, ways)])
    return SigmaExpansion([_string(way) for way in ways])


def _joined(parts: list[Any]) -> str:
    return SigmaString.to_plain(_string(parts), regex=True)


def _combined(text: SigmaString, placeholders: Mapping[str, tuple[str, ...]], *, literal: bool) -> list[list[Any]]:
    ways: list[list[Any]] = [[]]
    for part in text.s:
        choices = _choices(part.name, placeholders, literal=literal) if isinstance(part, Placeholder) else [[part]]
        if len(ways) * len(choices) > MAX_EXPANSIONS:
            raise UnsupportedRuleError(f"the placeholders of one value give more than {MAX_EXPANSIONS} values")
        ways = [[*way, *choice] for way in ways for choice in choices]
    return ways


def _choices(name: str, placeholders: Mapping[str, tuple[str, ...]], *, literal: bool) -> list[list[Any]]:
    if name not in placeholders:
        raise UnsupportedRuleError(f"the placeholder %{name}% has no value", fix="give one with --placeholders")
    return [[value] if literal else list(SigmaString(value).s) for value in placeholders[name]]
