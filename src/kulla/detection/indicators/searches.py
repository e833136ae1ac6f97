"""LIKE and MATCHES patterns as rules: the rule engine has the means to search, the index has not."""

from __future__ import annotations

import re

from kulla.detection.indicators.index import MODE_TYPES
from kulla.detection.indicators.indicator_set import IndicatorSet, Search, SearchKind
from kulla.detection.ir import Op, Or, Predicate, Rule
from kulla.detection.observables import TABLE, Mode
from kulla.model.logsource import LogSource
from kulla.model.observable import ObservableType

#: Modes whose field is the observable, or a path to it; free text and lists are not searched by patterns.
_WHOLE = (Mode.DOMAIN, Mode.URL, Mode.PATH, Mode.USER, Mode.REGISTRY, Mode.MUTEX, Mode.COMMAND)
_GLOB = str.maketrans({"%": "*", "_": "?", "*": "\\*", "?": "\\?", "\\": "\\\\"})


def search_rules(indicators: IndicatorSet) -> list[Rule]:
    """Return one rule for each indicator with LIKE or MATCHES patterns; their detections have the kind ``indicator``.

    A pattern is asked of every declared field that holds its observable as a whole. LIKE of a file's name looks at the
    last component of a path. Letters' case makes no difference, as for all observables.
    """
    searches: dict[int, list[Search]] = {}
    for search in indicators.searches:
        searches.setdefault(search.indicator, []).append(search)
    return [_rule(indicators, number, found) for number, found in searches.items()]


def _rule(indicators: IndicatorSet, number: int, searches: list[Search]) -> Rule:
    indicator = indicators.indicator(number)
    parts = tuple(Predicate(field, *_question(search), flags=_flags(search)) for search in searches for field in _fields(search.type))
    return Rule(
        id=indicator.id,
        title=indicator.title,
        logsource=LogSource(),
        tree=Or(parts),
        level=indicator.level,
        status="stable",
        tags=indicator.tags,
        path=indicator.path,
        kind="indicator",
    )


def _fields(kind: ObservableType) -> list[str]:
    wanted = [mode for mode in _WHOLE if kind in MODE_TYPES[mode]]
    return list(dict.fromkeys(name for mode, names in TABLE.items() if any(mode & one for one in wanted) for name in names))


def _question(search: Search) -> tuple[Op, str]:
    if search.kind == SearchKind.MATCHES:
        return Op.REGEX, search.text
    if search.type == ObservableType.FILE_NAME:
        return Op.REGEX, rf"(?:^|[\\/]){_component(search.text)}$"
    return Op.WILDCARD, search.text.translate(_GLOB)


def _flags(search: Search) -> str:
    return "i" if search.kind == SearchKind.MATCHES or search.type == ObservableType.FILE_NAME else ""


def _component(text: str) -> str:
    """Return LIKE as a regular expression that stays within one component of a path."""
    meant = {"%": r"[^\\/]*", "_": r"[^\\/]"}
    return "".join(meant.get(char) or re.escape(char) for char in text)
