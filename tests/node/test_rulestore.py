"""Imported rule sets: whole or not at all, and never silently another one."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from kulla.detection.sigma.load import load_rules
from kulla.model.errors import KullaError, UsageError
from kulla.node import rulestore
from kulla.node.rulestore import Difference, RuleStore, StoredSet, copy_archive, installed_rules, parsed_sha256
from tests.node.rulefiles import rule_text, rule_zip, write_rules, zipped


def put(store: RuleStore, content: bytes, name: str = "sigmahq", expected: str | None = None) -> StoredSet:
    with store.draft(name) as archive:
        archive.write_bytes(content)
        return store.keep(store.examine(name, archive, "stick/rules.zip", expected))


@pytest.fixture
def store(tmp_path: Path) -> RuleStore:
    return RuleStore(tmp_path)


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_an_imported_set_is_there_as_it_came(store: RuleStore):
    content = rule_zip(1, 2)
    stored = put(store, content)
    assert store.current("sigmahq") == stored
    assert store.sets() == [stored]
    assert installed_rules(store) == [stored.path]
    assert stored.path.read_bytes() == content
    assert (stored.rules, stored.rejected, stored.source) == (2, 0, "stick/rules.zip")
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert stored.version.endswith(stored.sha256[:16])
    assert names_in(store.folder / "sigmahq") == sorted([stored.version, "current"])
    assert json.loads((stored.path.parent / "metadata.json").read_text())["schema"] == "kulla.rule-set/1"
    assert len(load_rules([str(stored.path)]).rules) == 2


def test_an_empty_store(store: RuleStore):
    assert store.sets() == []
    assert installed_rules(store) == []
    assert store.current("sigmahq") is None


def test_the_store_is_where_kulla_home_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KULLA_HOME", str(tmp_path / "home"))
    stored = put(RuleStore(), rule_zip(1))
    assert installed_rules() == [stored.path]
    assert stored.path.is_relative_to(tmp_path / "home" / "rules" / "sigmahq")


def test_the_checksum_must_be_the_expected_one(store: RuleStore):
    content = rule_zip(1)
    put(store, content, expected=hashlib.sha256(content).hexdigest().upper())
    with pytest.raises(KullaError, match=f"not {'0' * 64}"):
        put(store, rule_zip(2), expected="0" * 64)
    assert names_in(store.folder / "sigmahq")[-1] == "current"
    assert [found.rules for found in store.sets()] == [1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a whole zip"),
        (b"PK\x03\x04 but no more", "not a whole zip"),
        (rule_zip(1)[:-30], "not a whole zip"),
        (zipped({"readme.txt": "nothing"}), "no usable rule"),
        (zipped({"r.yml": "title: broken\ndetection: [\n"}), "no usable rule"),
    ],
)
def test_what_is_no_rule_set_leaves_the_old_one_in_use(store: RuleStore, content: bytes, message: str):
    before = put(store, rule_zip(1))
    with pytest.raises(KullaError, match=message):
        put(store, content)
    assert store.sets() == [before]
    assert names_in(store.folder / "sigmahq") == sorted([before.version, "current"])


def test_rejected_rules_are_counted_and_the_others_used(store: RuleStore):
    stored = put(
        store, zipped({"good.yml": rule_text(1), "bad.yml": "title: Bad\nlogsource: {category: x}\ndetection: {condition: nothing}\n"})
    )
    assert (stored.rules, stored.rejected) == (1, 1)


def test_a_later_version_replaces_and_older_ones_are_pruned(store: RuleStore):
    versions = [put(store, rule_zip(number)) for number in range(6)]
    assert store.sets() == [versions[-1]]
    kept = [name for name in names_in(store.folder / "sigmahq") if name != "current"]
    assert len(kept) == rulestore.KEPT
    assert versions[-1].version in kept


def test_the_same_content_again_is_the_same_version(store: RuleStore):
    first = put(store, rule_zip(1))
    put(store, rule_zip(2))
    again = put(store, rule_zip(1))
    assert again == first
    assert store.current("sigmahq") == first


def test_several_sets_stand_beside_each_other(store: RuleStore):
    put(store, rule_zip(1))
    put(store, rule_zip(2), name="own")
    assert [found.name for found in store.sets()] == ["own", "sigmahq"]
    assert len(installed_rules(store)) == 2


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-x", ".x", "x" * 65, "a\n"])
def test_names_that_would_leave_the_store(store: RuleStore, name: str):
    with pytest.raises(UsageError, match="cannot be the name"):
        put(store, rule_zip(1), name=name)


def test_a_changed_zip_is_not_used(store: RuleStore):
    stored = put(store, rule_zip(1))
    stored.path.write_bytes(rule_zip(2))
    with pytest.raises(KullaError, match="is not what was imported"):
        installed_rules(store)


def test_a_missing_zip_is_said(store: RuleStore):
    put(store, rule_zip(1)).path.unlink()
    with pytest.raises(KullaError, match="cannot be read"):
        installed_rules(store)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"schema": "kulla.rule-set/1"}',
        '{"schema": "other/1", "source": "", "sha256": "' + "a" * 64 + '", "imported": "", "rules": 1, "correlations": 0, "rejected": 0}',
    ],
)
def test_damaged_metadata_is_said(store: RuleStore, content: str):
    stored = put(store, rule_zip(1))
    (stored.path.parent / "metadata.json").write_text(content)
    with pytest.raises(KullaError, match="the stored rule set") as caught:
        store.sets()
    assert "kulla rules import" in caught.value.fix


@pytest.mark.parametrize("pointer", [b"", b"../../../etc", b"20260101-0000000000000000", b"\xff"])
def test_a_damaged_pointer_is_said(store: RuleStore, pointer: bytes):
    put(store, rule_zip(1))
    (store.folder / "sigmahq" / "current").write_bytes(pointer)
    with pytest.raises(KullaError, match="the stored rule set"):
        store.sets()


def test_a_damaged_set_is_repaired_by_importing_it_again(store: RuleStore):
    stored = put(store, rule_zip(1))
    for damaged in (stored.path, stored.path.parent / "metadata.json", store.folder / "sigmahq" / "current"):
        damaged.write_bytes(b"damaged")
        with store.draft("sigmahq") as archive:
            archive.write_bytes(rule_zip(1))
            draft = store.examine("sigmahq", archive, "stick/rules.zip", None)
            assert store.difference(draft).first
            store.keep(draft)
        assert [found.sha256 for found in store.sets()] == [stored.sha256]
        assert len(installed_rules(store)) == 1


def test_drafts_of_killed_processes_are_removed_after_a_day(store: RuleStore):
    put(store, rule_zip(1))
    old, young = store.folder / "sigmahq" / ".draft-old", store.folder / "sigmahq" / ".draft-young"
    for left in (old, young):
        left.mkdir()
    os.utime(old, (time.time() - 100_000,) * 2)
    put(store, rule_zip(2))
    assert (old.exists(), young.exists()) == (False, True)


def test_a_store_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "rules").write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="cannot be stored"):
        put(RuleStore(tmp_path), rule_zip(1))


def test_a_failure_while_storing_leaves_the_old_version(store: RuleStore, monkeypatch: pytest.MonkeyPatch):
    before = put(store, rule_zip(1))

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rulestore, "_sync", full)
    with pytest.raises(KullaError, match="No space left"):
        put(store, rule_zip(2))
    assert store.sets() == [before]
    assert store.verified("sigmahq") == before


def test_the_difference(store: RuleStore):
    put(store, zipped({"a.yml": rule_text(1), "b.yml": rule_text(2), "c.yml": rule_text(3, "Gone")}))
    with store.draft("sigmahq") as archive:
        archive.write_bytes(zipped({"moved/a.yml": rule_text(1), "b.yml": rule_text(2, value="worse.exe"), "d.yml": rule_text(4, "New")}))
        found = store.difference(store.examine("sigmahq", archive, "x", None))
    identity = "00000000-0000-4000-8000-{:012d}"
    assert found == Difference(
        added=((identity.format(4), "New"),), removed=((identity.format(3), "Gone"),), changed=((identity.format(2), "Rule 2"),)
    )
    assert not found.empty


def test_the_first_version_adds_everything(store: RuleStore):
    with store.draft("sigmahq") as archive:
        archive.write_bytes(rule_zip(1, 2))
        found = store.difference(store.examine("sigmahq", archive, "x", None))
    assert (len(found.added), found.removed, found.changed, found.first) == (2, (), (), True)


def test_a_folder_is_packed_the_same_each_time(tmp_path: Path, store: RuleStore):
    folder = write_rules(tmp_path / "mine" / "deep", 2, 1)
    (folder / "notes.txt").write_text("not a rule")
    copy_archive(tmp_path / "mine", tmp_path / "one.zip")
    (folder / "r1.yml").touch()
    copy_archive(tmp_path / "mine", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert put(store, (tmp_path / "one.zip").read_bytes()).rules == 2


def test_a_single_file_is_packed(tmp_path: Path):
    copy_archive(write_rules(tmp_path / "mine", 1, 2) / "r2.yml", tmp_path / "one.zip")
    assert [rule.title for rule in load_rules([str(tmp_path / "one.zip")]).rules] == ["Rule 2"]


def test_what_cannot_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="no such file"):
        copy_archive(tmp_path / "absent.zip", tmp_path / "x.zip")
    monkeypatch.setattr(rulestore, "MAX_BYTES", 100)
    (tmp_path / "large.zip").write_bytes(b"x" * 101)
    with pytest.raises(KullaError, match="larger than 100 bytes"):
        copy_archive(tmp_path / "large.zip", tmp_path / "y.zip")
    with pytest.raises(KullaError, match="larger than 100 bytes"):
        copy_archive(write_rules(tmp_path / "mine", 1), tmp_path / "z.zip")
    monkeypatch.setattr(rulestore, "MAX_FILES", 1)
    with pytest.raises(KullaError, match="more than 1 rule files"):
        copy_archive(write_rules(tmp_path / "mine", 1, 2), tmp_path / "w.zip")


def test_checksums_that_people_type():
    assert parsed_sha256(f" {'AB' * 32}\n") == "ab" * 32
    for wrong in ("", "ab" * 31, "zz" * 32):
        with pytest.raises(UsageError, match="64 hexadecimal digits"):
            parsed_sha256(wrong)
