"""Rules over their samples, in both conventions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from kulla.detection.regression import RegressionRun, Result
from kulla.detection.sigma.load import load_rules
from kulla.model.problem import Problems
from tests.detection.correlation_cases import counted
from tests.detection.sigmahq import sigmahq_rules
from tests.node.rulefiles import rule_text
from tests.shared_data import shared_data

ROOT = Path(__file__).resolve().parents[2]
HEAD = {"logsource": {"product": "windows", "category": "process_creation", "service": None}}
EVIL = {"Image": "C:\\evil.exe", "UtcTime": "2026-01-01 00:00:01"}
FINE = {"Image": "C:\\fine.exe"}

COUNTED = (
    rule_text(1).replace("status: test", "status: test\nname: evil")
    + """---
title: Many
id: 00000000-0000-4000-8000-000000000099
correlation:
    type: event_count
    rules: evil
    timespan: 1m
    condition: {gte: 2}
"""
)


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def results(folder: Path, *samples: Path, problems: Problems | None = None) -> list[Result]:
    run = RegressionRun(load_rules([str(folder)]), Problems() if problems is None else problems)
    return list(run.results([str(folder)], [str(sample) for sample in samples]))


def states(found: list[Result]) -> list[tuple[str, str, int | None]]:
    return [(result.name, result.state, result.matches) for result in found]


@pytest.mark.parametrize("beside", ["", "samples", "tests"])
def test_a_sample_is_found_beside_its_rule(tmp_path: Path, beside: str):
    (tmp_path / "r1.yml").write_text(rule_text(1))
    (tmp_path / beside).mkdir(exist_ok=True)
    (tmp_path / beside / "r1.jsonl").write_text(lines(HEAD, {"fires": EVIL}, {"fires": EVIL}, {"clean": FINE}))
    assert states(results(tmp_path)) == [("fires", "passed", 2), ("clean", "passed", 0)]


def test_a_sample_in_a_folder_that_is_named(tmp_path: Path):
    rules, samples = tmp_path / "rules", tmp_path / "elsewhere"
    rules.mkdir()
    samples.mkdir()
    (rules / "r1.yml").write_text(rule_text(1))
    assert results(rules, samples) == []
    (samples / "r1.jsonl").write_text(lines(HEAD, {"fires": EVIL}))
    assert states(results(rules, samples)) == [("fires", "passed", 1), ("clean", "passed", 0)]


def test_a_rule_that_fires_too_seldom_or_too_often_fails(tmp_path: Path):
    (tmp_path / "r1.yml").write_text(rule_text(1))
    (tmp_path / "r1.jsonl").write_text(lines(HEAD, {"fires": EVIL}, {"fires": FINE}, {"clean": EVIL}))
    found = results(tmp_path)
    assert states(found) == [("fires", "failed", 1), ("clean", "failed", 1)]
    assert [result.message for result in found] == ["1 of 2 events match", "it matches 1 times"]


def test_a_correlation_is_tried_over_all_events_together(tmp_path: Path):
    later = {**EVIL, "UtcTime": "2026-01-01 00:00:31"}
    much_later = {**EVIL, "UtcTime": "2026-01-01 00:10:00"}
    (tmp_path / "many.yml").write_text(COUNTED)
    (tmp_path / "many.jsonl").write_text(lines(HEAD, {"fires": EVIL}, {"fires": later}, {"clean": EVIL}, {"clean": much_later}))
    found = results(tmp_path)
    assert states(found) == [("fires", "passed", 1), ("clean", "passed", 0)]
    assert {result.title for result in found} == {"Many"}
    (tmp_path / "many.jsonl").write_text(lines(HEAD, {"fires": EVIL}, {"fires": much_later}, {"clean": EVIL}, {"clean": later}))
    assert [result.state for result in results(tmp_path)] == ["failed", "failed"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no JSON"),
        ("[]\n", "line 1: no JSON object"),
        (lines({"fires": EVIL}), "line 1: the first line is"),
        (lines(HEAD), 'no event under "fires"'),
        (lines(HEAD, {"fires": EVIL, "clean": FINE}), "line 2: a line is"),
        (lines(HEAD, {"burns": EVIL}), "line 2: a line is"),
        (lines(HEAD, {"fires": []}), "line 2: a line is"),
        (lines(HEAD) + "{nonsense\n", "line 2: no JSON"),
    ],
)
def test_a_sample_that_cannot_be_read_is_an_error(tmp_path: Path, text: str, message: str):
    (tmp_path / "r1.yml").write_text(rule_text(1))
    (tmp_path / "r1.jsonl").write_text(text)
    (result,) = results(tmp_path)
    assert result.state == "error"
    assert message in result.message
    assert result.sample == str(tmp_path / "r1.jsonl")


def test_rules_without_a_test_are_known(tmp_path: Path):
    (tmp_path / "r1.yml").write_text(rule_text(1))
    (tmp_path / "r2.yml").write_text(rule_text(2))
    (tmp_path / "r1.jsonl").write_text(lines(HEAD, {"fires": EVIL}))
    run = RegressionRun(load_rules([str(tmp_path)]), Problems())
    assert [rule.title for rule in run.untested(list(run.results([str(tmp_path)])))] == ["Rule 2"]


def test_kullas_own_rules_pass():
    run = RegressionRun(load_rules([str(ROOT / "src/kulla/content/rules")]), Problems())
    found = list(run.results([], [str(ROOT / "tests/content/samples")]))
    assert [result for result in found if result.state != "passed"] == []
    assert len(found) > 50
    assert run.untested(found) == []


INFO = """id: 00000000-0000-4000-8000-00000000aaaa
description: A test.
rule_metadata:
    - id: {rule}
      title: Some rule
regression_tests_info:
    - name: Sample
      type: {type}
      provider: Any
      {count}
      path: {path}
"""


def sigmahq(folder: Path, path: str, count: str = "match_count: 1", rule: str = "00000000-0000-4000-8000-000000000001") -> Path:
    place = folder / "regression_data" / "rules" / "r1"
    place.mkdir(parents=True, exist_ok=True)
    (place / "info.yml").write_text(INFO.format(rule=rule, type="json", path=path, count=count))
    (folder / "r1.yml").write_text(rule_text(1))
    return place


SYSMON = {"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, **EVIL}


@pytest.mark.parametrize("path", ["sample.jsonl", "regression_data/rules/r1/sample.jsonl", "old/place/sample.jsonl"])
def test_sigmahqs_convention(tmp_path: Path, path: str):
    (sigmahq(tmp_path, path) / "sample.jsonl").write_text(lines(SYSMON, SYSMON))
    assert states(results(tmp_path)) == [("Sample", "passed", 2)]


@pytest.mark.parametrize(
    ("count", "state"),
    [("match_count: 2", "passed"), ("match_count: 3", "failed"), ("author: nobody", "passed"), ("match_count: many", "passed")],
)
def test_the_number_of_matches(tmp_path: Path, count: str, state: str):
    (sigmahq(tmp_path, "sample.jsonl", count) / "sample.jsonl").write_text(lines(SYSMON, SYSMON))
    assert [result.state for result in results(tmp_path)] == [state]


@pytest.mark.parametrize("path", ["absent.evtx", "../../../../secret.jsonl", "/etc/passwd", "C:\\\\secret.jsonl", "''"])
def test_a_sample_that_is_not_there_or_outside(tmp_path: Path, path: str):
    inside = tmp_path / "inside"
    sigmahq(inside, path)
    (tmp_path / "secret.jsonl").write_text(lines(SYSMON))
    (result,) = results(inside)
    assert (result.state, result.matches) == ("error", None)
    assert "the sample is not there" in result.message


def test_a_rule_that_is_not_loaded(tmp_path: Path):
    sigmahq(tmp_path, "sample.jsonl", rule="00000000-0000-4000-8000-000000000077")
    (result,) = results(tmp_path)
    assert (result.state, result.message) == ("error", "the rule is not among those loaded")


@pytest.mark.parametrize("text", ["", "[]", "a: [", "rule_metadata: []\nregression_tests_info: 7\n", "\x00"])
def test_an_info_file_that_is_none(tmp_path: Path, text: str):
    (sigmahq(tmp_path, "x") / "info.yml").write_text(text)
    assert [result.state for result in results(tmp_path)] == ["error"]


def test_an_unreadable_sample_is_a_problem_and_a_failure(tmp_path: Path):
    problems = Problems()
    (sigmahq(tmp_path, "sample.evtx") / "sample.evtx").write_bytes(b"\x01\x02 nothing that a reader knows")
    (result,) = results(tmp_path, problems=problems)
    assert (result.state, result.matches) == ("failed", 0)
    assert sum(counted(problems).values()) > 0


def test_real_samples_of_sigmahq(tmp_path: Path):
    """Five of SigmaHQ's own samples, in the form in which SigmaHQ keeps them."""
    listed = [json.loads(line) for line in shared_data("sigma/regression.jsonl").read_text().splitlines()][:5]
    for entry in listed:
        place = tmp_path / "regression_data" / Path(entry["rule_path"]).with_suffix("")
        place.mkdir(parents=True)
        sample = shutil.copy(shared_data("sigma") / entry["file"], place)
        text = INFO.format(
            rule=entry["rule_id"], type="evtx", path=Path(sample).relative_to(tmp_path), count=f"match_count: {entry['minimum']}"
        )
        (place / "info.yml").write_text(text)
    run = RegressionRun(sigmahq_rules(), Problems())
    assert [result.state for result in run.results([str(tmp_path)])] == ["passed"] * 5
