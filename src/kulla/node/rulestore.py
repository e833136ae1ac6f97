"""Imported rule sets: each version kept as the zip it came as, checked by its SHA-256, put in place at once or not at all.

Layout under the data folder::

    rules/NAME/VERSION/rules.zip       as received
    rules/NAME/VERSION/metadata.json   kulla.rule-set/1
    rules/NAME/current                 the VERSION in use
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kulla.model import moment
from kulla.model.errors import KullaError, UsageError
from kulla.node.settings import data_home

if TYPE_CHECKING:
    from kulla.detection.correlation.model import Correlation
    from kulla.detection.ir import Rule
    from kulla.detection.sigma.load import RuleSet

SCHEMA = "kulla.rule-set/1"
#: Name of the set that ``kulla rules import`` and ``update`` use where none is given.
DEFAULT_NAME = "sigmahq"
#: Where SigmaHQ publishes its releases; the newest one's zip of all rules.
DEFAULT_URL = "https://github.com/SigmaHQ/sigma/releases/latest/download/sigma_all_rules.zip"
#: Bytes of a rule set, packed; SigmaHQ's has six million.
MAX_BYTES = 200 * 1024 * 1024
#: Files of a folder that is imported.
MAX_FILES = 100_000
#: Versions of a set that are kept, the current one included.
KEPT = 3

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VERSION = re.compile(r"[0-9]{8}-[0-9a-f]{16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1024 * 1024
_DRAFT_SECONDS = 86_400
_METADATA_BYTES = 64 * 1024
#: The time that files of a packed folder get, so that the same rules always give the same zip.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class StoredSet:
    """One version of a rule set.

    Attributes:
        name: of the set.
        version: date of import and beginning of the checksum.
        path: of its zip.
        source: file, folder or address it came from.
        sha256: of the zip.
        imported: RFC 3339 UTC.
        rules, correlations, rejected: how many it has of each.
    """

    name: str
    version: str
    path: Path
    source: str
    sha256: str
    imported: str
    rules: int
    correlations: int
    rejected: int

    def to_dict(self) -> dict[str, Any]:
        """Return ``metadata.json``."""
        return {"schema": SCHEMA, **{key: value for key, value in asdict(self).items() if key != "path"}}


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule set that is checked and read, but not yet stored.

    Attributes:
        folder: temporary, inside the store; removed unless ``RuleStore.keep`` takes it.
        stored: what it will be.
        rule_set: its rules.
    """

    folder: Path
    stored: StoredSet
    rule_set: RuleSet


@dataclass(frozen=True, slots=True)
class Difference:
    """What another version changes; rules as (id, title), sorted by title; ``first`` where nothing usable was there before."""

    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str], ...]
    first: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.added or self.removed or self.changed)


class RuleStore:
    """The rule sets of this machine's user.

    Args:
        home: the data folder; by default as ``settings.data_home`` says.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.folder = (data_home() if home is None else home) / "rules"

    def sets(self) -> list[StoredSet]:
        """Return the current version of each set, by name.

        Raises:
            KullaError: a set is damaged.
        """
        try:
            names = sorted(entry.name for entry in self.folder.iterdir() if entry.is_dir() and _NAME.fullmatch(entry.name))
        except FileNotFoundError:
            return []
        return [found for name in names if (found := self.current(name)) is not None]

    def current(self, name: str) -> StoredSet | None:
        """Return the version of a set that is in use, None where there is none.

        Raises:
            UsageError: the name is none.
            KullaError: the set is damaged.
        """
        pointer = self._of(name) / "current"
        try:
            version = pointer.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise _damaged(pointer, "cannot be read") from error
        if not _VERSION.fullmatch(version):
            raise _damaged(pointer, "names no version")
        return self._read(name, version)

    def verified(self, name: str) -> StoredSet | None:
        """Return the current version after comparing its zip with the checksum it was stored with.

        Raises:
            KullaError: the zip is not the one that was stored.
        """
        found = self.current(name)
        if found is not None and sha256_of(found.path) != found.sha256:
            raise _damaged(found.path, "is not what was imported")
        return found

    @contextmanager
    def draft(self, name: str) -> Iterator[Path]:
        """Give a path inside the store for a new zip; afterwards it is removed unless ``keep`` has taken it.

        Raises:
            UsageError: the name is none, or the data folder cannot be written.
        """
        folder = self._of(name) / f".draft-{secrets.token_hex(8)}"
        try:
            folder.mkdir(parents=True)
            _remove_old_drafts(folder.parent)
        except OSError as error:
            raise UsageError(f"rules cannot be stored: {error.strerror or error}", place=str(folder.parent)) from error
        try:
            yield folder / "rules.zip"
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def examine(self, name: str, archive: Path, source: str, expected: str | None) -> Draft:
        """Check the zip of a draft and read its rules.

        Args:
            name: of the set.
            archive: the path that ``draft`` gave, filled.
            source: where it came from.
            expected: its SHA-256 in hexadecimal, None where nobody knows.

        Raises:
            KullaError: it is another file than expected, no zip, or has no usable rule.
        """
        from kulla.detection.sigma.load import load_rules

        digest = sha256_of(archive)
        if expected is not None and expected.lower() != digest:
            raise KullaError(f"the SHA-256 is {digest}, not {expected.lower()}", place=source, fix="nothing was stored; get the file again")
        if not zipfile.is_zipfile(archive):
            raise KullaError("this is not a whole zip file", place=source, fix="nothing was stored")
        rule_set = load_rules([str(archive)])
        if not rule_set.rules:
            raise KullaError("there is no usable rule in it", place=source, fix="nothing was stored")
        now = datetime.now(UTC)
        stored = StoredSet(
            name=name,
            version=f"{now:%Y%m%d}-{digest[:16]}",
            path=archive,
            source=source,
            sha256=digest,
            imported=moment.to_text(moment.from_datetime(now)) or "",
            rules=len(rule_set.rules),
            correlations=len(rule_set.correlations),
            rejected=len(rule_set.rejected),
        )
        return Draft(archive.parent, stored, rule_set)

    def keep(self, draft: Draft) -> StoredSet:
        """Store a draft and make it current; the same rules again only become current.

        Raises:
            KullaError: the disk is full or the folder cannot be written; the version in use stays as it is.
        """
        home = self._of(draft.stored.name)
        try:
            same = self._same(draft.stored)
            target = same or home / draft.stored.version
            if same is None:
                shutil.rmtree(target, ignore_errors=True)  # a damaged one, if there is any
                _write_synced(draft.folder / "metadata.json", json.dumps(draft.stored.to_dict(), indent=2).encode() + b"\n")
                _sync(draft.folder / "rules.zip")
                draft.folder.replace(target)
            pointer = home / f".current-{secrets.token_hex(8)}"
            _write_synced(pointer, target.name.encode())
            pointer.replace(home / "current")
            _sync(home)
        except OSError as error:
            raise KullaError(f"the rules cannot be stored: {error.strerror or error}", place=str(home)) from error
        self._prune(home, target.name)
        return self._read(draft.stored.name, target.name)

    def difference(self, draft: Draft) -> Difference:
        """Return what a draft changes against the version in use."""
        from kulla.detection.sigma.load import load_rules

        now = None
        with suppress(KullaError):  # a damaged set is as good as none: it is about to be replaced
            now = self.verified(draft.stored.name)
        old = _by_id(load_rules([str(now.path)])) if now else {}
        new = _by_id(draft.rule_set)
        return Difference(
            first=now is None,
            added=_titles(new, new.keys() - old.keys()),
            removed=_titles(old, old.keys() - new.keys()),
            changed=_titles(new, {key for key in new.keys() & old.keys() if new[key] != old[key]}),
        )

    def _of(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f'"{name[:80]}" cannot be the name of a rule set', fix="use small letters, digits, dots, dashes and underscores"
            )
        return self.folder / name

    def _read(self, name: str, version: str) -> StoredSet:
        folder = self._of(name) / version
        file = folder / "metadata.json"
        try:
            with file.open("rb") as stream:
                data = json.loads(stream.read(_METADATA_BYTES))
            known = {key: data[key] for key in ("source", "sha256", "imported", "rules", "correlations", "rejected")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(file, "cannot be read") from error
        if data.get("schema") != SCHEMA or not _SHA256.fullmatch(str(known["sha256"])):
            raise _damaged(file, f"is not {SCHEMA}")
        return StoredSet(name=name, version=version, path=folder / "rules.zip", **known)

    def _same(self, wanted: StoredSet) -> Path | None:
        """Return the folder of a stored version with the same content."""
        for version in self._versions(self._of(wanted.name)):
            with suppress(KullaError):
                found = self._read(wanted.name, version)
                if found.sha256 == wanted.sha256 and sha256_of(found.path) == wanted.sha256:
                    return found.path.parent
        return None

    @staticmethod
    def _versions(home: Path) -> list[str]:
        return sorted(entry.name for entry in home.iterdir() if _VERSION.fullmatch(entry.name))

    def _prune(self, home: Path, current: str) -> None:
        others = [version for version in self._versions(home) if version != current]
        for version in others[: max(len(others) - KEPT + 1, 0)]:
            shutil.rmtree(home / version, ignore_errors=True)


def installed_rules(store: RuleStore | None = None) -> list[Path]:
    """Return the zips of all imported rule sets, each compared with its checksum; the default of ``kulla scan``.

    Raises:
        KullaError: a set is damaged.
    """
    known = RuleStore() if store is None else store
    verified = [known.verified(found.name) for found in known.sets()]
    return [found.path for found in verified if found is not None]


def content_rules() -> Path:
    """Return the folder of the rules that come with Kulla."""
    return Path(__file__).resolve().parents[1] / "content" / "rules"


def default_rules(store: RuleStore | None = None) -> list[str]:
    """Return where the rules lie that are used when none are named: the imported sets and Kulla's own.

    Raises:
        KullaError: an imported set is damaged.
    """
    return [str(path) for path in (*installed_rules(store), content_rules())]


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        KullaError: the file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise KullaError(f"cannot be read: {error.strerror or error}", place=str(file)) from error


def parsed_sha256(text: str) -> str:
    """Return a checksum that a person typed, in small letters.

    Raises:
        UsageError: it is not 64 hexadecimal digits.
    """
    digest = text.strip().lower()
    if not _SHA256.fullmatch(digest):
        raise UsageError("a SHA-256 has 64 hexadecimal digits", place=text[:80])
    return digest


def copy_archive(source: Path, target: Path) -> None:
    """Copy a zip, or pack a folder's or a single file's rules, into the new file ``target``.

    Raises:
        UsageError: there is no such file or folder.
        KullaError: it is too large or cannot be read or written.
    """
    try:
        if source.is_dir():
            _pack(target, source, _rule_files(source))
        elif source.suffix.lower() in (".yml", ".yaml"):
            _pack(target, source.parent, [source])
        else:
            _copy(source, target)
    except FileNotFoundError as error:
        raise UsageError("there is no such file or folder", place=str(source)) from error
    except OSError as error:
        raise KullaError(f"cannot be copied: {error.strerror or error}", place=str(source)) from error


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reading, target.open("xb") as writing:
        size = 0
        while chunk := reading.read(_CHUNK):
            size += len(chunk)
            _check_size(size, source)
            writing.write(chunk)


def _rule_files(folder: Path) -> list[Path]:
    files: list[Path] = []
    for found in folder.rglob("*"):
        if found.suffix.lower() in (".yml", ".yaml") and found.is_file():
            files.append(found)
            if len(files) > MAX_FILES:
                raise KullaError(f"more than {MAX_FILES:,} rule files", place=str(folder))
    return sorted(files)


def _pack(target: Path, root: Path, files: list[Path]) -> None:
    size = 0
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            size += file.stat().st_size
            _check_size(size, root)
            entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def _check_size(size: int, place: Path) -> None:
    if size > MAX_BYTES:
        raise KullaError(f"larger than {MAX_BYTES:,} bytes", place=str(place))


def _by_id(rule_set: RuleSet) -> dict[str, Rule | Correlation]:
    """Return rules and correlations without their places, which differ between two archives."""
    return {rule.id: replace(rule, path="", line=0) for rule in rule_set.every}


def _titles(rules: dict[str, Rule | Correlation], ids: set[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(((identity, rules[identity].title) for identity in ids), key=lambda pair: (pair[1], pair[0])))


def _damaged(place: Path, what: str) -> KullaError:
    return KullaError(f"the stored rule set {what}", place=str(place), fix="import it again with kulla rules import")


def _remove_old_drafts(home: Path) -> None:
    """Remove what processes left behind that were killed."""
    for left in (*home.glob(".draft-*"), *home.glob(".current-*")):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _DRAFT_SECONDS:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _write_synced(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    _sync(file)


def _sync(path: Path) -> None:
    """Have a file or a folder safely on the disk."""
    with suppress(OSError) if path.is_dir() else nullcontext():  # not every system lets a folder be opened or synced
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
