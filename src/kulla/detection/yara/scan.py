"""Files that are no logs, scanned with YARA rules; matches become detections."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Any, BinaryIO

from kulla.detection.yara.rules import YaraRules, yara_x
from kulla.model.detection import Detection, Matched, Record, RuleRef
from kulla.model.level import LEVELS
from kulla.model.problem import Problems

#: Bytes of a file that are scanned; of a longer one its head, with the problem ``partly-scanned``.
MAX_SCAN = 64 * 1024 * 1024
#: Seconds a file may take.
TIMEOUT = 30
#: Places of one pattern, and of all patterns of one rule together, that a detection shows.
MAX_PLACES, MAX_MATCHED = 10, 20
#: Bytes of a match that are shown.
MAX_VALUE = 128
#: Names rules that have no id (RFC 9562, version 5).
NAMESPACE = uuid.UUID("0d0a4d0e-5c57-4f0f-8b0c-3a5d1f2b9a61")
#: Level of a rule that says nothing of its weight.
DEFAULT_LEVEL = "medium"

_ID_KEYS = ("id", "uuid", "rule_id")
_LEVEL_KEYS = ("level", "severity", "threat_level")
_SCORE_KEYS = ("score", "threat_score", "severity")
_WORDS = {"info": "informational", "notice": "low", "warning": "medium", "moderate": "medium", "alert": "high", "severe": "high"}
#: Lowest score of 100 for a level, highest first.
_SCORES = ((90, "critical"), (70, "high"), (40, "medium"), (20, "low"), (0, "informational"))
_TECHNIQUE = re.compile(r"\bT\d{4}(?:\.\d{3})?\b", re.ASCII)
_CHUNK = 1024 * 1024
_SHOWN_TITLE = 200


class YaraScanner:
    """Scans one file after another; one scanner for each thread."""

    def __init__(self, rules: YaraRules, problems: Problems, *, limit: int = MAX_SCAN, timeout: int = TIMEOUT) -> None:
        self._module = yara_x()
        self._scanner = self._module.Scanner(rules.compiled)
        self._scanner.set_timeout(timeout)
        self._scanner.max_matches_per_pattern(MAX_PLACES)
        self._problems = problems
        self._limit = limit
        self._timeout = timeout

    def scan(self, stream: BinaryIO, path: str) -> list[Detection]:
        """Return the detections in one file.

        A longer file than the limit, one that takes too long and one that cannot be read are problems
        (``partly-scanned``, ``scan-timeout``, ``unreadable-file``).

        Args:
            stream: the file at its start; need not be seekable.
            path: for ``record.path`` and for problems.
        """
        try:
            data = _read(stream, self._limit)
            more = stream.read(1) if len(data) == self._limit else b""
            found = self._matching(data, path)
            if more:
                self._problems.add(path, "partly-scanned", f"only the first {self._limit} bytes were scanned with YARA")
            identity = _identity(data, more, stream) if found else ("", 0)
        except OSError as error:
            self._problems.add(path, "unreadable-file", error.strerror or str(error))
            return []
        return [_detection(rule, data, path, *identity) for rule in found]

    def _matching(self, data: bytes, path: str) -> list[Any]:
        try:
            return list(self._scanner.scan(data).matching_rules)
        except self._module.TimeoutError:
            self._problems.add(path, "scan-timeout", f"YARA took longer than {self._timeout} seconds")
        except self._module.ScanError as error:
            self._problems.add(path, "unreadable-file", f"YARA: {error}")
        return []


def _read(stream: BinaryIO, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (chunk := stream.read(min(_CHUNK, size - len(data)))):
        data += chunk
    return bytes(data)


def _identity(data: bytes, more: bytes, rest: BinaryIO) -> tuple[str, int]:
    """Return (SHA-256, size) of the whole file, of which ``data`` and ``more`` have been read."""
    digest, size = hashlib.sha256(data + more), len(data) + len(more)
    while more and (chunk := rest.read(_CHUNK)):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _detection(rule: Any, data: bytes, path: str, sha256: str, size: int) -> Detection:
    return Detection(
        rule=rule_ref(rule),
        records=(Record(path=path, number=0, id=sha256),),
        matched=tuple(_matched(rule, data)),
        event={"sha256": sha256, "size": size, "path": path},
    )


def rule_ref(rule: Any) -> RuleRef:
    """Return what a detection says of a rule (``yara_x.Rule``): id, level and ATT&CK techniques from its meta where they are given."""
    meta: dict[str, Any] = {}
    for key, value in rule.metadata:
        meta.setdefault(key.lower(), value)
    name = next((meta[key] for key in _ID_KEYS if isinstance(meta.get(key), str) and meta[key]), None)
    about = meta.get("description")
    return RuleRef(
        id=name or str(uuid.uuid5(NAMESPACE, rule.identifier)),
        title=(f"{rule.identifier} - {about}" if isinstance(about, str) and about else rule.identifier)[:_SHOWN_TITLE],
        level=_level(meta),
        status="stable",
        tags=(*rule.tags, *_techniques(meta)),
        kind="yara",
    )


def _level(meta: dict[str, Any]) -> str:
    for key in _LEVEL_KEYS:
        word = str(meta.get(key, "")).lower()
        if _WORDS.get(word, word) in LEVELS:
            return _WORDS.get(word, word)
    for key in _SCORE_KEYS:
        score = meta.get(key)
        if isinstance(score, int | float) and not isinstance(score, bool):
            return next((level for lowest, level in _SCORES if score >= lowest), "informational")
    return DEFAULT_LEVEL


def _techniques(meta: dict[str, Any]) -> list[str]:
    texts = (value for key, value in meta.items() if isinstance(value, str) and ("mitre" in key or "attack" in key or "attck" in key))
    return list(dict.fromkeys(f"attack.{found.lower()}" for text in texts for found in _TECHNIQUE.findall(text)))


def _matched(rule: Any, data: bytes) -> list[Matched]:
    found = [
        Matched(f"{pattern.identifier}@0x{match.offset:x}", _shown(data[match.offset : match.offset + min(match.length, MAX_VALUE)]))
        for pattern in rule.patterns
        for match in pattern.matches
    ]
    return found[:MAX_MATCHED]


def _shown(value: bytes) -> str:
    """Return matched bytes as text where they are printable, else as YARA's hex string (``{ 4d 5a }``)."""
    text = value.decode("utf-8", "replace")
    return text if text.isprintable() and "\ufffd" not in text else f"{{ {value.hex(' ')} }}"
