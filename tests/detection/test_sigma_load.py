"""Rules from files, folders and zips: order, places, duplicates, what is rejected and why."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from kulla.detection.oracle import evaluate
from kulla.detection.sigma import files
from kulla.detection.sigma.load import RuleSet, digest_of, load_rules
from kulla.detection.sigma.placeholders import read_placeholders
from kulla.model.errors import UsageError
from tests.detection.building import fields, loaded, rule_text

FIRST, SECOND, THIRD = (f"{number}0000000-0000-4000-8000-000000000000" for number in (1, 2, 3))
PLAIN = "s: {A: 1}\ncondition: s"


def rule(given: str, section: str = PLAIN, **attributes: str) -> str:
    return rule_text(section, id=given, **attributes)


def zipped(path: Path, members: dict[str, str | bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(path)


def reasons(rules: RuleSet) -> list[tuple[str, str, int, str]]:
    return [(one.id, Path(one.path).name, one.line, one.reason) for one in rules.rejected]


def test_a_rule_with_everything(tmp_path: Path):
    text = rule(
        FIRST.upper(),
        title="The title",
        name="the_name",
        status="Test",
        level="HIGH",
        description="What it is about",
        author="Somebody",
        references="[https://one.example, https://two.example]",
        falsepositives="Rarely",
        fields="[A, B]",
        tags="[attack.t1003, tlp.clear]",
        date="2022-07-15",
        logsource="{product: Windows, category: process_creation, definition: needs auditing}",
    )
    (found,) = loaded(tmp_path, text).rules
    assert (found.id, found.title, found.name, found.level, found.status) == (FIRST, "The title", "the_name", "high", "test")
    assert (found.description, found.author, found.falsepositives) == ("What it is about", "Somebody", ("Rarely",))
    assert (found.references, found.fields) == (("https://one.example", "https://two.example"), ("A", "B"))
    assert (found.tags, found.silent, found.line) == (("attack.t1003", "tlp.clear"), False, 1)
    assert found.path == str(tmp_path / "1.yml")
    assert found.logsource.to_dict() == {"product": "windows", "category": "process_creation", "service": None}


def test_files_of_a_folder_come_in_the_order_of_their_names(tmp_path: Path):
    for name, given in (("b/x.yml", FIRST), ("a/y.YAML", SECOND), ("a/b/z.yml", THIRD)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(rule(given, f"s: {{A: {given}}}\ncondition: s"))
    (tmp_path / "a" / "notes.txt").write_text("no rule")
    assert [one.id for one in load_rules([str(tmp_path)]).rules] == [SECOND, THIRD, FIRST]
    assert [one.id for one in load_rules([str(tmp_path / "b"), str(tmp_path / "a")]).rules] == [FIRST, SECOND, THIRD]


def test_a_zip_is_read_as_it_is_whatever_its_name(tmp_path: Path):
    path = zipped(tmp_path / "release", {"rules/b.yml": rule(FIRST), "rules/a.yml": rule(SECOND, title="Other"), "rules/LICENSE": "text"})
    found = load_rules([path])
    assert [(one.id, one.path) for one in found.rules] == [(SECOND, f"{path}!rules/a.yml"), (FIRST, f"{path}!rules/b.yml")]
    assert found.rejected == ()


def test_several_documents_of_a_file_have_their_own_lines(tmp_path: Path):
    text = f"# heading\n{rule(FIRST)}\n---\n{rule(SECOND, title='Other')}---\ndetection: [\n---\n{rule(THIRD, title='Third')}"
    found = loaded(tmp_path, text)
    assert [(one.id, one.line) for one in found.rules] == [(FIRST, 2), (SECOND, 10), (THIRD, 19)]
    assert [(one.line, one.state) for one in found.rejected] == [(17, "invalid")]


def test_a_broken_document_is_named_as_far_as_can_be_seen(tmp_path: Path):
    found = loaded(tmp_path, f"title: Broken one\nid: '{FIRST}'\ndetection: [\n")
    assert [(one.id, one.title, one.state) for one in found.rejected] == [(FIRST, "Broken one", "invalid")]


def test_what_is_no_rule_is_ignored_and_counted(tmp_path: Path):
    found = loaded(tmp_path, "id: 1\nmatch_count: 3\n", "- a\n- b\n", "just text\n", rule(FIRST), "# nothing\n")
    assert (len(found.rules), found.rejected, found.ignored) == (1, (), 3)


def test_the_same_file_given_twice_counts_once(tmp_path: Path):
    (tmp_path / "rules").mkdir()
    first = loaded(tmp_path / "rules", rule(FIRST), rule(SECOND, title="Other"))
    path = zipped(tmp_path / "same.zip", {"again.yml": rule(FIRST)})
    found = load_rules([str(tmp_path / "rules"), str(tmp_path / "rules" / "1.yml"), path])
    assert found.rules == first.rules
    assert (found.repeated, found.rejected) == (2, ())


def test_the_same_rule_in_another_layout_counts_once(tmp_path: Path):
    found = loaded(tmp_path, rule(FIRST), "# a comment\n" + rule(FIRST).replace("title: A rule", "title:   'A rule'"))
    assert (len(found.rules), found.repeated) == (1, 1)


def test_another_rule_with_the_same_id_is_invalid_and_told_where_the_first_is(tmp_path: Path):
    found = loaded(tmp_path, rule(FIRST), "\n" + rule(FIRST.upper(), title="Other"))
    assert [one.title for one in found.rules] == ["A rule"]
    assert reasons(found) == [(FIRST.upper(), "2.yml", 2, f"the id {FIRST} is already that of {tmp_path / '1.yml'} line 1")]


def test_a_rule_without_an_id_gets_one_from_its_content(tmp_path: Path):
    found = loaded(tmp_path, rule_text(PLAIN), rule_text(PLAIN, title="Other"))
    again = loaded(tmp_path, rule_text(PLAIN))
    assert found.rules[0].id == again.rules[0].id != found.rules[1].id
    assert [one.message for one in found.remarks] == ["the rule has no id"] * 2


def test_flaws_of_the_description_are_remarks_and_the_rule_is_used(tmp_path: Path):
    text = rule("not-a-uuid", title="", level="severe", status="fine", date="yesterday", tags="{a: b}", author="[x, {y: 1}]")
    found = loaded(tmp_path, text)
    (one,) = found.rules
    assert (one.level, one.status, one.title, one.tags, one.author) == (
        "informational", "unsupported", "(no title)", ('{"a": "b"}',), '["x", {"y": 1}]',
    )  # fmt: skip
    assert [remark.message for remark in found.remarks] == [
        "the rule has no title",
        'the id "not-a-uuid" is no UUID',
        'unknown level "severe", taken as informational',
        'unknown status "fine", taken as unsupported',
    ]


def test_a_path_that_does_not_exist_is_an_error_of_the_caller(tmp_path: Path):
    for function in (load_rules, digest_of):
        with pytest.raises(UsageError, match="no such file or folder"):
            function([str(tmp_path / "gone.yml")])


# Zips and files that mean harm


def test_a_broken_zip_is_one_rejected_file(tmp_path: Path):
    good = Path(zipped(tmp_path / "a.zip", {"a.yml": rule(FIRST)})).read_bytes()
    (tmp_path / "a.zip").write_bytes(good[:-10])
    (tmp_path / "b.yml").write_text(rule(SECOND))
    found = load_rules([str(tmp_path)])
    assert [one.id for one in found.rules] == [SECOND]
    assert [(name, line) for _, name, line, _ in reasons(found)] == [("a.zip", 0)]


def test_a_damaged_member_does_not_spoil_the_others(tmp_path: Path):
    data = bytearray(Path(zipped(tmp_path / "a.zip", {"a.yml": rule(FIRST), "b.yml": rule(SECOND, title="Other")})).read_bytes())
    place = data.index(b"a.yml") + 8
    data[place : place + 20] = bytes(20)
    (tmp_path / "a.zip").write_bytes(data)
    found = load_rules([str(tmp_path / "a.zip")])
    assert [one.id for one in found.rules] == [SECOND]
    assert found.rejected[0].path.endswith("a.zip!a.yml")
    assert "cannot be unpacked" in found.rejected[0].reason


def test_a_zip_bomb_is_refused(tmp_path: Path):
    found = load_rules([zipped(tmp_path / "bomb.zip", {"bomb.yml": bytes(files.FILE_BYTES + 1), "a.yml": rule(FIRST)})])
    assert len(found.rules) == 1
    assert [one.reason for one in found.rejected] == [f"longer than {files.FILE_BYTES} bytes"]


def test_a_zip_whose_members_are_too_much_together_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = zipped(tmp_path / "many.zip", {f"{number}.yml": b"#" * 400 for number in range(10)})
    monkeypatch.setattr(files, "TOTAL_BYTES", 1000)
    found = load_rules([path])
    assert [one.reason for one in found.rejected] == ["longer than 200 bytes"] * 8


def test_a_header_that_lies_about_sizes_is_not_believed(tmp_path: Path):
    data = Path(zipped(tmp_path / "a.zip", {"a.yml": b"#" * (files.FILE_BYTES + 5)})).read_bytes()
    lied = data.replace((files.FILE_BYTES + 5).to_bytes(4, "little"), (50).to_bytes(4, "little"))
    (tmp_path / "a.zip").write_bytes(lied)
    found = load_rules([str(tmp_path / "a.zip")])
    assert (found.rules, len(found.rejected)) == ((), 1)


def test_an_encrypted_member_is_rejected(tmp_path: Path):
    data = bytearray(Path(zipped(tmp_path / "a.zip", {"a.yml": rule(FIRST)})).read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + flags] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert "encrypted" in load_rules([str(tmp_path / "a.zip")]).rejected[0].reason


def test_a_member_that_points_outside_is_only_a_name(tmp_path: Path):
    found = load_rules([zipped(tmp_path / "a.zip", {"../../evil.yml": rule(FIRST)})])
    assert found.rules[0].path.endswith("a.zip!../../evil.yml")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip"]


def test_too_large_a_file_is_rejected(tmp_path: Path):
    (tmp_path / "a.yml").write_bytes(b"#" * (files.FILE_BYTES + 1))
    assert [one.reason for one in load_rules([str(tmp_path)]).rejected] == [f"longer than {files.FILE_BYTES} bytes"]


def test_a_file_that_cannot_be_read_is_rejected(tmp_path: Path):
    (tmp_path / "loop.yml").symlink_to("loop.yml")
    (tmp_path / "a.yml").write_text(rule(FIRST))
    found = load_rules([str(tmp_path)])
    assert len(found.rules) == 1
    assert [(name, line) for _, name, line, _ in reasons(found)] == [("loop.yml", 0)]


def test_bytes_that_are_no_text_are_rejected(tmp_path: Path):
    (tmp_path / "a.yml").write_bytes(b"title: \xff\xfe\n")
    assert "is not UTF-8" in load_rules([str(tmp_path)]).rejected[0].reason


def test_many_entries_in_a_zip_are_refused_before_they_are_listed():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.yml", b"")
    crowded = data.getvalue() + b"PK\x01\x02" * (files.MAX_FILES + 1)
    (found,) = files.unpacked(files.RuleFile("a.zip", crowded))
    assert "more than 200000 files" in found.error


# The digest


def test_the_digest_changes_with_anything_that_matters(tmp_path: Path):
    path = tmp_path / "a.yml"
    path.write_text(rule(FIRST))
    before = digest_of([str(path)])
    assert before == digest_of([str(path)]) == load_rules([str(path)]).digest
    assert digest_of([str(path)], {"x": ["1"]}) == load_rules([str(path)], placeholders={"%x%": ["1"]}).digest != before
    (tmp_path / "b.yml").write_text(rule(FIRST))
    assert len({before, digest_of([str(tmp_path)]), digest_of([str(path), str(path)]), digest_of([str(tmp_path / "b.yml")])}) == 4
    path.write_text(rule(FIRST) + "\n")
    assert digest_of([str(path)]) != before


def test_the_digest_depends_on_the_translator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.yml").write_text(rule(FIRST))
    before = digest_of([str(tmp_path)])
    monkeypatch.setattr(files, "TRANSLATOR_VERSION", files.TRANSLATOR_VERSION + 1)
    assert digest_of([str(tmp_path)]) != before


# Documents that belong together


def test_a_global_document_completes_the_rules_after_it(tmp_path: Path):
    text = f"""
action: global
title: Both
level: high
logsource: {{product: windows}}
detection: {{condition: s}}
---
id: {FIRST}
detection: {{s: {{A: 1}}}}
---
id: {SECOND}
detection: {{s: {{B: 1}}}}
---
action: reset
---
{rule(THIRD)}"""
    found = loaded(tmp_path, text)
    assert [(one.id, one.title, one.level, one.line) for one in found.rules] == [
        (FIRST, "Both", "high", 8),
        (SECOND, "Both", "high", 11),
        (THIRD, "A rule", "informational", 16),
    ]
    assert [evaluate(one.tree, fields('{"B": 1}')) for one in found.rules] == [False, True, False]
    assert (found.ignored, found.rejected) == (0, ())


def test_a_repeated_document_is_the_one_before_with_changes(tmp_path: Path):
    text = f"{rule(FIRST)}---\naction: repeat\nid: {SECOND}\ndetection: {{s: {{A: 2}}}}\n"
    found = loaded(tmp_path, text)
    assert [one.id for one in found.rules] == [FIRST, SECOND]
    assert [evaluate(one.tree, fields('{"A": 2}')) for one in found.rules] == [False, True]
    assert found.rules[1].title == "A rule"


def test_an_unknown_action_is_invalid(tmp_path: Path):
    assert [one.reason for one in loaded(tmp_path, rule(FIRST, action="explode")).rejected] == ['unknown action "explode"']


def test_documents_that_repeat_each_other_without_end_are_refused(tmp_path: Path):
    wide = "action: global\nlogsource: {product: x}\ndescription: " + "x" * 900_000 + "\n"
    many = "".join(f"---\ntitle: '{number}'\ndetection: {{s: {{A: 1}}, condition: s}}\n" for number in range(60))
    growing = "---\naction: repeat\ntitle: more\n" * 60
    for text in (wide + many, f"{wide}---\ndetection: {{s: {{A: 1}}, condition: s}}\n{growing}"):
        found = loaded(tmp_path, text)
        assert 30 < len(found.rules) + found.repeated < 40
        assert {one.reason for one in found.rejected} == {"global and repeated documents make the rules of this file too large"}


def test_a_global_document_ends_with_its_file(tmp_path: Path):
    found = loaded(tmp_path, "action: global\nlevel: high\n", rule(FIRST))
    assert found.rules[0].level == "informational"


# Correlations and filters

CORRELATION = """
title: Many
id: {id}
correlation:
  type: event_count
  rules: [{rules}]
  group-by: [User]
  timespan: 5m
  condition: {{gte: 10}}
  generate: {generate}
"""


def test_rules_that_only_feed_correlations_are_silent(tmp_path: Path):
    found = loaded(
        tmp_path,
        rule(FIRST, name="one"),
        rule(SECOND, title="Other", name="two"),
        CORRELATION.format(id=THIRD, rules="one", generate="false"),
        CORRELATION.format(id=THIRD.replace("3", "4"), rules="two", generate="true"),
    )
    assert [(one.id, one.silent) for one in found.rules] == [(FIRST, True), (SECOND, False)]
    assert [one.rules for one in found.correlations] == [(FIRST,), (SECOND,)]


def test_a_correlation_that_refers_to_nothing_is_invalid(tmp_path: Path):
    found = loaded(tmp_path, CORRELATION.format(id=THIRD, rules="gone", generate="false"), "correlation: 5\ntitle: Wrong\n")
    assert found.correlations == ()
    assert sorted((one.title, one.state) for one in found.rejected) == [("Many", "invalid"), ("Wrong", "invalid")]
    assert any('there is no rule "gone"' in one.reason for one in found.rejected)


def test_a_correlation_may_not_take_the_id_of_a_rule(tmp_path: Path):
    found = loaded(tmp_path, rule(FIRST, name="one"), CORRELATION.format(id=FIRST, rules="one", generate="true"))
    assert [one.reason for one in found.rejected] == [f"the id {FIRST} is already that of {tmp_path / '1.yml'} line 1"]
    assert (found.correlations, found.rules[0].silent) == ((), False)


FILTER = """
title: Our administrators
logsource: {{product: windows}}
filter:
  rules: {rules}
  adm: {{User|startswith: adm_}}
  condition: not adm
"""


@pytest.mark.parametrize("named", [f"[{FIRST}]", FIRST.upper(), "the_name", "[The_Name, gone]", "any", "Any", "[]"])
def test_a_filter_narrows_the_rules_it_names(tmp_path: Path, named: str):
    found = loaded(tmp_path, FILTER.format(rules=named), rule(FIRST, name="the_name"))
    (one,) = found.rules
    assert evaluate(one.tree, fields('{"A": 1, "User": "eve"}'))
    assert not evaluate(one.tree, fields('{"A": 1, "User": "ADM_bob"}'))
    assert (found.filters, found.remarks, found.rejected) == (1, (), ())


def test_a_filter_leaves_other_rules_and_log_sources_alone(tmp_path: Path):
    found = loaded(
        tmp_path,
        FILTER.format(rules=f"[{FIRST}]"),
        FILTER.format(rules="any").replace("windows", "linux").replace("Our", "Their"),
        rule(FIRST),
        rule(SECOND, title="Other"),
        rule(THIRD, title="Third", logsource="{category: process_creation}"),
    )
    event = fields('{"A": 1, "User": "adm_bob"}')
    assert [evaluate(one.tree, event) for one in found.rules] == [False, True, True]
    assert [one.message for one in found.remarks] == ['the filter "Their administrators" applies to none of the rules']


def test_several_filters_and_conditions_of_a_rule_all_count(tmp_path: Path):
    other = FILTER.format(rules="any").replace("adm_", "svc_").replace("Our", "Their")
    found = loaded(tmp_path, FILTER.format(rules="any"), other, rule(FIRST, "a: {A: 1}\nb: {B: 1}\ncondition: [a, b]"))
    for user, expected in (("eve", True), ("adm_x", False), ("svc_x", False)):
        assert evaluate(found.rules[0].tree, fields(f'{{"B": 1, "User": "{user}"}}')) is expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rules: any", "rule: any"), '"rules" of a filter must be'),
        (("rules: any", "rules: {a: b}"), '"rules" of a filter must be'),
        (("condition: not adm", "condition: [adm]"), "exactly one condition"),
        (("condition: not adm", "condition: not adn"), "adn"),
        (("logsource: {product: windows}", "level: low"), "no log source"),
    ],
)
def test_a_wrong_filter_is_invalid(tmp_path: Path, change: tuple[str, str], message: str):
    found = loaded(tmp_path, FILTER.format(rules="any").replace(*change), rule(FIRST))
    assert [(one.title, one.state) for one in found.rejected] == [("Our administrators", "invalid")]
    assert message in found.rejected[0].reason
    assert evaluate(found.rules[0].tree, fields('{"A": 1, "User": "adm_x"}'))


# Placeholders

WITH_PLACEHOLDER = "s: {Host|expand: '%Servers%'}\ncondition: s"


def test_a_placeholder_without_a_value_makes_a_rule_unsupported(tmp_path: Path):
    found = loaded(tmp_path, rule(FIRST, WITH_PLACEHOLDER))
    assert [(one.state, one.id) for one in found.rejected] == [("unsupported", FIRST)]
    assert "the placeholder %Servers% has no value" in found.rejected[0].reason


@pytest.mark.parametrize("name", ["Servers", "%Servers%"])
def test_a_placeholder_stands_for_any_of_its_values(tmp_path: Path, name: str):
    found = loaded(tmp_path, rule(FIRST, WITH_PLACEHOLDER), placeholders={name: ("srv*", "DB01")})
    asked = [evaluate(found.rules[0].tree, fields(f'{{"Host": "{host}"}}')) for host in ("SRV7", "db01", "ws1", "%Servers%")]
    assert asked == [True, True, False, False]


def test_a_file_of_placeholders(tmp_path: Path):
    path = tmp_path / "placeholders.yml"
    path.write_text("Servers: [srv1, srv2]\nAdmin: 'adm_*'\nPort: 22\n---\nMore: x\n")
    assert read_placeholders(str(path)) == {"Servers": ("srv1", "srv2"), "Admin": ("adm_*",), "Port": ("22",), "More": ("x",)}


@pytest.mark.parametrize("text", ["- a\n", "a: {b: c}\n", "a: [null]\n", "a: [\n", "a: true\n"])
def test_a_wrong_file_of_placeholders_is_an_error_of_the_caller(tmp_path: Path, text: str):
    path = tmp_path / "placeholders.yml"
    path.write_text(text)
    with pytest.raises(UsageError):
        read_placeholders(str(path))
    with pytest.raises(UsageError, match="cannot be read"):
        read_placeholders(str(tmp_path / "gone.yml"))


def test_a_rule_that_cannot_be_used_keeps_no_other_from_its_id(tmp_path: Path):
    whole = f"title: A\nid: {FIRST}\nlogsource: {{product: windows}}\ndetection:\n  selection: {{Image: a}}\n  condition: selection\n"
    (tmp_path / "1.yml").write_text(whole.replace("condition: selection", "condition: other"))
    (tmp_path / "2.yml").write_text(whole)
    found = load_rules([str(tmp_path)])
    assert [Path(rule.path).name for rule in found.rules] == ["2.yml"]
    assert [(Path(one.path).name, one.state) for one in found.rejected] == [("1.yml", "invalid")]
