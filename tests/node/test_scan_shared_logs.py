"""Rules for logs that are not Windows', over real ones: each count against one made here with plain Python and nothing of Kulla's."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from kulla.model.detection import Detection
from kulla.model.problem import Problems
from kulla.model.summary import ScanSummary
from kulla.node.scan import Scan, ScanRequest
from kulla.node.settings import cache_home
from tests.shared_data import shared_data

ACCESS = re.compile(r'"(\w+) (.*?) HTTP/1\.\d" (\d+) \S+ "(.*?)" "(.*)"')


@cache
def scanned(folder: str) -> tuple[Counter[str], ScanSummary, Problems]:
    """Return how often each rule (by the name of its file) fires over a folder of the shared data."""
    found: list[bytes] = []
    problems = Problems()
    request = ScanRequest([str(shared_data(folder))], rules=[str(shared_data("sigma/sigma_rules.zip"))], cache=cache_home() / "rules")
    summary = Scan(request, problems).run(found.append)
    names = {rule.id: Path(rule.path).stem for rule in summary.rules}
    return Counter(names[Detection.from_json(line).rule.id] for line in b"".join(found).splitlines()), summary, problems


def rule(name: str) -> dict[str, Any]:
    """Return the detection part of a rule as it stands in the file."""
    with zipfile.ZipFile(shared_data("sigma/sigma_rules.zip")) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(f"/{name}.yml"))
        return yaml.safe_load(archive.read(path))["detection"]


def glob(text: str) -> re.Pattern[str]:
    """Return an expression for a Sigma text in which only stars are special."""
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.IGNORECASE | re.DOTALL)


def requests() -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (method, target, status, referer, agent) of the access logs."""
    for path in shared_data("webserver").glob("*.gz"):
        with gzip.open(path, "rt", errors="replace") as lines:
            yield from (match.groups() for line in lines if (match := ACCESS.search(line)))  # type: ignore[misc]


@pytest.mark.parametrize("name", ["web_sql_injection_in_access_logs", "web_xss_in_access_logs"])
def test_keywords_in_access_logs(name: str) -> None:
    wanted = [glob(keyword) for keyword in rule(name)["keywords"]]
    expected = sum(
        method == "GET" and status != "404" and any(one.search(value) for one in wanted for value in (target, referer, agent))
        for method, target, status, referer, agent in requests()
    )
    assert expected > 10
    assert scanned("webserver")[0][name] == expected


def test_path_traversal_in_access_logs() -> None:
    wanted = [glob(text) for text in rule("web_path_traversal_exploitation_attempt")["selection"]["cs-uri-query|contains"]]
    expected = sum(any(one.search(target) for one in wanted) for _, target, _, _, _ in requests())
    assert expected > 10
    assert scanned("webserver")[0]["web_path_traversal_exploitation_attempt"] == expected


def test_every_line_of_the_access_logs_is_an_event() -> None:
    lines = sum(len(gzip.decompress(path.read_bytes()).splitlines()) for path in shared_data("webserver").glob("*.gz"))
    _, summary, problems = scanned("webserver")
    assert (summary.events, list(problems)) == (lines, [])


def records() -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(shared_data("cloudtrail/cloudtrail.zip")) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                yield from json.loads(archive.read(name))["Records"]


def named(source: str, *names: str) -> Callable[[dict[str, Any]], bool]:
    return lambda record: record["eventSource"] == f"{source}.amazonaws.com" and record["eventName"] in names


CLOUD: dict[str, Callable[[dict[str, Any]], bool]] = {
    "aws_sts_assumerole_misuse": lambda record: record["userIdentity"].get("type") == "AssumedRole",
    "aws_cloudtrail_disable_logging": named("cloudtrail", "StopLogging", "UpdateTrail", "DeleteTrail"),
    "aws_cloudtrail_new_route_added": named("ec2", "CreateRoute"),
    "aws_cloudtrail_bucket_deleted": lambda record: named("s3", "DeleteBucket")(record) and "errorCode" not in record,
    "aws_enum_buckets": named("s3", "ListBuckets"),
    "aws_snapshot_backup_exfiltration": named("ec2", "ModifySnapshotAttribute"),
    "aws_root_account_usage": lambda record: record["userIdentity"].get("type") == "Root" and record["eventType"] != "AwsServiceEvent",
}


@pytest.mark.parametrize("name", CLOUD)
def test_cloudtrail(name: str) -> None:
    found, summary, _ = scanned("cloudtrail")
    state = next(one.state for one in summary.rules if Path(one.path).stem == name)
    assert (state, found[name]) == ("evaluated", sum(map(CLOUD[name], records())))


def zeek(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(shared_data(f"zeek/{name}.json.gz"), "rt") as lines:
        yield from map(json.loads, lines)


def test_zeek_calls() -> None:
    name = "zeek_dce_rpc_mitre_bzar_execution"
    wanted = {(part["endpoint"], part["operation"]) for key, part in rule(name).items() if key != "condition"}
    expected = sum((record.get("endpoint"), record.get("operation")) in wanted for record in zeek("dce_rpc"))
    assert expected > 10
    assert scanned("zeek")[0][name] == expected


def queries() -> Iterator[dict[str, str]]:
    with gzip.open(shared_data("zeek/dns.log.gz"), "rt") as lines:
        for line in lines:
            if line.startswith("#fields"):
                names = line.rstrip("\n").split("\t")[1:]
            elif not line.startswith("#"):
                yield dict(zip(names, line.rstrip("\n").split("\t"), strict=True))


def test_zeek_names() -> None:
    name = "net_dns_low_reputation_etld"
    endings = tuple(rule(name)["selection"]["query|endswith"])
    expected = sum(record["query"].lower().endswith(endings) for record in queries())
    assert expected
    assert scanned("zeek")[0][name] == expected


def test_every_zeek_rule_with_a_log_is_evaluated() -> None:
    _, summary, problems = scanned("zeek")
    logs = {path.name.partition(".")[0] for path in shared_data("zeek").glob("*.gz")}
    with zipfile.ZipFile(shared_data("sigma/sigma_rules.zip")) as archive:
        loaded = {path: yaml.safe_load(archive.read(path)) for path in archive.namelist() if "/zeek_" in path}
    wanted = {Path(path).stem for path, rule in loaded.items() if rule["logsource"].get("service") in logs}
    states = {Path(one.path).stem: one.state for one in summary.rules}
    assert len(wanted) > 15
    assert {name for name in wanted if states[name] not in ("evaluated", "field_absent")} == set()
    assert {problem.kind for problem in problems} == {"no-time"}  # loaded_scripts.log has no times
