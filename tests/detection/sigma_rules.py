"""What SigmaHQ's rules say of their log sources and fields, read straight from the zip; independent of Kulla's rule parser."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from kulla.model.logsource import LogSource
from tests.shared_data import shared_data


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """Log source and fields of one rule."""

    id: str
    logsource: LogSource
    fields: frozenset[str]


@cache
def rules() -> tuple[RuleFacts, ...]:
    """Return all of SigmaHQ's rules; skips the test where the zip is absent."""
    with zipfile.ZipFile(shared_data("sigma/sigma_rules.zip")) as archive:
        return tuple(fact for name in archive.namelist() if name.endswith(".yml") for fact in _facts(archive.read(name)))


def fields_by_category(product: str) -> dict[str, set[str]]:
    """Return the fields that rules of a product use, by category."""
    fields: defaultdict[str, set[str]] = defaultdict(set)
    for rule in rules():
        if rule.logsource.product == product and rule.logsource.category:
            fields[rule.logsource.category] |= rule.fields
    return fields


def _facts(text: bytes) -> Iterator[RuleFacts]:
    for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
        if document and "logsource" in document:
            wanted = document["logsource"]
            source = LogSource(wanted.get("product"), wanted.get("category"), wanted.get("service"))
            yield RuleFacts(document["id"], source, frozenset(_fields(document["detection"])))


def _fields(detection: dict[str, Any]) -> Iterator[str]:
    for name, item in detection.items():
        if name not in ("condition", "timeframe"):
            yield from _keys(item)


def _keys(item: Any) -> Iterator[str]:
    if isinstance(item, dict):
        yield from (key.split("|")[0] for key in item)
    elif isinstance(item, list):
        for each in item:
            yield from _keys(each)
