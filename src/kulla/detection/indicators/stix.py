"""STIX 2.1 indicators: bundles, TAXII envelopes, lists and single objects. Other objects in them are not indicators and are passed over."""

from __future__ import annotations

import re
from typing import Any

from kulla.detection.indicators.forms import refang, terms_by_form, terms_by_type
from kulla.detection.indicators.indicator_set import DEFAULT_LEVEL, Header, IndicatorBuilder, SearchKind, Term
from kulla.detection.indicators.pattern import Comparison, UnsupportedPatternError, comparisons
from kulla.model import moment
from kulla.model.errors import IndicatorError
from kulla.model.observable import ObservableType
from kulla.model.text import visible

T = ObservableType

#: Marking definitions of TLP 2.0 and, as their successors, of TLP 1.0 (STIX 2.1, 7.2.1.4; OASIS TLP 2.0 extension).
TLP: dict[str, str] = {
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": "tlp:clear",
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "tlp:green",
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": "tlp:amber",
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": "tlp:amber+strict",
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": "tlp:red",
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "tlp:clear",
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "tlp:green",
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "tlp:amber",
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "tlp:red",
}

#: Object paths of patterns -> type; None: the value's form tells (an address or a name).
PATHS: dict[str, ObservableType | None] = {
    "ipv4-addr:value": T.IPV4,
    "ipv6-addr:value": T.IPV6,
    "domain-name:value": T.DOMAIN,
    "domain-name:resolves_to_refs.value": None,
    "url:value": T.URL,
    "email-addr:value": T.EMAIL,
    "email-message:from_ref.value": T.EMAIL,
    "email-message:sender_ref.value": T.EMAIL,
    "email-message:to_refs.value": T.EMAIL,
    "network-traffic:src_ref.value": None,
    "network-traffic:dst_ref.value": None,
    "file:name": T.FILE_NAME,
    "file:parent_directory_ref.path": T.DIRECTORY,
    "directory:path": T.DIRECTORY,
    "process:command_line": T.COMMAND_LINE,
    "process:image_ref.name": T.FILE_NAME,
    "process:binary_ref.name": T.FILE_NAME,
    "user-account:user_id": T.USER,
    "user-account:account_login": T.USER,
    "mutex:name": T.MUTEX,
    "windows-registry-key:key": T.REGISTRY_KEY,
}
_HASH_PATH = re.compile(r"(?:file|artifact|process:(?:image|binary)_ref)[:.](?:content_ref\.)?hashes\.(.+)")
_ALGORITHMS = {"MD5": T.MD5, "SHA1": T.SHA1, "SHA256": T.SHA256, "SHA512": T.SHA512, "IMPHASH": T.IMPHASH}

#: Confidence from which an indicator is high, and below which it is low (STIX 2.1, appendix A: "None / Low / Med / High").
_HIGH, _LOW = 70, 30
#: Letters a LIKE or MATCHES pattern must have besides its wildcards.
_FEWEST_LETTERS = 4
_MAX_TAGS = 32
_MAX_TAG = 100
_MAX_SEARCH = 4096
_SHOWN = 120


def add_stix_object(item: dict[str, Any], path: str, place: str, builder: IndicatorBuilder) -> bool:
    """Add one STIX object if it is an indicator, and return whether it is one.

    An indicator that cannot be used is the problem ``unsupported-indicator`` (its pattern needs more than a
    table) or ``invalid-indicator``, with its id as the place.
    """
    if item.get("type") != "indicator":
        return False
    place = visible(_text(item.get("id")), _SHOWN) or place
    try:
        _add(item, path, place, builder)
    except UnsupportedPatternError as error:
        builder.problem(path, "unsupported-indicator", visible(str(error), _SHOWN), place)
    except IndicatorError as error:
        builder.problem(path, "invalid-indicator", visible(str(error), _SHOWN), place)
    return True


def _add(item: dict[str, Any], path: str, place: str, builder: IndicatorBuilder) -> None:
    header = _header(item)
    if header.revoked:
        builder.add(header, (), path, place)
        return
    if item.get("pattern_type", "stix") != "stix":
        raise UnsupportedPatternError(f"pattern_type {item['pattern_type']!r} is not supported here")
    pattern = item.get("pattern")
    if not isinstance(pattern, str):
        raise IndicatorError("the pattern is missing")
    terms: list[Term] = []
    searches: list[tuple[ObservableType, SearchKind, str]] = []
    for comparison in comparisons(pattern):
        kind = _type_of(comparison)
        if _is_search(comparison):
            searches.append(_search(comparison, kind))
        else:
            terms += _terms(comparison, kind)
    builder.add(header, tuple(dict.fromkeys(terms)), path, place, searches)


def _type_of(comparison: Comparison) -> ObservableType | None:
    hashed = _HASH_PATH.fullmatch(comparison.path)
    if hashed:
        kind = _ALGORITHMS.get(hashed[1].upper().replace("-", ""))
        if kind:
            return kind
    elif comparison.path in PATHS:
        return PATHS[comparison.path]
    raise UnsupportedPatternError(f"{comparison.path} is not supported here")


def _is_search(comparison: Comparison) -> bool:
    if comparison.operator == "LIKE":
        return "%" in comparison.text or "_" in comparison.text
    return comparison.operator == "MATCHES"


def _search(comparison: Comparison, kind: ObservableType | None) -> tuple[ObservableType, SearchKind, str]:
    if kind is None or kind in (T.IPV4, T.IPV6):
        raise UnsupportedPatternError(f"{comparison.operator} of an address is not supported here")
    if len(comparison.text) > _MAX_SEARCH:
        raise UnsupportedPatternError(f"{comparison.operator} with more than {_MAX_SEARCH} characters is not supported here")
    if sum(char.isalnum() for char in comparison.text) < _FEWEST_LETTERS:
        raise UnsupportedPatternError(f"{comparison.operator} {comparison.text!r} would match too much")
    return kind, SearchKind(comparison.operator), comparison.text


def _terms(comparison: Comparison, kind: ObservableType | None) -> tuple[Term, ...]:
    """Return the terms of an equality or a subnet; a STIX domain stands for itself alone."""
    text = refang(comparison.text) if kind is None else comparison.text
    if comparison.operator == "ISSUBSET" and kind not in (None, T.IPV4, T.IPV6):
        raise UnsupportedPatternError(f"ISSUBSET of {comparison.path} is not supported here")
    found = terms_by_form(text) if kind is None else terms_by_type(kind, text)
    if not found:
        raise IndicatorError(f"{comparison.path}: {text!r} is no such value")
    return tuple(Term(term.observable) for term in found) if kind is None else found


def _header(item: dict[str, Any]) -> Header:
    return Header(
        id=_text(item.get("id")),
        title=_text(item.get("name")) or _text(item.get("description")).partition("\n")[0],
        level=_level(item.get("confidence")),
        tags=_tags(item),
        valid_from=_time(item.get("valid_from")),
        valid_until=_time(item.get("valid_until")),
        modified=max(_time(item.get("modified")), 0),
        revoked=item.get("revoked") is True,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _level(confidence: Any) -> str:
    if not isinstance(confidence, int) or isinstance(confidence, bool):
        return DEFAULT_LEVEL
    return "high" if confidence >= _HIGH else "low" if confidence < _LOW else "medium"


def _tags(item: dict[str, Any]) -> tuple[str, ...]:
    """Return markings (TLP by name, others by id), labels and indicator types."""
    markings = [TLP.get(mark, mark) for mark in _texts(item.get("object_marking_refs"))]
    tags = (*markings, *_texts(item.get("labels")), *_texts(item.get("indicator_types")))
    return tuple(dict.fromkeys(tag[:_MAX_TAG] for tag in tags[:_MAX_TAGS]))


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _time(value: Any) -> int:
    try:
        return moment.from_text(value) if isinstance(value, str) else moment.UNKNOWN
    except (ValueError, OverflowError):
        return moment.UNKNOWN
