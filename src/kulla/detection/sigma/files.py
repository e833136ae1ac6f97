"""Rule files where they lie: files, folders and zips, in one order, bounded, with a digest of all bytes.

The digest needs no parsing, so that a cache of parsed or compiled rules can be asked first.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kulla.model.errors import RuleError, UsageError

#: Raise when the translation of rules changes, so that no cache of an older one is used.
TRANSLATOR_VERSION = 1

#: Bytes of one file of rules, of one zip as it lies, and of all that is read.
FILE_BYTES = 16 * 1024 * 1024
ZIP_BYTES = 128 * 1024 * 1024
TOTAL_BYTES = 512 * 1024 * 1024
#: Files of a folder or a zip.
MAX_FILES = 200_000

_SUFFIXES = (".yml", ".yaml")
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
#: Begins each entry of a zip's directory (APPNOTE.TXT 4.3.12).
_ENTRY_MAGIC = b"PK\x01\x02"


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file: its path as given or found, and either its bytes or why it cannot be read."""

    path: str
    data: bytes = b""
    error: str = ""

    @property
    def is_zip(self) -> bool:
        """Whether the content is a zip archive."""
        return self.data.startswith(_ZIP_MAGIC)


def read(paths: Sequence[str]) -> list[RuleFile]:
    """Return the files of all paths, zips as they are; folders are walked in the order of their names.

    Raises:
        UsageError: a path does not exist.
    """
    files: list[RuleFile] = []
    left = TOTAL_BYTES
    for path in paths:
        if not Path(path).exists():
            raise UsageError(f"no such file or folder of rules: {path}")
        for found in _walk(Path(path)):
            one = _read_one(found, left)
            left -= len(one.data)
            files.append(one)
    return files


def _walk(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    found = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith((*_SUFFIXES, ".zip")) and found < MAX_FILES:
                found += 1
                yield Path(folder) / name


def _read_one(path: Path, left: int) -> RuleFile:
    try:
        if not path.is_file():
            return RuleFile(str(path), error="not a regular file")
        with path.open("rb") as stream:
            head = stream.read(4)
            most = min(ZIP_BYTES if head in _ZIP_MAGIC else FILE_BYTES, left)
            data = head + stream.read(most + 1 - len(head))
    except OSError as error:
        return RuleFile(str(path), error=f"cannot be read: {error.strerror}")
    return RuleFile(str(path), error=f"longer than {most} bytes") if len(data) > most else RuleFile(str(path), data)


def digest(files: Sequence[RuleFile], placeholders: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the SHA-256 (hexadecimal) of everything a translation depends on: files, placeholders, pySigma and this translator."""
    from importlib.metadata import version

    total = hashlib.sha256(f"kulla-rules {TRANSLATOR_VERSION} pysigma {version('pysigma')}\0".encode())
    for file in files:
        total.update(f"{file.path}\0{file.error}\0{len(file.data)}\0".encode("utf-8", "surrogateescape"))
        total.update(hashlib.sha256(file.data).digest())
    for name, values in sorted((placeholders or {}).items()):
        total.update(repr((name, list(values))).encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def unpacked(file: RuleFile) -> Iterator[RuleFile]:
    """Yield the file itself, or the rule files of a zip by name, as ``archive.zip!member``; nothing is written to disk."""
    if not file.is_zip:
        yield file
        return
    try:
        yield from _members(file)
    except (RuleError, zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OverflowError) as error:
        yield RuleFile(file.path, error=f"the zip cannot be read: {error}")


def _members(file: RuleFile) -> Iterator[RuleFile]:
    if file.data.count(_ENTRY_MAGIC) > MAX_FILES:
        raise RuleError(f"more than {MAX_FILES} files")
    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        members = sorted((one for one in archive.infolist() if _is_rule_file(one)), key=lambda one: one.filename)
        left = TOTAL_BYTES
        for member in members:
            path = f"{file.path}!{member.filename}"
            try:
                data = _inflate(archive, member, min(FILE_BYTES, left))
            except RuleError as error:
                yield RuleFile(path, error=error.message)
                continue
            left -= len(data)
            yield RuleFile(path, data)


def _is_rule_file(member: zipfile.ZipInfo) -> bool:
    return not member.is_dir() and member.filename.lower().endswith(_SUFFIXES)


def _inflate(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """Return a member's bytes; what its header says of its size is not believed."""
    try:
        with archive.open(member) as stream:
            data = stream.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise RuleError(f"cannot be unpacked: {error}") from None
    if len(data) > most:
        raise RuleError(f"longer than {most} bytes")
    return data
