"""``kulla scan`` as its users run it: every option, every format, and the machine output word by word (docs/reference)."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import WHOAMI, Command, jsonl, process

ROOT = Path(__file__).resolve().parents[2]
EVIDENCE = ROOT / "examples" / "evidence"
INDICATORS = ROOT / "tests" / "data" / "indicators"
LOW = (
    WHOAMI.replace("Whoami", "Any Process")
    .replace("aa01", "aa02")
    .replace("high", "low")
    .replace("CommandLine|contains: whoami", "EventID: 1")
)
BURST = """---
title: Burst
id: 00000000-0000-4000-8000-00000000aa03
level: critical
correlation:
  type: event_count
  rules: [00000000-0000-4000-8000-00000000aa01]
  group-by: [Computer]
  timespan: 1h
  condition: {gte: 3}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Three processes, the second of them harmless."""
    path = tmp_path / "sysmon.jsonl"
    path.write_bytes(jsonl(process(0), process(1, "dir"), process(2, "WHOAMI.exe")))
    return path


def test_a_detection_has_exactly_the_documented_form(kulla: Command, log: Path) -> None:
    ran = kulla.scan("sysmon.jsonl")
    assert ran.code == 0
    assert [found["record"]["number"] for found in ran.detections] == [0, 2]
    assert ran.detections[0] == {
        "schema": "kulla.detection/1",
        "time": "2022-07-15T09:00:00.120000Z",
        "rule": {
            "id": "00000000-0000-4000-8000-00000000aa01",
            "title": "Whoami",
            "level": "high",
            "status": "test",
            "tags": ["attack.t1033"],
            "kind": "sigma",
        },
        "host": "PRINT01",
        "logsource": {"product": "windows", "category": "process_creation", "service": None},
        "record": {"path": "sysmon.jsonl", "number": 0, "id": "5000", "channel": "Microsoft-Windows-Sysmon/Operational"},
        "matched": [{"field": "CommandLine", "value": "whoami /all"}],
        "event": process(0),
    }


def test_the_summary_has_exactly_the_documented_form(kulla: Command, log: Path) -> None:
    absent = LOW.replace("process_creation", "dns_query")
    broken = WHOAMI.replace("Whoami", "Broken").replace("condition: selection", "condition: other").replace("aa01", "aa09")
    rules = kulla.rule(f"{WHOAMI}---\n{absent}---\n{broken}", "three.yml")
    ran = kulla.scan("sysmon.jsonl", "-r", rules)
    told = ran.summary
    assert list(told) == [
        "schema", "files", "bytes", "events", "detections", "seconds", "levels", "sources", "problems", "rules",
    ]  # fmt: skip
    assert (told["schema"], told["files"], told["events"], told["detections"]) == ("kulla.scan-summary/1", 1, 3, 2)
    assert told["bytes"] == log.stat().st_size
    assert told["levels"] == {"critical": 0, "high": 2, "medium": 0, "low": 0, "informational": 0}
    assert told["sources"] == [
        {
            "path": "sysmon.jsonl",
            "format": "windows-json",
            "events": 3,
            "first": "2022-07-15T09:00:00.120000Z",
            "last": "2022-07-15T09:00:02.120000Z",
        }
    ]
    counts = {name: count for name, count in told["rules"].items() if name != "details"}
    assert counts == {"loaded": 3, "evaluated": 1, "logsource_absent": 1, "field_absent": 0, "unsupported": 0, "invalid": 1}
    assert [set(detail) for detail in told["rules"]["details"]] == [
        {"id", "path", "line", "title", "level", "state", "reason", "detections"}
    ] * 3
    states = {detail["title"]: (detail["state"], detail["detections"], bool(detail["reason"])) for detail in told["rules"]["details"]}
    assert states["Whoami"] == ("evaluated", 2, False)
    assert states["Any Process"] == ("logsource_absent", 0, True)
    assert states["Broken"] == ("invalid", 0, True)


def test_a_correlation_has_records_and_no_event(kulla: Command, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(jsonl(*(process(number) for number in range(3))))
    ran = kulla.scan("a.jsonl", "-r", kulla.rule(WHOAMI + BURST, "burst.yml"))
    (burst,) = (found for found in ran.detections if found["rule"]["kind"] == "correlation")
    assert burst["rule"]["title"] == "Burst"
    assert [record["number"] for record in burst["records"]] == [0, 1, 2]
    assert "record" not in burst
    assert "event" not in burst
    assert ran.summary["levels"]["critical"] == 1
    assert ran.summary["detections"] == len(ran.detections)


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "html", "table"])
def test_every_format_gives_the_same_detections(kulla: Command, log: Path, form: str) -> None:
    ran = kulla("scan", "--no-content", "-r", kulla.rule(WHOAMI), "-f", form, log)
    assert ran.code == 0
    text = ran.out.decode()
    assert counted(form, text) == 2
    assert "Detections  2: 2 high" in ran.err


def counted(form: str, text: str) -> int:
    match form:
        case "jsonl":
            return len([json.loads(line) for line in text.splitlines()])
        case "json":
            return len(json.loads(text))
        case "csv":
            return len(list(csv.DictReader(io.StringIO(text))))
        case "html":
            assert text.startswith("<!DOCTYPE html>")
            assert "<script" not in text
            assert "src=" not in text
            return 2 if "2 detections" in text and "whoami /all" in text else 0
    return int(text.partition(" detections")[0].split()[-1])


@pytest.mark.parametrize(
    ("name", "begins"), [("a.jsonl", '{"schema"'), ("a.json", "["), ("a.CSV", "time,"), ("a.html", "<!DOCTYPE"), ("a.txt", "HIGH")]
)
def test_the_ending_of_the_output_chooses_the_format(kulla: Command, log: Path, name: str, begins: str) -> None:
    ran = kulla("scan", "--no-content", "-r", kulla.rule(WHOAMI), "-o", name, log)
    assert (ran.code, ran.out) == (0, b"")
    assert (kulla.folder / name).read_text("utf-8").startswith(begins)
    assert sorted(path.name for path in kulla.folder.iterdir()) == sorted([name, log.name])


def test_an_existing_output_is_kept_unless_forced(kulla: Command, log: Path) -> None:
    (kulla.folder / "out.jsonl").write_text("mine")
    refused = kulla.scan(log, "-o", "out.jsonl")
    assert refused.code == 2
    assert "--force" in refused.err
    assert (kulla.folder / "out.jsonl").read_text() == "mine"
    assert kulla.scan(log, "-o", "out.jsonl", "--force").code == 0
    assert (kulla.folder / "out.jsonl").read_text().startswith('{"schema"')


def test_an_existing_summary_is_found_before_the_work_is_done(kulla: Command, log: Path) -> None:
    (kulla.folder / "summary.json").write_text("mine")
    ran = kulla("scan", "--no-content", "-r", kulla.rule(WHOAMI), "-f", "jsonl", "--summary", "summary.json", log)
    assert (ran.code, ran.out) == (2, b"")
    assert (kulla.folder / "summary.json").read_text() == "mine"


@pytest.mark.parametrize(("level", "titles"), [("informational", 5), ("high", 2), ("critical", 0)])
def test_level_is_the_lowest_that_is_given(kulla: Command, log: Path, level: str, titles: int) -> None:
    ran = kulla.scan(log, "-r", kulla.rule(f"{WHOAMI}---\n{LOW}", "two.yml"), "--level", level)
    assert len(ran.detections) == ran.summary["detections"] == titles


@pytest.mark.parametrize(("level", "code"), [("low", 1), ("high", 1), ("critical", 0)])
def test_fail_on_ends_with_1_where_the_level_is_reached(kulla: Command, log: Path, level: str, code: int) -> None:
    assert kulla.scan(log, "--fail-on", level).code == code


@pytest.mark.parametrize(
    ("bounds", "numbers"),
    [
        (("--since", "2022-07-15T09:00:01Z"), [2]),
        (("--until", "2022-07-15T09:00:00.120Z"), [0]),
        (("--since", "2022-07-15T11:00:00.120+02:00", "--until", "2022-07-15 09:00:02.120"), [0, 2]),
        (("--since", "7d"), []),
        (("--until", "1h"), [0, 2]),
    ],
)
def test_since_and_until(kulla: Command, log: Path, bounds: tuple[str, ...], numbers: list[int]) -> None:
    ran = kulla.scan(log, *bounds)
    assert [found["record"]["number"] for found in ran.detections] == numbers
    assert ran.summary["events"] == 3


@pytest.mark.parametrize("bounds", [("--since", "yesterday"), ("--since", "2022-01-02", "--until", "2022-01-01")])
def test_a_window_that_is_none_is_a_usage_error(kulla: Command, log: Path, bounds: tuple[str, ...]) -> None:
    ran = kulla.scan(log, *bounds)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.startswith("Error: ")


def test_standard_input(kulla: Command) -> None:
    ran = kulla.scan("-", stdin=jsonl(process(0), process(1)))
    assert [found["record"]["path"] for found in ran.detections] == ["-", "-"]
    assert kulla.scan("-", stdin=gzip.compress(jsonl(process(0)))).summary["detections"] == 1


def test_folders_globs_and_archives(kulla: Command, tmp_path: Path) -> None:
    inner = tmp_path / "case" / "PRINT01"
    inner.mkdir(parents=True)
    (inner / "b.jsonl.gz").write_bytes(gzip.compress(jsonl(process(0))))
    with zipfile.ZipFile(inner / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logs/one.log", jsonl(process(1)))
    with tarfile.open(inner / "c.tar.xz", "w:xz") as archive:
        entry = tarfile.TarInfo("two.json")
        entry.size = len(jsonl(process(2)))
        archive.addfile(entry, io.BytesIO(jsonl(process(2))))
    paths = ["case/PRINT01/a.zip!logs/one.log", "case/PRINT01/b.jsonl.gz", "case/PRINT01/c.tar.xz!two.json"]
    assert [found["record"]["path"] for found in kulla.scan("case").detections] == paths
    assert [found["record"]["path"] for found in kulla.scan("case/**/*.gz").detections] == paths[1:2]
    assert [found["record"]["path"] for found in kulla.scan("case/*/[ac].*", "case/PRINT01/a.zip").detections] == [paths[0], paths[2]]


def test_kullas_own_rules_are_part_of_a_scan_unless_left_out(kulla: Command) -> None:
    with_content = kulla("scan", EVIDENCE, "-f", "jsonl")
    assert with_content.code == 0
    assert len(with_content.detections) > 10
    without = kulla("scan", EVIDENCE, "-f", "jsonl", "--no-content")
    assert (without.code, without.out) == (0, b"")


@pytest.mark.parametrize(
    ("name", "value"),
    [("bundle.json", "203.0.113.5"), ("event.json", "198.51.100.40"), ("table.csv", "198.51.100.60"), ("list.txt", "198.51.100.7")],
)
def test_indicators_of_every_format(kulla: Command, name: str, value: str) -> None:
    (kulla.folder / "a.jsonl").write_bytes(jsonl(process(0, "ping", EventID=3, DestinationIp=value), process(1, "ping")))
    ran = kulla.scan("a.jsonl", "-i", INDICATORS / name)
    found = [one for one in ran.detections if one["rule"]["kind"] == "indicator"]
    assert [one["record"]["number"] for one in found] == [0]
    (matched,) = found[0]["matched"]
    assert (matched["field"].lower(), matched["value"]) == ("destinationip", value)
    assert matched["observable"] == {"type": "ipv4-addr", "value": value}


def test_yara_rules_look_at_files_that_are_no_logs(kulla: Command, log: Path) -> None:
    pytest.importorskip("yara_x")
    (kulla.folder / "marks.yar").write_text('rule marked { meta: level = "critical" strings: $a = "MARKED-BY-US" condition: $a }')
    (kulla.folder / "loader.bin").write_bytes(bytes(range(256)) + b"MARKED-BY-US")
    ran = kulla.scan("sysmon.jsonl", "loader.bin", "-y", "marks.yar")
    found = {one["rule"]["kind"]: one for one in ran.detections}
    assert set(found) == {"sigma", "yara"}
    assert found["yara"]["rule"]["title"] == "marked"
    digest = hashlib.sha256((kulla.folder / "loader.bin").read_bytes()).hexdigest()
    assert found["yara"]["record"] == {"path": "loader.bin", "number": 0, "id": digest, "channel": None}
    assert ran.code == 0


def test_placeholders(kulla: Command, log: Path) -> None:
    rule = kulla.rule(WHOAMI.replace("CommandLine|contains: whoami", "CommandLine|expand: '%commands%'"), "expand.yml")
    (kulla.folder / "values.yml").write_text("commands: ['dir', 'who*']\n")
    assert [one["record"]["number"] for one in kulla.scan(log, "-r", rule, "--placeholders", "values.yml").detections] == [0, 1, 2]
    assert kulla.scan(log, "-r", rule).summary["rules"]["unsupported"] == 1


def test_a_table_of_log_sources(kulla: Command) -> None:
    (kulla.folder / "acme.jsonl").write_bytes(b'{"time": "2026-03-10T20:16:10Z", "Vendor": "Acme", "To": "198.51.100.77"}\n')
    (kulla.folder / "table.toml").write_text(
        'schema = "kulla.logsources/1"\n[[class]]\nname = "site/firewall"\nsources = [{ category = "firewall" }]\n'
        'match = [{ field = "Vendor", value = "Acme" }]\n[class.aliases]\ndst_ip = "To"\n'
    )
    rule = kulla.rule(
        WHOAMI.replace("product: windows, category: process_creation", "category: firewall").replace(
            "CommandLine|contains: whoami", "dst_ip: 198.51.100.77"
        ),
        "firewall.yml",
    )
    assert kulla.scan("acme.jsonl", "-r", rule).detections == []
    (found,) = kulla.scan("acme.jsonl", "-r", rule, "--logsources", "table.toml").detections
    assert found["logsource"] == {"product": None, "category": "firewall", "service": None}


def test_a_format_can_be_forced(kulla: Command) -> None:
    (kulla.folder / "odd.log").write_bytes(b"no JSON at all\n" * 50 + jsonl(process(0)))
    ran = kulla.scan("odd.log", "--format-in", "jsonl")
    assert [one["record"]["number"] for one in ran.detections] == [50]
    assert ran.kinds == {"unreadable-record": 50}
    assert ran.code == 3
    assert kulla.scan("odd.log", "--format-in", "nonsense").code == 2


def test_threads_change_nothing(kulla: Command) -> None:
    events = [process(number, "whoami" if number % 7 else "dir") for number in range(4000)]
    (kulla.folder / "many.jsonl").write_bytes(jsonl(*events))
    once, again = (kulla.scan("many.jsonl", "--threads", count).out for count in ("1", "4"))
    assert once == again
    assert once.count(b"\n") == sum(1 for number in range(4000) if number % 7)


def test_quiet_says_nothing_but_results(kulla: Command, log: Path) -> None:
    ran = kulla.scan(log, "-q")
    assert (ran.code, ran.err, len(ran.detections)) == (0, "", 2)


@pytest.mark.parametrize(
    "arguments", [(), ("x", "--nonsense"), ("x", "--level", "huge"), ("x", "-r", "nowhere.yml"), ("x", "-f", "pdf"), ("x", "-i", "nowhere")]
)
def test_usage_errors_end_with_2(kulla: Command, arguments: tuple[str, ...]) -> None:
    (kulla.folder / "x").write_bytes(jsonl(process(0)))
    ran = kulla("scan", *arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.count("Error") == 1


def test_the_first_command_of_the_readme(kulla: Command) -> None:
    ran = kulla("scan", EVIDENCE)
    assert ran.code == 0
    assert b"CRITICAL" in ran.out
    assert "Detections" in ran.err


def test_nothing_is_written_into_the_working_folder(kulla: Command, log: Path) -> None:
    kulla.scan(log)
    assert [path.name for path in kulla.folder.iterdir()] == [log.name]


def test_every_detection_of_the_evidence_is_valid(kulla: Command) -> None:
    required: dict[str, Any] = {"schema": str, "rule": dict, "logsource": dict, "matched": list}
    for found in kulla("scan", EVIDENCE, "-f", "jsonl").detections:
        assert {name: type(found[name]) for name in required} == required
        assert ("records" in found) is (found["rule"]["kind"] == "correlation")
