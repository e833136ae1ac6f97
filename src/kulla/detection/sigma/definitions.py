"""From a rule's "detection" section to pySigma's condition trees.

pySigma's classes apply the modifiers and parse the condition; they are built here item by item, so that an error names
the item, sizes are known before anything is expanded, and these cases come out as decided in docs/reference/sigma.md:

* ``re`` with ``startswith`` or ``endswith`` anchors the expression (an expression is searched, not matched in full);
* keywords with ``startswith`` or ``endswith`` ask whole values, other keywords ask for their text anywhere in a value;
* whole numbers of any size stay exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from sigma.conditions import SigmaCondition
from sigma.exceptions import SigmaError, SigmaModifiedError
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections
from sigma.types import SigmaString, sigma_type

from kulla.detection.sigma.modifiers import Policy, look_up
from kulla.detection.sigma.outcome import UnsupportedRuleError
from kulla.model.errors import RuleError

#: Predicates of one rule.
MAX_PREDICATES = 20_000
#: Characters of a condition, and its parentheses and "not" inside each other.
CONDITION_LENGTH = 10_000
CONDITION_DEPTH = 40
#: Names and selectors in all conditions of a rule.
CONDITION_NAMES = 1000
#: The field of keywords that ask whole values; no field of a log has such a name.
WHOLE_VALUES = "\0"

_WORD = re.compile(r"[^\s()]+")
_DASH = re.compile(r"\B[-/]\b")
_DASHES = 5
_OFFSETS = 3
_EXACT = 2**53
_NUMERIC = {"lt", "lte", "gt", "gte", "minute", "hour", "day", "week", "month", "year"}
_AFFIXES = ("startswith", "endswith", "contains")
#: Modifiers of text; a number or boolean without quotes under them is meant as its text.
_TEXTUAL = {*_AFFIXES, "cased", "windash", "base64", "base64offset", "wide", "utf16", "utf16le", "utf16be", "expand"}
_PLAIN = (str, int, float, type(None))

Definition = Mapping[str, Any]


def conditions(detection: Any, policy: Policy) -> list[Any]:
    """Return the parsed condition trees of a "detection" (or "filter") section; the rule holds when any does.

    Args:
        detection: the section as parsed from YAML.
        policy: pySigma's settings with the placeholders.

    Raises:
        RuleError: the section is wrong; the message names the part.
        UnsupportedRuleError: it is too large or lacks a placeholder.
    """
    if not isinstance(detection, dict):
        raise RuleError("the detection must be a mapping")
    texts = _condition_texts(detection)
    definitions = {name: value for name, value in detection.items() if name not in ("condition", "timeframe")}
    if not definitions:
        raise RuleError("the detection defines nothing to search for")
    _check_size(texts, {name: _size(definition) for name, definition in definitions.items()})
    built = {name: _named(name, definition, policy) for name, definition in definitions.items()}
    try:
        detections = SigmaDetections(detections=built, condition=texts, policy=policy)
        return [_parsed(condition) for condition in detections.parsed_condition]
    except SigmaError as error:
        raise RuleError(_sentence(error)) from None


def _parsed(condition: SigmaCondition) -> Any:
    try:
        return condition.parsed
    except RecursionError:
        raise RuleError("the condition is nested too deeply") from None


def _condition_texts(detection: Definition) -> list[str]:
    given = detection.get("condition")
    texts = [text for text in (given if isinstance(given, list) else [given]) if isinstance(text, str) and text.strip()]
    if not texts or (isinstance(given, list) and len(texts) < len(given)):
        raise RuleError("the condition must be text or a list of texts")
    for text in texts:
        if len(text) > CONDITION_LENGTH:
            raise RuleError(f"the condition is longer than {CONDITION_LENGTH} characters")
        if _depth(text) > CONDITION_DEPTH:
            raise RuleError(f"the condition is nested more than {CONDITION_DEPTH} deep")
    return texts


def _depth(text: str) -> int:
    """Return an upper bound of how deep a condition is nested: open parentheses and each "not"."""
    depth = deepest = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        deepest = max(deepest, depth)
    longest = max((len(run.split()) for run in re.findall(r"(?:\bnot\b[\s(]*)+", text)), default=0)
    return deepest + longest


def _check_size(texts: list[str], sizes: Mapping[str, int]) -> None:
    """Raise UnsupportedRuleError before a rule is expanded beyond MAX_PREDICATES."""
    words = [word for text in texts for word in _WORD.findall(text)]
    if len(words) > CONDITION_NAMES:
        raise UnsupportedRuleError(f"the conditions have more than {CONDITION_NAMES} words")
    everything = sum(sizes.values())
    total = sum(sizes.get(word, everything if word == "of" else 0) for word in words)
    if max(total, everything) > MAX_PREDICATES:
        raise UnsupportedRuleError(f"the rule asks for more than {MAX_PREDICATES} values")


def _size(definition: Any) -> int:
    """Return how many values a definition has once its modifiers are applied."""
    if isinstance(definition, dict):
        return sum(_item_size(key, value) for key, value in definition.items())
    if isinstance(definition, list):
        return sum(_size(item) for item in definition)
    return 1


def _item_size(key: str, value: Any) -> int:
    values = value if isinstance(value, list) else [value]
    total = sum(_DASHES ** min(len(_DASH.findall(str(one))), 3) for one in values) if "|windash" in key else len(values)
    return total * (_OFFSETS if "|base64offset" in key else 1)


def _named(name: str, definition: Any, policy: Policy) -> SigmaDetection:
    try:
        return _detection(definition, policy)
    except SigmaModifiedError as error:
        raise UnsupportedRuleError(f'in "{name}": {_sentence(error)}') from None
    except SigmaError as error:
        raise RuleError(f'in "{name}": {_sentence(error)}') from None
    except RuleError as error:
        raise type(error)(f'in "{name}": {error.message}', fix=error.fix) from None


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())


def _detection(definition: Any, policy: Policy) -> SigmaDetection:
    """Return pySigma's form of a search identifier: a mapping (and), a list (or), or one keyword."""
    if isinstance(definition, dict):
        if not definition:
            raise RuleError("nothing is asked")
        return SigmaDetection([_item(key, value, policy) for key, value in definition.items()])
    if not isinstance(definition, list):
        return SigmaDetection([_keywords([definition], policy)])
    if not definition:
        raise RuleError("the list is empty")
    if all(isinstance(value, _PLAIN) for value in definition):
        return SigmaDetection([_keywords(definition, policy)])
    return SigmaDetection([_detection(value, policy) for value in definition])


def _keywords(values: list[Any], policy: Policy) -> SigmaDetectionItem:
    if any(value is None for value in values):
        raise RuleError("null is no keyword")
    return SigmaDetectionItem(None, [], [sigma_type(value) for value in values], policy=policy)


def _item(key: str, value: Any, policy: Policy) -> SigmaDetectionItem:
    field, *names = key.split("|")
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, _PLAIN) for one in values):
        raise RuleError(f'"{key}" must have a value or a list of values')
    try:
        names, values = _prepared(names, values)
        typed = list(_typed(names, values))
        return SigmaDetectionItem(_field(field, names, values), look_up(names), typed, policy=policy)
    except SigmaModifiedError as error:
        raise UnsupportedRuleError(f'"{key}": {_sentence(error)}') from None
    except SigmaError as error:
        raise RuleError(f'"{key}": {_sentence(error)}') from None
    except RuleError as error:
        raise type(error)(f'"{key}": {error.message}', fix=error.fix) from None


def _field(field: str, names: list[str], values: list[Any]) -> str | None:
    if field:
        return field
    if any(value is None for value in values):
        raise RuleError("null is no keyword")
    if "fieldref" in names:
        raise UnsupportedRuleError("a keyword cannot refer to a field")
    return WHOLE_VALUES if "startswith" in names or "endswith" in names else None


def _prepared(names: list[str], values: list[Any]) -> tuple[list[str], list[Any]]:
    if "fieldref" in names and "cased" in names:
        raise UnsupportedRuleError("fields are compared without regard to case only")
    if "re" not in names:
        return names, values
    if any(value is None for value in values):
        raise RuleError("a regular expression must be text")
    anchored = [_anchored(_text(value), names) for value in values]
    return [name for name in names if name not in _AFFIXES], anchored


def _anchored(expression: str, names: list[str]) -> str:
    """Return the expression bound to the ends of the value that the modifiers name; "contains" is how it is searched anyway."""
    if "contains" in names or not {"startswith", "endswith"} & set(names):
        return expression
    before = r"\A" if "startswith" in names else ""
    after = r"\z" if "endswith" in names else ""
    return f"{before}(?:{expression}){after}"


def _typed(names: list[str], values: list[Any]) -> Iterator[Any]:
    for value in values:
        if "re" in names:
            yield SigmaString.from_str(value)
        elif isinstance(value, (int, float)) and _TEXTUAL & set(names):
            yield SigmaString.from_str(_text(value))
        elif isinstance(value, int) and abs(value) > _EXACT and not _NUMERIC & set(names):
            yield SigmaString.from_str(str(value))  # pySigma's numbers pass through float
        else:
            yield sigma_type(cast("Any", value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
