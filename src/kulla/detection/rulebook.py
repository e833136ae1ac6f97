"""Rules ready to run: loaded, compiled, and kept compiled for the next time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kulla import __version__
from kulla.detection.correlation.model import Correlation
from kulla.detection.ir import Rule
from kulla.detection.logsources import Catalogue
from kulla.detection.sigma.load import RejectedRule, Remark, RuleSet, digest_of, load_rules
from kulla.model.logsource import LogSource
from kulla.telemetry.json_kinds import KINDS
from kulla.telemetry.readers.iis import SOFTWARE

if TYPE_CHECKING:
    from kulla.detection.compiled.build import Compiled

#: Compiled forms that are kept; the least recently used go first.
_KEPT = 8
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What the accounting and reports say about a rule without parsing it."""

    id: str
    title: str
    level: str
    status: str
    path: str
    line: int
    silent: bool
    logsource: LogSource

    @classmethod
    def of(cls, rule: Rule) -> RuleInfo:
        """Return a rule's info."""
        return cls(rule.id, rule.title, rule.level, rule.status, rule.path, rule.line, rule.silent, rule.logsource)

    @classmethod
    def from_list(cls, kept: list[Any]) -> RuleInfo:
        """Return what ``to_list`` gave."""
        given, title, level, status, path, line, silent, product, category, service = kept
        return cls(given, title, level, status, path, line, silent, LogSource(product, category, service))

    def to_list(self) -> list[Any]:
        """Return the form kept in the cache."""
        source = self.logsource
        parts = (self.id, self.title, self.level, self.status, self.path, self.line, self.silent)
        return [*parts, source.product, source.category, source.service]


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of a run.

    Attributes:
        rules: those that can be evaluated; perhaps parsed only when asked for.
        infos: one for each of them.
        correlations: with references resolved, inner ones first.
        rejected: with the reason.
        remarks: flaws that were passed over.
        compiled: the kernel's tables; None where numba is missing.
        sources: log sources that readers and rules name.
    """

    rules: Sequence[Rule]
    infos: tuple[RuleInfo, ...]
    correlations: tuple[Correlation, ...]
    rejected: tuple[RejectedRule, ...]
    remarks: tuple[Remark, ...]
    compiled: Compiled | None
    sources: tuple[LogSource, ...]


def open_rules(
    paths: Sequence[str],
    catalogue: Catalogue,
    folder: Path | None,
    *,
    placeholders: Mapping[str, Sequence[str]] | None = None,
    compiling: bool = True,
    say: Say = lambda _: None,
) -> RuleBook:
    """Return the rules under ``paths``, from the cache if they are in it.

    Args:
        paths: Sigma files, folders and zips.
        catalogue: the log-source table.
        folder: of the cache; None to keep nothing.
        placeholders: values for the "expand" modifier.
        compiling: False to evaluate slowly.
        say: told before work that takes seconds.

    Raises:
        UsageError: a path does not exist.
    """
    if not compiling:
        return _book(load_rules(paths, placeholders=placeholders), None, ())
    kept = folder / f"{_key(paths, catalogue, placeholders)}.compiled" if folder else None
    found = _from_cache(kept) if kept else None
    return found or _compile(load_rules, paths, placeholders, catalogue, kept, say)


def _key(paths: Sequence[str], catalogue: Catalogue, placeholders: Mapping[str, Sequence[str]] | None) -> str:
    digest = hashlib.sha256(digest_of(paths, placeholders).encode())
    digest.update(f"{__version__} {_code_digest()} {hash_of(catalogue)}".encode())
    return digest.hexdigest()[:40]


def hash_of(catalogue: Catalogue) -> str:
    """Return a digest of a log-source table."""
    return hashlib.sha256(repr((catalogue.probes, catalogue.classes)).encode()).hexdigest()


@cache
def _code_digest() -> str:
    """Return a digest of the code that decides what the compiled form is."""
    here = Path(__file__).parent
    wanted = [*here.glob("*.py"), *here.glob("compiled/*.py"), *here.glob("kernel/*.py"), here.parent / "telemetry" / "fields.py"]
    digest = hashlib.sha256()
    for path in sorted(wanted):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _book(found: RuleSet, compiled: Compiled | None, sources: tuple[LogSource, ...]) -> RuleBook:
    infos = tuple(map(RuleInfo.of, found.rules))
    known = sources or tuple(dict.fromkeys((*(info.logsource for info in infos), LogSource())))
    return RuleBook(found.rules, infos, found.correlations, found.rejected, found.remarks, compiled, known)


def _compile(
    load: Callable[..., RuleSet],
    paths: Sequence[str],
    placeholders: Mapping[str, Sequence[str]] | None,
    catalogue: Catalogue,
    kept: Path | None,
    say: Say,
) -> RuleBook:
    say("Reading and compiling the rules; this is done once for each set of rules.")
    found = load(paths, placeholders=placeholders)
    book = _compiled(found, catalogue)
    if kept:
        _keep(kept, book, say)
    return book


def book_of(rules: Sequence[Rule], catalogue: Catalogue, *, compiling: bool) -> RuleBook:
    """Return rules that were made in memory, ready to run."""
    found = RuleSet(tuple(rules), (), (), "")
    return _compiled(found, catalogue) if compiling else _book(found, None, ())


def _compiled(found: RuleSet, catalogue: Catalogue) -> RuleBook:
    from kulla.detection.compiled.build import build
    from kulla.detection.observables import observable_fields

    sources = tuple(dict.fromkeys((*_reader_sources(), *_own_sources(catalogue), *(rule.logsource for rule in found.rules), LogSource())))
    compiled = build(found.rules, catalogue.classes_for(sources), catalogue.probes, sources, observable_fields())
    return _book(found, compiled, sources)


def _reader_sources() -> list[LogSource]:
    """Return log sources that readers give and no class of the table has as its own; others are found by their wider ones."""
    return [*(kind.logsource for kind in KINDS), *(source for _, source in SOFTWARE)]


def _own_sources(catalogue: Catalogue) -> list[LogSource]:
    """Return each class's own log source: a reader or a site's table may name it."""
    return [each.sources[0] for each in catalogue.classes]


def _keep(path: Path, book: RuleBook, say: Say) -> None:
    from kulla.detection.compiled import cache as disk
    from kulla.detection.compiled.codec import plain

    meta = {
        "infos": [info.to_list() for info in book.infos],
        "correlations": [plain(each) for each in book.correlations],
        "rejected": [plain(each) for each in book.rejected],
        "remarks": [plain(each) for each in book.remarks],
    }
    try:
        if book.compiled is not None:
            disk.save(path, book.compiled, {"rules": book.rules}, meta)
        _prune(path.parent)
    except OSError as error:
        say(f"The compiled rules cannot be kept in {path.parent}: {error.strerror}. The next start compiles them again.")


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("*.compiled"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[_KEPT:]:
        file.unlink(missing_ok=True)


def _from_cache(path: Path) -> RuleBook | None:
    from kulla.detection.compiled import cache as disk
    from kulla.detection.compiled.codec import value_of

    found = disk.load(path)
    if found is None:
        return None
    compiled, shelves, meta = found
    infos = tuple(RuleInfo.from_list(kept) for kept in meta["infos"])
    correlations, rejected, remarks = (tuple(map(value_of, meta[name])) for name in ("correlations", "rejected", "remarks"))
    return RuleBook(shelves["rules"], infos, correlations, rejected, remarks, compiled, compiled.bases)
