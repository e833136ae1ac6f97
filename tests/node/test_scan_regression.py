"""All of SigmaHQ's rules at once over its own samples, through the scan as the user runs it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from kulla.model.problem import Problems
from kulla.node.scan import Scan, ScanRequest
from tests.shared_data import shared_data


def scanned(paths: list[str], rules: list[str], cache: Path | None, threads: int = 0) -> list[bytes]:
    """Return the lines of a scan."""
    lines: list[bytes] = []
    Scan(ScanRequest(paths, rules, cache=cache, threads=threads), Problems()).run(lines.append)
    return b"".join(lines).splitlines()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


def test_every_sample_fires_its_rule(cache: Path) -> None:
    folder, rules = shared_data("sigma/regression"), shared_data("sigma/sigma_rules.zip")
    wanted = [json.loads(line) for line in shared_data("sigma/regression.jsonl").read_text().splitlines()]
    found: Counter[tuple[str, str]] = Counter()
    for line in scanned([str(folder)], [str(rules)], cache):
        detection = json.loads(line)
        found[detection["rule"]["id"], Path(detection["record"]["path"]).name] += 1
    short = [one for one in wanted if found[one["rule_id"], Path(one["file"]).name] < one["minimum"]]
    assert short == []
    assert len(wanted) == 99


def test_threads_change_nothing(cache: Path) -> None:
    evidence = str(Path(__file__).parents[2] / "examples" / "evidence")
    rules = [str(Path(__file__).parents[2] / "src" / "kulla" / "content" / "rules")]
    alone = scanned([evidence], rules, cache, threads=1)
    assert len(alone) > 70
    assert scanned([evidence], rules, cache, threads=4) == alone
    files = sorted(str(path) for path in Path(evidence).rglob("*") if path.is_file())
    assert sorted(scanned(files[::-1], rules, cache)) == sorted(scanned(files, rules, cache))
