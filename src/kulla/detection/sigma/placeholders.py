"""Values for placeholders (``%Servers%``) of rules with the "expand" modifier.

Sigma Rules Specification 2.1, "Placeholders". A file of them is a YAML mapping of names to a value or a
list of values; values may have wildcards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kulla.detection.sigma.document import MAX_CHARACTERS, decode, parse, split
from kulla.model.errors import RuleError, UsageError

Placeholders = Mapping[str, tuple[str, ...]]


def read_placeholders(path: str) -> dict[str, tuple[str, ...]]:
    """Return the placeholders of a YAML file.

    Raises:
        UsageError: it cannot be read or is no mapping of names to values.
    """
    try:
        with Path(path).open("rb") as stream:
            text = decode(stream.read(4 * MAX_CHARACTERS))
        documents = [parse(piece) for piece in split(text)]
    except OSError as error:
        raise UsageError(f"the placeholders cannot be read: {error.strerror}", place=path) from None
    except RuleError as error:
        raise UsageError(error.message, place=path) from None
    merged: dict[str, tuple[str, ...]] = {}
    for document in documents:
        merged |= _checked(document, path)
    return merged


def _checked(document: Any, path: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(document, dict):
        raise UsageError("placeholders are a mapping of names to values", place=path)
    checked: dict[str, tuple[str, ...]] = {}
    for name, values in document.items():
        listed = values if isinstance(values, list) else [values]
        if not all(isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in listed):
            raise UsageError(f'the values of the placeholder "{name}" must be text or numbers', place=path)
        checked[name] = tuple(str(value) for value in listed)
    return checked


def normalised(placeholders: Mapping[str, Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    """Return the mapping with names as rules have them between the percent signs."""
    given = placeholders or {}
    return {name.strip("%"): tuple(values) for name, values in given.items()}
