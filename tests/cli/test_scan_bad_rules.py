"""``kulla scan`` with hostile and broken rules, indicators and tables: one bad rule costs no other, and nothing hangs."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import WHOAMI, Command, jsonl, process


def asking(what: str, ending: str = "ff") -> str:
    """Return a rule with another selection and another id."""
    return WHOAMI.replace("{CommandLine|contains: whoami}", what).replace("aa01", f"aa{ending}").replace("Whoami", "Bad")


LAUGHS = (
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in zip("abcdefgh", "bcdefghi", strict=True))
    + asking("{CommandLine: *i}")
)
ALIASES = "a: &a x\nlist: [" + "*a," * 1_000_000 + "*a]\n" + WHOAMI.replace("aa01", "aaff")

#: name -> text of the file beside a good rule.
BROKEN: dict[str, Callable[[], str | bytes]] = {
    "a YAML bomb": lambda: LAUGHS,
    "a million aliases": lambda: ALIASES,
    "an alias inside itself": lambda: asking("&a [*a]"),
    "deep nesting": lambda: asking("[" * 50_000 + "]" * 50_000),
    "deep parentheses": lambda: WHOAMI.replace("condition: selection", f"condition: {'(' * 5000}selection{')' * 5000}"),
    "no YAML": lambda: "title: [unclosed\ndetection: {",
    "a tab": lambda: "title: x\n\tdetection: {}\n",
    "a tag that makes objects": lambda: asking("!!python/object/apply:os.system ['touch hacked']"),
    "no condition": lambda: WHOAMI.replace("  condition: selection\n", ""),
    "a condition that names nothing": lambda: WHOAMI.replace("condition: selection", "condition: nobody"),
    "an unknown modifier": lambda: asking("{CommandLine|nonsense: x}"),
    "an expression that is none": lambda: asking("{CommandLine|re: '(unclosed'}"),
    "a number too long": lambda: asking("{CommandLine|gt: " + "9" * 100_000 + "}"),
    "noise": lambda: b"detection:" + random.Random(1).randbytes(100_000),
    "17 megabytes": lambda: WHOAMI + "#" * (17 << 20),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_rule_costs_no_other(kulla: Command, name: str) -> None:
    rules = kulla.folder / "rules"
    rules.mkdir()
    text = BROKEN[name]()
    (rules / "a-bad.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
    (rules / "good.yml").write_text(WHOAMI)
    (kulla.folder / "a.jsonl").write_bytes(jsonl(process(0)))
    ran = kulla.scan("a.jsonl", "-r", rules)
    assert (ran.code, len(ran.detections)) == (0, 1)
    states = {Path(detail["path"]).name: (detail["state"], bool(detail["reason"])) for detail in ran.summary["rules"]["details"]}
    assert states["good.yml"] == ("evaluated", False)
    assert states["a-bad.yml"] in {("invalid", True), ("unsupported", True)}
    assert not (kulla.folder / "hacked").exists()


CATASTROPHES = [
    "(a+)+$",
    "(a|aa)+$",
    "(.*)*b",
    "^(?=(a+)+$)a",
    "(a*)*\\1$",
    "(?:(?:a?){50}){50}b",
]


@pytest.mark.parametrize("expression", CATASTROPHES)
def test_an_expression_without_end_does_not_hang(kulla: Command, expression: str) -> None:
    rules = kulla.rule(f"{WHOAMI}---\n{asking('{CommandLine|re: ' + repr(expression) + '}')}", "regex.yml")
    events = [process(number, "a" * (20_000 + number) + "!") for number in range(3)]
    (kulla.folder / "a.jsonl").write_bytes(jsonl(*events, process(9)))
    ran = kulla.scan("a.jsonl", "-r", rules)
    assert [found["rule"]["title"] for found in ran.detections].count("Whoami") == 1
    assert ran.summary["events"] == 4
    bad = next(detail for detail in ran.summary["rules"]["details"] if detail["title"] == "Bad")
    assert bad["state"] in {"evaluated", "unsupported"}
    assert ran.code in {0, 3}


def test_a_rule_with_very_many_values(kulla: Command) -> None:
    values = ", ".join(f"'value {number * 7919}'" for number in range(50_000))
    rules = kulla.rule(asking(f"{{CommandLine|contains: [{values}]}}"), "many.yml")
    (kulla.folder / "a.jsonl").write_bytes(jsonl(process(0, f"run value {49_999 * 7919}"), process(1)))
    ran = kulla.scan("a.jsonl", "-r", rules)
    if ran.summary["rules"]["evaluated"]:
        assert [found["record"]["number"] for found in ran.detections] == [0]
    else:
        assert ran.summary["rules"]["details"][0]["reason"]


def test_a_folder_with_other_files_among_the_rules(kulla: Command) -> None:
    rules = kulla.folder / "rules"
    (rules / "deep").mkdir(parents=True)
    (rules / "deep" / "good.yml").write_text(WHOAMI)
    (rules / "tool.exe").write_bytes(b"MZ" + bytes(100_000))
    (rules / "picture.yml").write_bytes(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(50_000))
    (rules / "empty.yml").touch()
    (rules / "README.md").write_text("# Rules\n")
    (rules / "gone.yml").symlink_to("nowhere")
    (rules / "loop").symlink_to(rules)
    (kulla.folder / "a.jsonl").write_bytes(jsonl(process(0)))
    ran = kulla.scan("a.jsonl", "-r", rules)
    assert (ran.code, len(ran.detections)) == (0, 1)
    states = {Path(detail["path"]).name: detail["state"] for detail in ran.summary["rules"]["details"]}
    assert states == {"good.yml": "evaluated", "picture.yml": "invalid", "gone.yml": "invalid"}


def test_archives_of_rules_that_mean_harm(kulla: Command) -> None:
    with zipfile.ZipFile(kulla.folder / "rules.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../outside.yml", WHOAMI)
        archive.writestr("bomb.yml", b"#" * (200 << 20))
        archive.writestr("bad.yml", b"\0" * 1000)
    (kulla.folder / "broken.zip").write_bytes((kulla.folder / "rules.zip").read_bytes()[:300])
    (kulla.folder / "a.jsonl").write_bytes(jsonl(process(0)))
    ran = kulla.scan("a.jsonl", "-r", "rules.zip", "-r", "broken.zip")
    assert (ran.code, len(ran.detections)) == (0, 1)
    reasons = {detail["path"]: detail["reason"] for detail in ran.summary["rules"]["details"] if detail["state"] == "invalid"}
    assert set(reasons) == {"rules.zip!bomb.yml", "rules.zip!bad.yml", "broken.zip"}
    assert all(reasons.values())
    assert sorted(path.name for path in kulla.folder.parent.iterdir() if path.name == "outside.yml") == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("noise.json", random.Random(1).randbytes(50_000)),
        ("deep.json", b'{"type": "bundle", "objects": ' + b"[" * 100_000),
        ("half.json", b'{"type": "bundle", "id": "bundle--1", "objects": [{"type": "indicator"'),
        ("long.txt", b"198.51.100." * 3_000_000),
        ("empty.csv", b""),
    ],
)
def test_indicators_that_cannot_be_read(kulla: Command, name: str, data: bytes) -> None:
    (kulla.folder / name).write_bytes(data)
    (kulla.folder / "good.txt").write_text("198.51.100.7\n")
    (kulla.folder / "a.jsonl").write_bytes(jsonl(process(0, "ping 198.51.100.7", EventID=3, DestinationIp="198.51.100.7")))
    ran = kulla.scan("a.jsonl", "-i", name, "-i", "good.txt")
    assert ran.code == 3
    assert [found["rule"]["kind"] for found in ran.detections] == ["indicator"]
    assert {problem["path"] for problem in ran.summary["problems"]} == {name}


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--placeholders", "a: {b: c}"),
        ("--placeholders", LAUGHS),
        ("--logsources", "no = [toml"),
        ("--logsources", 'schema = "other/1"'),
        ("--logsources", "x" * (17 << 20)),
    ],
)
def test_tables_that_are_wrong_are_usage_errors(kulla: Command, option: str, text: str) -> None:
    (kulla.folder / "table").write_text(text)
    (kulla.folder / "a.jsonl").write_bytes(jsonl(process(0)))
    ran = kulla.scan("a.jsonl", option, "table")
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.startswith("Error: table")


def test_yara_rules_that_cannot_be_compiled(kulla: Command) -> None:
    pytest.importorskip("yara_x")
    (kulla.folder / "bad.yar").write_text("rule broken { condition: nonsense }")
    (kulla.folder / "good.yar").write_text('rule fine { strings: $a = "MZ" condition: $a at 0 }')
    (kulla.folder / "tool.exe").write_bytes(b"MZ" + bytes(1000))
    ran = kulla.scan("tool.exe", "-y", "bad.yar", "-y", "good.yar")
    assert [found["rule"]["title"] for found in ran.detections] == ["fine"]
    assert {problem["path"] for problem in ran.summary["problems"]} == {"bad.yar"}
