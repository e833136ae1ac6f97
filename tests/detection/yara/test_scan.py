"""YARA rules over files, with the real YARA-X."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path

import pytest

from kulla.detection.yara.rules import compile_rules
from kulla.detection.yara.scan import MAX_MATCHED, YaraScanner, rule_ref
from kulla.model.detection import Detection
from kulla.model.errors import UsageError
from kulla.model.problem import Problems

pytest.importorskip("yara_x")

WIPER = """
rule Invented_Wiper : destructive {
  meta:
    id = "7d7a1f4e-0000-4000-8000-000000000001"
    description = "Marks of an invented wiper"
    score = 85
    mitre_attack = "T1485, T1561.002"
  strings:
    $note = "ALL YOUR DISKS"
    $magic = { 4D 5A 90 00 }
  condition:
    any of them
}
rule Small { meta: severity = "low" condition: filesize < 10 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.yar").write_text(WIPER)
    (tmp_path / "b.yara").write_text(
        "rule Fine { condition: false }\nrule Broken {\n condition: unknown_thing }\nrule Small { condition: false }\n"
    )
    (tmp_path / "notes.txt").write_text("rule Ignored { condition: true }")
    return tmp_path


def scanned(paths: list[str], data: bytes, **limits: int) -> tuple[list[Detection], Problems]:
    problems = Problems()
    scanner = YaraScanner(compile_rules(paths, problems), problems, **limits)
    return scanner.scan(io.BytesIO(data), "evidence/disk.bin"), problems


def test_a_match_is_a_detection(folder: Path):
    data = b"MZ\x90\x00 ... ALL YOUR DISKS ..."
    found, problems = scanned([str(folder / "a.yar")], data)
    assert len(problems) == 0
    digest = hashlib.sha256(data).hexdigest()
    assert [one.to_dict() for one in found] == [
        {
            "schema": "kulla.detection/1",
            "time": None,
            "rule": {
                "id": "7d7a1f4e-0000-4000-8000-000000000001",
                "title": "Invented_Wiper - Marks of an invented wiper",
                "level": "high",
                "status": "stable",
                "tags": ["destructive", "attack.t1485", "attack.t1561.002"],
                "kind": "yara",
            },
            "host": None,
            "logsource": {"product": None, "category": None, "service": None},
            "record": {"path": "evidence/disk.bin", "number": 0, "id": digest, "channel": None},
            "matched": [{"field": "$note@0x9", "value": "ALL YOUR DISKS"}, {"field": "$magic@0x0", "value": "{ 4d 5a 90 00 }"}],
            "event": {"sha256": digest, "size": len(data), "path": "evidence/disk.bin"},
        }
    ]


def test_a_broken_rule_is_told_and_the_others_work(folder: Path):
    problems = Problems()
    rules = compile_rules([str(folder)], problems)
    assert rules.count == 4
    assert [(rule.path, rule.line, rule.state) for rule in rules.rejected] == [(str(folder / "b.yara"), 3, "invalid")]
    assert "unknown_thing" in rules.rejected[0].reason
    assert [(one.kind, one.place) for one in problems] == [("invalid-rule", "line 3")]


def test_a_file_that_is_no_rules_at_all_is_told(tmp_path: Path):
    (tmp_path / "junk.yar").write_text("this is no rule {{{")
    (tmp_path / "binary.yar").write_bytes(b"\xff\xfe\x00\x01")
    problems = Problems()
    assert compile_rules([str(tmp_path)], problems).count == 0
    assert {one.kind for one in problems} == {"invalid-rule", "unreadable-rules"}


def test_include_reads_no_file(folder: Path):
    (folder / "c.yar").write_text('include "a.yar"\nrule After { condition: true }')
    problems = Problems()
    rules = compile_rules([str(folder / "c.yar")], problems)
    assert rules.count == 1
    assert "include" in rules.rejected[0].reason


def test_a_rule_without_meta_has_a_level_and_an_id_that_stay(folder: Path):
    found, _ = scanned([str(folder / "a.yar")], b"tiny")
    again, _ = scanned([str(folder / "a.yar")], b"tiny")
    assert [one.rule.title for one in found] == ["Small"]
    assert found[0].rule.level == "low"
    assert found[0].rule.id == again[0].rule.id


@pytest.mark.parametrize(
    ("meta", "level"),
    [("", "medium"), ("score = 95", "critical"), ("score = 10", "informational"), ('severity = "Severe"', "high"),
     ("score = -5", "informational"),     ("score = true", "medium"), ('level = "high" score = 1', "high")],
)  # fmt: skip
def test_levels(meta: str, level: str, tmp_path: Path):
    path = tmp_path / "level.yar"
    path.write_text(f"rule L {{ {'meta: ' + meta if meta else ''} condition: true }}")
    assert rule_ref(next(iter(compile_rules([str(path)], Problems()).compiled))).level == level


def test_of_a_long_file_the_head_is_scanned_and_the_whole_is_identified(folder: Path):
    data = b"ALL YOUR DISKS" + b"." * 5_000_000 + b"MZ\x90\x00"
    found, problems = scanned([str(folder / "a.yar")], data, limit=1000)
    assert [one.field for one in found[0].matched] == ["$note@0x0"]
    assert found[0].event == {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "path": "evidence/disk.bin"}
    assert [(one.kind, one.count) for one in problems] == [("partly-scanned", 1)]


def test_a_file_of_just_the_limit_is_whole(folder: Path):
    found, problems = scanned([str(folder / "a.yar")], b"." * 986 + b"ALL YOUR DISKS", limit=1000)
    assert len(found) == 1
    assert len(problems) == 0


def test_a_rule_that_takes_too_long_is_stopped(tmp_path: Path):
    path = tmp_path / "slow.yar"
    path.write_text("rule Slow { strings: $a = /(a+)+$/ condition: $a }")
    found, problems = scanned([str(path)], b"a" * 20_000_000 + b"b", timeout=1)
    assert found == []
    assert [one.kind for one in problems] == ["scan-timeout"]


def test_what_a_detection_shows_is_bounded(tmp_path: Path):
    path = tmp_path / "many.yar"
    path.write_text('rule Many { strings: $a = "aa" $b = "ab" $c = /a{200,300}b/ condition: all of them }')
    found, _ = scanned([str(path)], b"a" * 300 + b"b" + b"ab" * 100)
    assert len(found[0].matched) <= MAX_MATCHED
    assert max(len(one.value) for one in found[0].matched) <= 128


def test_a_file_that_breaks_off_is_told(folder: Path):
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    problems = Problems()
    scanner = YaraScanner(compile_rules([str(folder / "a.yar")], problems), problems)
    assert scanner.scan(Failing(), "x") == []
    assert [(one.kind, one.message) for one in problems] == [("unreadable-file", "Input/output error")]


def test_without_yara_x_the_way_out_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "yara_x", None)
    with pytest.raises(UsageError, match=r"pip install 'kulla\[yara\]'"):
        compile_rules([str(folder)], Problems())


def test_a_path_that_is_not_there_is_a_usage_error():
    with pytest.raises(UsageError, match="no such file"):
        compile_rules(["/nowhere/rules"], Problems())
