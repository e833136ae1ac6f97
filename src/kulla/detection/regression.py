"""Regression tests of rules: samples that must fire and samples that must not.

Two conventions are understood.

* SigmaHQ's: an ``info.yml`` whose ``regression_tests_info`` lists samples, with the ids of the rules in
  ``rule_metadata`` (SigmaHQ Regression Testing Conventions). The rule must match at least ``match_count`` times, once where
  no number is given.
* Kulla's: beside a rule file ``NAME.yml``, in its folder's ``samples`` or ``tests`` or in a folder that is named, a file
  ``NAME.jsonl``. Its first line is ``{"logsource": {...}}``, each further line ``{"fires": EVENT}`` or ``{"clean": EVENT}``.
  Each event under "fires" must match one of the file's rules, none under "clean" may. Where the file has correlations, they
  must fire over all events of "fires" together and must not over those of "clean".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

import orjson

from kulla.detection.correlation.model import Correlation
from kulla.detection.ir import Rule
from kulla.detection.sigma.document import decode, parse, split
from kulla.detection.sigma.outcome import RuleSet
from kulla.detection.trial import Outcome, Trial, needed_by
from kulla.model.errors import RuleError
from kulla.model.logsource import LogSource
from kulla.model.problem import Problems
from kulla.telemetry.batch import Batch, Source, batch_of
from kulla.telemetry.files import read_path

#: Folders beside a rule in which its sample may lie; "" is the rule's own.
SAMPLE_FOLDERS = ("", "samples", "tests")
#: Bytes of a file of samples or an info.yml.
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Result:
    """What one test said.

    Attributes:
        rule_id, title: of the rule that was tested; empty where the test itself cannot be read.
        sample: the file of events.
        name: of the test.
        expected: what had to happen, in words.
        matches: how often the rule matched, None where it could not be tried.
        state: ``error`` where it could not be tried.
        message: why it did not pass; empty where it did.
    """

    rule_id: str
    title: str
    sample: str
    name: str
    expected: str
    matches: int | None
    state: Literal["passed", "failed", "error"]
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``kulla rules test -f jsonl``."""
        return {
            "id": self.rule_id,
            "title": self.title,
            "name": self.name,
            "sample": self.sample,
            "expected": self.expected,
            "matches": self.matches,
            "state": self.state,
            "message": self.message,
        }


@dataclass(slots=True)
class RegressionRun:
    """All tests that belong to some rules.

    Args:
        rules: the rules under test and what they refer to.
        problems: where what cannot be read in samples is counted.
    """

    rules: RuleSet
    problems: Problems

    def results(self, paths: Sequence[str], samples: Sequence[str] = ()) -> Iterator[Result]:
        """Run the tests found under ``paths`` and for the rules: Kulla's by rule file, then SigmaHQ's by info.yml.

        Args:
            paths: files and folders, in which info.yml files are sought.
            samples: further folders in which Kulla's samples may lie.
        """
        for path in dict.fromkeys(rule.path for rule in self.rules.every):
            sample = _sample_of(path, samples)
            if sample is not None:
                yield from self._own(path, sample)
        for info in _info_files(paths):
            yield from self._sigmahq(info)

    def untested(self, results: Iterable[Result]) -> list[Rule | Correlation]:
        """Return the rules of which no result speaks; those that only feed a correlation are not counted."""
        tested = {result.rule_id for result in results}
        return [rule for rule in self.rules.every if rule.id not in tested and not rule.silent]

    def _own(self, path: str, sample: Path) -> Iterator[Result]:
        try:
            fires, clean = _read_sample(sample)
        except ValueError as error:
            yield Result("", "", str(sample), sample.stem, "", None, "error", str(error))
            return
        for rule in self._tested(path):
            yield self._fires(rule, sample, fires)
            yield self._clean(rule, sample, clean)

    def _tested(self, path: str) -> list[Rule | Correlation]:
        """Return the rules of a file that the file's sample is about: those that give detections."""
        return [rule for rule in self.rules.every if rule.path == path and not rule.silent]

    def _fires(self, rule: Rule | Correlation, sample: Path, batch: Batch) -> Result:
        wanted = len(batch) if isinstance(rule, Rule) else 1
        found = self._run(rule.id, [batch]).matches[rule.id]
        expected = f"all {wanted} events match" if isinstance(rule, Rule) else "the correlation fires"
        passed = found >= wanted
        message = "" if passed else f"{found} of {wanted} events match" if isinstance(rule, Rule) else "the correlation does not fire"
        return Result(rule.id, rule.title, str(sample), "fires", expected, found, "passed" if passed else "failed", message)

    def _clean(self, rule: Rule | Correlation, sample: Path, batch: Batch) -> Result:
        found = self._run(rule.id, [batch]).matches[rule.id]
        message = f"it matches {found} times" if found else ""
        return Result(rule.id, rule.title, str(sample), "clean", "no match", found, "failed" if found else "passed", message)

    def _sigmahq(self, info: Path) -> Iterator[Result]:
        try:
            ids, tests = _read_info(info)
        except RuleError as error:
            yield Result("", "", str(info), info.parent.name, "", None, "error", error.message)
            return
        for test in tests:
            for identity in ids:
                yield self._one(info, identity, test)

    def _one(self, info: Path, identity: str, test: dict[str, Any]) -> Result:
        name = str(test.get("name") or info.parent.name)
        rule = next((rule for rule in self.rules.every if rule.id == identity), None)
        sample = _beside(info, str(test.get("path") or ""))
        if rule is None or sample is None:
            reason = "the rule is not among those loaded" if rule is None else f"the sample is not there: {test.get('path')}"
            return Result(identity, rule.title if rule else "", str(info), name, "", None, "error", reason)
        count = test.get("match_count")
        wanted = count if isinstance(count, int) and count > 0 else 1
        found = self._run(identity, read_path(str(sample), self.problems)).matches[identity]
        state: Literal["passed", "failed"] = "passed" if found >= wanted else "failed"
        message = "" if state == "passed" else f"it matches {found} times, not {wanted}"
        return Result(identity, rule.title, str(sample), name, f"at least {wanted} matches", found, state, message)

    def _run(self, identity: str, batches: Iterable[Batch]) -> Outcome:
        rules, correlations = needed_by(identity, self.rules.rules, self.rules.correlations)
        return Trial(rules, correlations, self.problems).run(batches)


def _sample_of(path: str, samples: Sequence[str]) -> Path | None:
    """Return the sample of a rule file; a rule inside an archive has none."""
    rule = Path(path)
    folders = [rule.parent / name for name in SAMPLE_FOLDERS] + [Path(folder) for folder in samples]
    return next((file for folder in folders if (file := folder / f"{rule.stem}.jsonl").is_file()), None)


def _read_sample(sample: Path) -> tuple[Batch, Batch]:
    """Return the events that must fire and those that must not.

    Raises:
        ValueError: the file is no sample; the message has the line.
    """
    lines = _content(sample).splitlines()
    source = Source(str(sample), "sample", _logsource(_object(lines[0] if lines else b"", 1)))
    events: dict[str, list[bytes]] = {"fires": [], "clean": []}
    for number, line in enumerate(lines[1:], 2):
        wrapped = _object(line, number)
        kind = next(iter(wrapped), "")
        if len(wrapped) != 1 or kind not in events or not isinstance(wrapped[kind], dict):
            raise ValueError(f'line {number}: a line is {{"fires": EVENT}} or {{"clean": EVENT}}')
        events[kind].append(orjson.dumps(wrapped[kind]))
    if not events["fires"]:
        raise ValueError('there is no event under "fires"')
    return batch_of(source, events["fires"]), batch_of(source, events["clean"])


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES:,} bytes")
    return content


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"line {number}: no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"line {number}: no JSON object")
    return value


def _logsource(first: dict[str, Any]) -> LogSource:
    given = first.get("logsource")
    if not isinstance(given, dict):
        raise ValueError('line 1: the first line is {"logsource": {...}}')
    parts = (given.get(name) for name in ("product", "category", "service"))
    return LogSource(*(str(part) if part is not None else None for part in parts))


def _info_files(paths: Sequence[str]) -> Iterator[Path]:
    """Yield the info.yml files under ``paths`` in the order of their names, links to folders not followed."""
    for path in paths:
        if Path(path).name == "info.yml":
            yield Path(path)
        for folder, folders, names in os.walk(path):
            folders.sort()
            if "info.yml" in names:
                yield Path(folder) / "info.yml"


def _read_info(info: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the ids of the rules and the tests of an info.yml.

    Raises:
        RuleError: it is none.
    """
    try:
        pieces = list(split(decode(_content(info))))
    except ValueError as error:
        raise RuleError(str(error)) from error
    document = parse(pieces[0]) if pieces else None
    rules = document.get("rule_metadata") if isinstance(document, dict) else None
    tests = document.get("regression_tests_info") if isinstance(document, dict) else None
    if not isinstance(rules, list) or not isinstance(tests, list):
        raise RuleError("no regression_tests_info with rule_metadata")
    ids = [str(rule.get("id")) for rule in rules if isinstance(rule, dict)]
    return ids, [test for test in tests if isinstance(test, dict)]


def _beside(info: Path, path: str) -> Path | None:
    """Return the sample that an info.yml names: beside it, or from any folder above it; never outside of those."""
    relative = PurePosixPath(path)
    if not relative.name or relative.is_absolute() or ".." in relative.parts or PureWindowsPath(path).drive:
        return None
    candidates = [info.parent / relative.name, *(folder / relative for folder in info.absolute().parents)]
    return next((file for file in candidates if file.is_file()), None)
