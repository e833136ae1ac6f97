"""Rules from files, folders and zips: everything that can be used, and a reason for everything that cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kulla.detection.correlation.model import Correlation
from kulla.detection.ir import Rule
from kulla.detection.sigma import files
from kulla.detection.sigma.collection import Collection
from kulla.detection.sigma.correlations import parse_correlation, resolve
from kulla.detection.sigma.document import Piece, decode, parse, split
from kulla.detection.sigma.filters import Filter, applied, parse_filter, unused
from kulla.detection.sigma.outcome import RejectedRule, Remark, RuleSet, UnsupportedRuleError
from kulla.detection.sigma.placeholders import normalised
from kulla.detection.sigma.translate import Translator, content_digest, identity, text
from kulla.model.errors import RuleError

__all__ = ["RejectedRule", "Remark", "RuleSet", "digest_of", "load_rules"]

_ID_LINE = re.compile(r"^id:[ \t]*['\"]?([0-9A-Za-z-]{1,64})", re.MULTILINE)
_TITLE_LINE = re.compile(r"^title:[ \t]*([^\r\n]{1,256})", re.MULTILINE)

Document = Mapping[str, Any]


def load_rules(paths: Sequence[str], *, placeholders: Mapping[str, Sequence[str]] | None = None) -> RuleSet:
    """Read all rules, correlations and filters under ``paths``.

    Args:
        paths: Sigma files (one or several documents), folders (walked), zips (SigmaHQ's release as it is).
        placeholders: values for ``%name%`` of the "expand" modifier.

    Returns:
        What can be used and what not; one bad rule never stops the others. The order is that of the paths, and of
        names within folders and zips.

    Raises:
        UsageError: a path does not exist.
    """
    given = normalised(placeholders)
    found = files.read(paths)
    loader = _Loader(Translator(given))
    for file in found:
        for member in files.unpacked(file):
            loader.take(member)
    return loader.finish(files.digest(found, given))


def digest_of(paths: Sequence[str], placeholders: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the digest that ``load_rules`` of the same paths would give, without parsing anything.

    Raises:
        UsageError: a path does not exist.
    """
    return files.digest(files.read(paths), normalised(placeholders))


@dataclass(frozen=True, slots=True)
class _Place:
    """A document that is being taken in."""

    document: Document
    path: str
    line: int


@dataclass(slots=True)
class _Loader:
    """Takes in documents one by one."""

    translator: Translator
    rules: list[Rule] = field(default_factory=list)
    correlations: list[Correlation] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    rejected: list[RejectedRule] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    repeated: int = 0
    ignored: int = 0
    _contents: set[str] = field(default_factory=set)
    _places: dict[str, str] = field(default_factory=dict)

    def take(self, file: files.RuleFile) -> None:
        """Take in all documents of a file."""
        if file.error:
            self.rejected.append(RejectedRule("", "", file.path, 0, "invalid", file.error))
            return
        try:
            pieces = list(split(decode(file.data)))
        except RuleError as error:
            self.rejected.append(RejectedRule("", "", file.path, 0, "invalid", error.message))
            return
        collection = Collection()
        for piece in pieces:
            self._take_piece(piece, file.path, collection)

    def _take_piece(self, piece: Piece, path: str, collection: Collection) -> None:
        try:
            document = parse(piece)
            merged = collection.rule(document, len(piece.text)) if isinstance(document, dict) else None
        except RuleError as error:
            self.rejected.append(RejectedRule(*_names(piece.text), path, piece.line, "invalid", error.message))
            return
        if merged is None:
            self.ignored += not collection.is_action(document)
        elif not self._is_repeated(merged):
            self._take_document(_Place(merged, path, piece.line))

    def _is_repeated(self, document: Document) -> bool:
        content = content_digest(document)
        repeated = content in self._contents
        self._contents.add(content)
        self.repeated += repeated
        return repeated

    def _take_document(self, place: _Place) -> None:
        try:
            self._sort_in(place)
        except RuleError as error:
            state: Literal["invalid", "unsupported"] = "unsupported" if isinstance(error, UnsupportedRuleError) else "invalid"
            reason = f"{error.message} ({error.fix})" if error.fix else error.message
            given, title = text(place.document, "id"), text(place.document, "title")
            self.rejected.append(RejectedRule(given, title, place.path, place.line, state, reason))

    def _sort_in(self, place: _Place) -> None:
        if "correlation" in place.document:
            correlation = parse_correlation(dict(place.document), place.path, place.line)
            self._claim(correlation.id, place)
            self.correlations.append(correlation)
        elif "filter" in place.document:
            self.filters.append(parse_filter(place.document, place.path, place.line, self.translator))
        else:
            translated = self.translator.rule(place.document, place.path, place.line)
            self._claim(identity(place.document), place)  # only now: a rule that cannot be used keeps no other from being used
            self.rules.append(translated.rule)
            self.remarks.extend(Remark(translated.rule.id, place.path, place.line, remark) for remark in translated.remarks)

    def _claim(self, given: str, place: _Place) -> None:
        """Raise RuleError if another rule has the id already."""
        first = self._places.setdefault(given, f"{place.path} line {place.line}")
        if first != f"{place.path} line {place.line}":
            raise RuleError(f"the id {given} is already that of {first}")

    def finish(self, digest: str) -> RuleSet:
        """Resolve references, apply the filters and return the whole."""
        resolution = resolve(self.correlations, self.rules)
        rules = [replace(rule, silent=True) if rule.id in resolution.silent else rule for rule in applied(self.rules, self.filters)]
        return RuleSet(
            rules=tuple(rules),
            correlations=resolution.correlations,
            rejected=(*self.rejected, *(_unresolved(one, error) for one, error in resolution.rejected)),
            digest=digest,
            remarks=(*self.remarks, *self._idle_filters()),
            filters=len(self.filters),
            repeated=self.repeated,
            ignored=self.ignored,
        )

    def _idle_filters(self) -> Iterator[Remark]:
        for one in unused(self.rules, self.filters):
            yield Remark("", one.path, one.line, f'the filter "{one.title}" applies to none of the rules')


def _unresolved(one: Correlation, error: RuleError) -> RejectedRule:
    return RejectedRule(one.id, one.title, one.path, one.line, "invalid", error.message)


def _names(text: str) -> tuple[str, str]:
    """Return id and title of a document that is no YAML, as far as they can be seen."""
    given, title = _ID_LINE.search(text), _TITLE_LINE.search(text)
    return given[1] if given else "", title[1].strip() if title else ""
