"""Rules ready to run: compiled once for each set, again when a rule, a placeholder or the table changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kulla.detection.eventclass import EventClass, Match, Probe
from kulla.detection.ir import Op, Predicate, Rule
from kulla.detection.logsources import Catalogue, builtin
from kulla.detection.rulebook import RuleBook, book_of, hash_of, open_rules
from kulla.model.errors import UsageError
from kulla.model.logsource import LogSource
from tests.detection.building import rule_text

DETECTION = "selection:\n  Image|endswith: '\\cmd.exe'\ncondition: selection\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "one.yml").write_text(rule_text(DETECTION, title="One"))
    return folder


class Ears(list[str]):
    """Remembers what was said."""

    def __call__(self, text: str) -> None:
        self.append(text)


def opened(rules: Path, cache: Path | None, ears: Ears, catalogue: Catalogue | None = None) -> RuleBook:
    return open_rules([str(rules)], catalogue or builtin(), cache, say=ears)


def test_compiled_once(rules: Path, tmp_path: Path) -> None:
    ears = Ears()
    first = opened(rules, tmp_path / "cache", ears)
    second = opened(rules, tmp_path / "cache", ears)
    assert len(ears) == 1
    assert first.infos == second.infos
    assert tuple(first.rules) == tuple(second.rules)
    assert [info.title for info in second.infos] == ["One"]


def test_a_changed_rule_is_compiled_again(rules: Path, tmp_path: Path) -> None:
    ears = Ears()
    opened(rules, tmp_path / "cache", ears)
    (rules / "one.yml").write_text(rule_text(DETECTION, title="Another"))
    assert [info.title for info in opened(rules, tmp_path / "cache", ears).infos] == ["Another"]
    assert len(ears) == 2


def test_a_changed_table_is_compiled_again(rules: Path, tmp_path: Path) -> None:
    site = EventClass("site/mine", (LogSource("mine"),), (Match(Probe("vendor"), "mine"),))
    catalogue = Catalogue((site,))
    assert hash_of(catalogue) != hash_of(builtin())
    ears = Ears()
    opened(rules, tmp_path / "cache", ears)
    opened(rules, tmp_path / "cache", ears, catalogue)
    assert len(ears) == 2


def test_damaged_cache_is_made_anew(rules: Path, tmp_path: Path) -> None:
    ears = Ears()
    opened(rules, tmp_path / "cache", ears)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:1000])
    assert len(opened(rules, tmp_path / "cache", ears).rules) == 1
    assert len(ears) == 2


def test_cache_that_cannot_be_written_is_said(rules: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    ears = Ears()
    assert len(opened(rules, blocked / "cache", ears).rules) == 1
    assert any("cannot be kept" in text for text in ears)


def test_old_compiled_forms_go(rules: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for number in range(12):
        file = cache / f"{number}.compiled"
        file.write_text("old")
        os.utime(file, (number, number))
    opened(rules, cache, Ears())
    assert len(list(cache.iterdir())) == 8


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        opened(tmp_path / "none", None, Ears())


def test_without_compiling(rules: Path) -> None:
    book = open_rules([str(rules)], builtin(), None, compiling=False)
    assert book.compiled is None
    assert LogSource() in book.sources


def test_rules_made_in_memory() -> None:
    rule = Rule("r", "t", LogSource(), Predicate("Image", Op.EQUALS, "a"), kind="indicator")
    assert book_of([rule], builtin(), compiling=False).rules == (rule,)
    assert book_of([rule], builtin(), compiling=True).compiled is not None


def test_every_reader_source_is_known(rules: Path) -> None:
    book = opened(rules, None, Ears())
    assert book.compiled is not None
    for source in (LogSource("aws", None, "cloudtrail"), LogSource("windows", "webserver", "iis")):
        assert book.compiled.bases[book.compiled.base_number(source)] == source
