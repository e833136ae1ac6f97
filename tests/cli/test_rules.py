"""``kulla rules`` from the outside: what is printed where, and how it ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kulla.cli.main import kulla
from kulla.node.rulestore import RuleStore
from tests.node.rulefiles import rule_text, rule_zip, write_rules, zipped
from tests.node.webserver import content, redirect, served

OLD, NEW = rule_zip(1, 2), rule_zip(2, 3)
IDENTITY = "00000000-0000-4000-8000-{:012d}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("KULLA_OFFLINE", "KULLA_RULES_URL", "KULLA_RULES_CHECKSUM_URL", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KULLA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KULLA_CONFIG", str(tmp_path / "kulla.toml"))
    return tmp_path / "home"


Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(kulla, ["rules", *map(str, arguments)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def server() -> Iterator[str]:
    digest = hashlib.sha256(NEW).hexdigest()
    answers = {
        "/new.zip": content(NEW),
        "/sums": content(f"{digest}  new.zip\n".encode()),
        "/wrong": content(f"{'0' * 64}  new.zip\n".encode()),
        "/short.zip": content(NEW[:-10], announced=len(NEW)),
        "/away.zip": redirect("http://rules.example.org/new.zip"),
    }
    with served(answers) as address:
        yield address


def stored() -> list[int]:
    return [found.rules for found in RuleStore().sets()]


@pytest.fixture
def old(run: Run, tmp_path: Path) -> str:
    """The SHA-256 of a set that is already there."""
    (tmp_path / "old.zip").write_bytes(OLD)
    assert run("import", tmp_path / "old.zip").exit_code == 0
    return RuleStore().sets()[0].sha256


def test_import_tells_what_was_stored(run: Run, tmp_path: Path):
    (tmp_path / "rules.zip").write_bytes(OLD)
    result = run("import", tmp_path / "rules.zip", "--sha256", hashlib.sha256(OLD).hexdigest())
    assert result.exit_code == 0
    assert "Stored: sigmahq" in result.stdout
    assert "2 rules and 0 correlations" in result.stdout
    assert "Changes: none before it" in result.stdout
    assert stored() == [2]


def test_import_of_a_folder_under_another_name(run: Run, tmp_path: Path, old: str):
    assert run("import", write_rules(tmp_path / "mine", 7), "--name", "ours").exit_code == 0
    assert [(found.name, found.rules) for found in RuleStore().sets()] == [("ours", 1), ("sigmahq", 2)]


def test_import_refuses_another_file(run: Run, tmp_path: Path, old: str):
    (tmp_path / "new.zip").write_bytes(NEW)
    result = run("import", tmp_path / "new.zip", "--sha256", "0" * 64)
    assert (result.exit_code, stored()) == (1, [2])
    assert "the SHA-256 is" in result.stderr
    assert result.stdout == ""
    assert run("import", tmp_path / "new.zip", "--sha256", "abc").exit_code == 2
    assert run("import", tmp_path / "absent.zip").exit_code == 2
    assert run("import", tmp_path / "new.zip", "--name", "../x").exit_code == 2


def test_import_lists_what_cannot_be_used_by_its_place_in_the_archive(run: Run, tmp_path: Path):
    (tmp_path / "r.zip").write_bytes(zipped({"a.yml": rule_text(1), "b.yml": "title: Bad\x1b[2J\n"}))
    (tmp_path / "s.zip").write_bytes(zipped({"a.yml": rule_text(1), "sub/b.yml": "title: [\n"}))
    result = run("import", tmp_path / "s.zip", "-f", "json")
    report = json.loads(result.stdout)
    assert [(flaw["path"], flaw["line"]) for flaw in report["rejected"]] == [("sub/b.yml", 1)]
    assert (report["schema"], report["rules"], report["stored"]) == ("kulla.rule-import/1", 1, True)
    assert "! sub/b.yml:1: " in run("import", tmp_path / "s.zip").stdout
    assert "\x1b" not in run("import", tmp_path / "r.zip").stdout


def test_update_previews_and_stores_only_with_yes(run: Run, server: str, old: str):
    result = run("update", "--from", f"{server}/new.zip", "--checksum-url", f"{server}/sums")
    assert result.exit_code == 0
    assert "Changes: 1 added, 1 removed, 0 changed" in result.stdout
    assert f"  + Rule 3 ({IDENTITY.format(3)})" in result.stdout
    assert f"  - Rule 1 ({IDENTITY.format(1)})" in result.stdout
    assert "Nothing was stored. Add --yes" in result.stderr
    assert RuleStore().sets()[0].sha256 == old
    result = run("update", "--from", f"{server}/new.zip", "--checksum-url", f"{server}/sums", "--yes", "-f", "json")
    assert json.loads(result.stdout)["added"] == [{"id": IDENTITY.format(3), "title": "Rule 3"}]
    assert RuleStore().sets()[0].sha256 == hashlib.sha256(NEW).hexdigest()
    again = run("update", "--from", f"{server}/new.zip")
    assert "Changes: none" in again.stdout
    assert "--yes" not in again.stderr
    assert "No checksum was given" in again.stderr


@pytest.mark.parametrize(
    ("path", "options", "code", "message"),
    [
        ("/new.zip", ["--sha256", "0" * 64], 1, "the SHA-256 is"),
        ("/new.zip", ["--checksum-url", "{server}/wrong"], 1, "the SHA-256 is"),
        ("/new.zip", ["--checksum-url", "{server}/absent"], 1, "answers 404"),
        ("/new.zip", ["--checksum-url", "http://example.org/sums"], 2, "use https"),
        ("/absent.zip", [], 1, "answers 404"),
        ("/short.zip", [], 1, "broke off"),
        ("/away.zip", [], 1, "not allowed"),
        ("/sums", [], 1, "not a whole zip"),
        ("/new.zip", ["--offline"], 4, "network is not to be used"),
    ],
)
def test_update_that_fails_changes_nothing(run: Run, server: str, old: str, path: str, options: list[str], code: int, message: str):
    result = run("update", "--yes", "--from", server + path, *(option.format(server=server) for option in options))
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert RuleStore().sets()[0].sha256 == old
    assert [left.name for left in (RuleStore().folder / "sigmahq").iterdir() if left.name.startswith(".")] == []


def test_offline_by_environment(run: Run, server: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KULLA_OFFLINE", "1")
    assert run("update", "--from", f"{server}/new.zip").exit_code == 4


def test_the_address_may_stand_in_the_environment_or_the_configuration(
    run: Run, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "kulla.toml").write_text(f'[rules]\nurl = "{server}/new.zip"\nchecksum_url = "{server}/sums"\n')
    assert str(tmp_path / "kulla.toml") in run("update").stderr
    assert run("update", "--yes").exit_code == 0
    assert stored() == [2]
    monkeypatch.setenv("KULLA_RULES_URL", f"{server}/absent.zip")
    assert "answers 404" in run("update").stderr
    monkeypatch.delenv("KULLA_RULES_URL")
    monkeypatch.setenv("KULLA_RULES_CHECKSUM_URL", f"{server}/wrong")
    assert "the SHA-256 is" in run("update").stderr


def write_mixed(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a.yml").write_text(rule_text(1, "Alpha", level="low"))
    (folder / "b.yml").write_text(rule_text(2, "Beta", level="critical").replace("attack.t1059", "attack.t1490"))
    (folder / "c.yml").write_text(rule_text(3, "Gamma", logsource="category: bakery"))
    (folder / "d.yml").write_text(
        "title: Delta\nid: 00000000-0000-4000-8000-000000000004\nlogsource: {product: windows}\ndetection: {condition: gone}\n"
    )
    return folder


def titles(result: Result) -> list[str]:
    assert result.exit_code == 0
    return [json.loads(line)["title"] for line in result.stdout.splitlines()]


def test_list_and_its_filters(run: Run, tmp_path: Path):
    rules = write_mixed(tmp_path / "mixed")

    def listed(*options: str) -> list[str]:
        return titles(run("list", "-r", rules, "-f", "jsonl", *options))

    assert listed() == ["Alpha", "Beta", "Gamma", "Delta"]
    assert listed("--level", "high") == ["Beta", "Gamma"]
    assert listed("--tag", "attack.T1490", "--tag", "attack.t1") == ["Beta"]
    assert listed("--logsource", "windows process_creation") == ["Alpha", "Beta"]
    assert listed("--state", "unreachable") == ["Gamma"]
    assert listed("--state", "invalid") == ["Delta"]
    assert listed("--state", "unsupported") == []


def test_list_in_every_format(run: Run, tmp_path: Path):
    rules = write_mixed(tmp_path / "mixed")
    table = run("list", "-r", rules)
    assert table.stdout.splitlines()[0].split() == ["LEVEL", "STATE", "LOG", "SOURCE", "TITLE", "ID"]
    assert "4 rules" in table.stderr
    assert len(json.loads(run("list", "-r", rules, "-f", "json").stdout)) == 4
    assert run("list", "-r", rules, "-f", "csv").stdout.startswith("id,title,level,")
    assert run("list", "-r", rules, "-o", tmp_path / "out.csv").exit_code == 0
    assert (tmp_path / "out.csv").read_text().count("\n") == 5
    assert run("list", "-r", tmp_path / "absent").exit_code == 2


def test_list_shows_the_imported_sets_and_kullas_own(run: Run, old: str):
    found = titles(run("list", "-f", "jsonl"))
    assert {"Rule 1", "Rule 2", "Volume Shadow Copies Deleted"} <= set(found)


def test_show_by_id_beginning_name_or_title(run: Run, tmp_path: Path):
    rules = write_mixed(tmp_path / "mixed")
    page = run("show", IDENTITY.format(2), "-r", rules)
    assert page.exit_code == 0
    assert page.stdout.startswith("Beta\n")
    assert '  Image ends with "\\evil.exe"' in page.stdout
    assert run("show", "alpha", "-r", rules).stdout.startswith("Alpha\n")
    assert json.loads(run("show", "beta", "-r", rules, "-f", "json").stdout)["condition"] == ['Image ends with "\\evil.exe"']
    assert "fits 3 rules" in run("show", "00000000", "-r", rules).stderr
    assert "cannot be used" in run("show", IDENTITY.format(4), "-r", rules).stderr
    nothing = run("show", "omega", "-r", rules)
    assert (nothing.exit_code, nothing.stdout) == (2, "")


def test_show_hides_nothing_that_acts_on_a_terminal(run: Run, tmp_path: Path):
    (tmp_path / "r.yml").write_text(rule_text(1, '"Bad \\e]0;title\\a\\u202E"'))
    assert not {"\x1b", "\x07", "\u202e"} & set(run("show", IDENTITY.format(1), "-r", tmp_path / "r.yml").stdout)


def test_check(run: Run, tmp_path: Path):
    rules = write_mixed(tmp_path / "mixed")
    result = run("check", rules)
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{rules}/c.yml:1: warning: no event can have the log source")
    assert first.endswith("[unknown-logsource] (Gamma)")
    assert second.startswith(f"{rules}/d.yml:1: error: ")
    assert "4 rules: 1 error, 1 warning" in result.stderr
    (rules / "d.yml").unlink()
    assert run("check", rules).exit_code == 0
    assert [json.loads(line)["kind"] for line in run("check", rules, "-f", "jsonl").stdout.splitlines()] == ["unknown-logsource"]


def test_test(run: Run, tmp_path: Path):
    rules = write_rules(tmp_path / "rules", 1, 2)
    head = '{"logsource": {"product": "windows", "category": "process_creation"}}\n'
    (rules / "r1.jsonl").write_text(head + '{"fires": {"Image": "c:\\\\evil.exe"}}\n')
    result = run("test", rules)
    assert result.exit_code == 0
    assert "2 tests, 0 failed; 1 rule has no test" in result.stderr
    (rules / "r2.jsonl").write_text(head + '{"fires": {"Image": "c:\\\\good.exe"}}\n')
    failing = run("test", rules, "-f", "jsonl")
    assert failing.exit_code == 1
    assert [json.loads(line)["state"] for line in failing.stdout.splitlines()] == ["passed", "passed", "failed", "passed"]


def test_test_without_any_test(run: Run, tmp_path: Path):
    result = run("test", write_rules(tmp_path / "rules", 1))
    assert result.exit_code == 2
    assert "there is no test" in result.stderr


SYSMON = '{{"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "UtcTime": "2026-01-01 00:00:01", "Image": "c:\\\\{}"}}\n'


def test_explain_a_rule(run: Run, tmp_path: Path):
    rule = write_rules(tmp_path / "rules", 1) / "r1.yml"
    events = tmp_path / "e.jsonl"
    events.write_text(SYSMON.format("fine.exe") + SYSMON.format("evil.exe"))
    result = run("explain", rule, events)
    assert result.exit_code == 0
    assert "2 events: 2 of its log source (windows process_creation), 1 match" in result.stdout
    assert "Event 1 (2026-01-01 00:00:01Z): the rule matches" in result.stdout
    assert 'no  Image ends with "\\evil.exe"  -- the event has "c:\\fine.exe"' in result.stdout
    one = json.loads(run("explain", rule, events, "--event", 0, "-f", "json").stdout)
    assert [(event["record"]["number"], event["matches"]) for event in one["explained"]] == [(0, False)]
    assert "there is no event 7" in run("explain", rule, events, "--event", 7).stderr
    painted = run("explain", rule, events, "--color", "always").stdout
    assert "\x1b[32mthe rule matches\x1b[0m" in painted


def test_explain_says_what_kinds_of_events_there_are_instead(run: Run, tmp_path: Path):
    rule = write_rules(tmp_path / "rules", 1) / "r1.yml"
    (tmp_path / "e.jsonl").write_text(SYSMON.format("evil.exe").replace('"EventID": 1', '"EventID": 3'))
    result = run("explain", rule, tmp_path / "e.jsonl")
    assert "No event is of the log source that the rule wants; there are: windows/sysmon/3 (1)" in result.stdout


def test_explain_a_correlation(run: Run, tmp_path: Path):
    (tmp_path / "r.yml").write_text(
        rule_text(1).replace("status: test", "status: test\nname: evil")
        + "---\ntitle: Twice\nid: 00000000-0000-4000-8000-000000000009\ncorrelation:\n  type: event_count\n"
        + "  rules: evil\n  timespan: 1m\n  condition: {gte: 2}\n"
    )
    (tmp_path / "e.jsonl").write_text(SYSMON.format("evil.exe") * 3)
    result = run("explain", tmp_path / "r.yml", tmp_path / "e.jsonl")
    assert "  3 of Rule 1" in result.stdout
    assert "The correlation fires 1 time." in result.stdout
    report = json.loads(run("explain", tmp_path / "r.yml", tmp_path / "e.jsonl", "-f", "json").stdout)
    assert (report["matches"], len(report["detections"])) == ({IDENTITY.format(1): 3}, 1)
    inner = run("explain", tmp_path / "r.yml", tmp_path / "e.jsonl", "--id", "evil")
    assert "3 events: 3 of its log source (windows process_creation), 3 match" in inner.stdout


def test_explain_what_cannot_be_explained(run: Run, tmp_path: Path):
    rules = tmp_path / "two.yml"
    rules.write_text(rule_text(1) + "---\n" + rule_text(2))
    events = tmp_path / "e.jsonl"
    events.write_text(SYSMON.format("x"))
    several = run("explain", rules, events)
    assert (several.exit_code, "--id" in several.stderr) == (2, True)
    assert run("explain", rules, events, "--id", IDENTITY.format(2)).exit_code == 0
    (tmp_path / "bad.yml").write_text("title: Bad\nlogsource: {product: x}\ndetection: {condition: gone}\n")
    assert run("explain", tmp_path / "bad.yml", events).exit_code == 2
    unreadable = run("explain", write_rules(tmp_path / "rules", 1) / "r1.yml", tmp_path / "absent.evtx")
    assert (unreadable.exit_code, "absent.evtx" in unreadable.stderr) == (3, True)


def test_an_explained_event_cannot_act_on_the_terminal(run: Run, tmp_path: Path):
    rule = write_rules(tmp_path / "rules", 1) / "r1.yml"
    (tmp_path / "e.jsonl").write_text(SYSMON.format("\\u001b]0;owned\\u0007\\u202e.exe"))
    assert not {"\x1b", "\x07", "\u202e"} & set(run("explain", rule, tmp_path / "e.jsonl").stdout)
