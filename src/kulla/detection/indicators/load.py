"""Files of indicators in, one set out; each file's format is told by its content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from kulla.detection.indicators import csvlist, misp, plain, stix
from kulla.detection.indicators.indicator_set import IndicatorBuilder, IndicatorSet
from kulla.detection.indicators.jsonstream import CLOSED, JsonStreamError, members
from kulla.detection.indicators.textlines import decoded
from kulla.model.errors import UsageError
from kulla.model.problem import Problems

_HEAD = 64 * 1024
_JSON = re.compile(r"\s*(?:\{|\[\s*[{\]])")
_MISP = re.compile(r'"(?:Event|response|Attribute|threat_level_id)"\s*:')
_STIX_WALKED = frozenset(("objects",))
_MISP_WALKED = frozenset(("response", "Event", "Attribute", "Object"))
_MISP_OPENED = frozenset(("response",))


def load_indicators(paths: Sequence[str], problems: Problems) -> IndicatorSet:
    """Read files, or folders of files, of indicators: STIX 2.1, MISP events, CSV, plain lists.

    Args:
        paths: as the user gave them.
        problems: everything that cannot be used is counted here.

    Raises:
        UsageError: a path does not exist.
    """
    builder = IndicatorBuilder(problems)
    for path in _files(paths):
        try:
            with path.open("rb") as stream:
                read_indicators(stream, str(path), builder)
        except OSError as error:
            builder.problem(str(path), "unreadable-indicators", error.strerror or str(error), "")
    return builder.finish()


def _files(paths: Sequence[str]) -> Iterator[Path]:
    for name in paths:
        path = Path(name)
        if not path.exists():
            raise UsageError("there is no such file or folder of indicators", place=name)
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
        else:
            yield path


def read_indicators(stream: BinaryIO, path: str, builder: IndicatorBuilder) -> None:
    """Add the indicators of one file.

    Args:
        stream: seekable, at its start.
        path: for problems and for ``Indicator.path``.
        builder: takes them.
    """
    text = decoded(stream)
    try:
        _read_text(text, path, builder)
    finally:
        text.detach()  # the stream is its opener's to close


def _read_text(text: TextIOWrapper, path: str, builder: IndicatorBuilder) -> None:
    head = text.read(_HEAD)
    text.seek(0)
    if "\0" in head:
        builder.problem(path, "unreadable-indicators", "no text", "")
    elif _JSON.match(head):
        _read_json(text, head, path, builder)
    else:
        _read_list(text, head, path, builder)


def _read_list(text: TextIOWrapper, head: str, path: str, builder: IndicatorBuilder) -> None:
    before = builder.entries
    delimiter = csvlist.delimiter_of(head.splitlines()[:-1] if len(head) == _HEAD else head.splitlines())
    if delimiter:
        csvlist.read_csv(text, delimiter, path, builder)
    else:
        plain.read_plain(text, path, builder)
    if builder.entries == before:
        builder.problem(path, "no-indicators", "nothing is listed in it", "")


def _read_json(text: TextIOWrapper, head: str, path: str, builder: IndicatorBuilder) -> None:
    try:
        found = _read_misp(text, path, builder) if _MISP.search(head) else _read_stix(text, path, builder)
    except JsonStreamError as error:
        builder.problem(path, "unreadable-indicators", f"JSON: {error}; what stands before it is used", "")
        return
    if not found:
        builder.problem(path, "no-indicators", "neither STIX indicators nor MISP attributes in it", "")


def _read_stix(text: TextIOWrapper, path: str, builder: IndicatorBuilder) -> int:
    """Add the indicators of bundles, TAXII envelopes and single objects; return how many there are, used or not."""
    found = number = 0
    alone: dict[str, object] = {}
    for keys, value in members(text, _STIX_WALKED, frozenset()):
        if keys == ("objects",):
            number += 1
            found += isinstance(value, dict) and stix.add_stix_object(value, path, f"object {number}", builder)
        elif value is CLOSED:
            found += stix.add_stix_object(alone, path, "object", builder)
            alone = {}
        elif len(keys) == 1:
            alone[keys[0]] = value
    return found


def _read_misp(text: TextIOWrapper, path: str, builder: IndicatorBuilder) -> int:
    headers: list[misp.EventHeader] = []
    with suppress(JsonStreamError):  # the second pass stops at the same place and tells
        headers += misp.event_headers(members(text, _MISP_WALKED, _MISP_OPENED))
    text.seek(0)
    return misp.add_misp_members(members(text, _MISP_WALKED, _MISP_OPENED), headers, path, builder)
