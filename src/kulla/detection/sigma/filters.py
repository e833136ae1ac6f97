"""Global filters: one document that narrows many rules.

Sigma Filters Specification 2.0: a filter names the rules it applies to by id or name ("any": all), has a log source and
a detection. As in pySigma, its condition is joined to the rule's by "and", so that exclusions are written with "not";
a rule is meant only if its log source is at least as specific as the filter's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kulla.detection.ir import And, Node, Rule
from kulla.detection.sigma.translate import Translator, logsource, text
from kulla.detection.simplify import simplify
from kulla.model.errors import RuleError
from kulla.model.logsource import LogSource


@dataclass(frozen=True, slots=True)
class Filter:
    """A global filter.

    Attributes:
        title: for people.
        logsource: rules must be covered by it.
        rules: ids and names in lower case; None means any rule.
        tree: joined to a rule's tree by "and".
        path, line: where it stands.
    """

    title: str
    logsource: LogSource
    rules: frozenset[str] | None
    tree: Node
    path: str = ""
    line: int = 0

    def applies(self, rule: Rule) -> bool:
        """Return whether the filter narrows a rule."""
        if not self.logsource.covers(rule.logsource):
            return False
        return self.rules is None or rule.id in self.rules or (rule.name or "").lower() in self.rules


def parse_filter(document: Mapping[str, Any], path: str, line: int, translator: Translator) -> Filter:
    """Return the filter of a document.

    Raises:
        RuleError: it is wrong; the message names the part.
    """
    section = document.get("filter")
    if not isinstance(section, dict):
        raise RuleError('"filter" must be a mapping')
    if not isinstance(section.get("condition"), str):
        raise RuleError("a filter must have exactly one condition")
    definitions = {name: value for name, value in section.items() if name != "rules"}
    return Filter(
        title=text(document, "title"),
        logsource=logsource(document),
        rules=_references(section.get("rules")),
        tree=translator.tree(definitions),
        path=path,
        line=line,
    )


def _references(given: Any) -> frozenset[str] | None:
    if isinstance(given, str) and given.strip().lower() == "any":
        return None
    if given == []:
        return None
    names = given if isinstance(given, list) else [given]
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise RuleError('"rules" of a filter must be "any", or ids or names of rules')
    return frozenset(name.strip().lower() for name in names)


def applied(rules: Iterable[Rule], filters: Sequence[Filter]) -> list[Rule]:
    """Return the rules with the filters that apply to them joined on."""
    return [_narrowed(rule, [one.tree for one in filters if one.applies(rule)]) for rule in rules]


def _narrowed(rule: Rule, trees: list[Node]) -> Rule:
    return replace(rule, tree=simplify(And((rule.tree, *trees)))) if trees else rule


def unused(rules: Iterable[Rule], filters: Sequence[Filter]) -> list[Filter]:
    """Return the filters that apply to no rule."""
    known = list(rules)
    return [one for one in filters if not any(one.applies(rule) for rule in known)]
