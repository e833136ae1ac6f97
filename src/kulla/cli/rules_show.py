"""``kulla rules list``, ``show`` and ``check``: what rules there are, what they say, what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from kulla.cli.output import OutputOptions, output_options
from kulla.cli.rules_common import loaded, rules_option, say, the_rule, write_json, write_lines
from kulla.model.level import LEVELS, rank
from kulla.reporting.columns import shown
from kulla.reporting.words import counted

if TYPE_CHECKING:
    from kulla.detection.correlation.model import Correlation
    from kulla.detection.ir import Rule
    from kulla.detection.rulecheck import Finding
    from kulla.detection.sigma.outcome import RejectedRule, RuleSet

_STATES = ("usable", "unreachable", "unsupported", "invalid")
_LABEL = 16


@click.command("list")
@rules_option
@click.option("--level", type=click.Choice(LEVELS), help="At least this level.")
@click.option("--tag", "tags", multiple=True, help="With this tag, such as attack.t1490; again for any of several.")
@click.option("--logsource", metavar="WORDS", help='With these words in its log source, such as "windows process_creation".')
@click.option("--state", type=click.Choice(_STATES), help="In this state.")
@output_options("table", "json", "jsonl", "csv")
def list_rules(
    rules_paths: tuple[str, ...], level: str | None, tags: tuple[str, ...], logsource: str | None, state: str | None, output: OutputOptions
) -> None:
    """List rules and whether they can be used.

    States: usable; unreachable (no event that Kulla reads can have the log source); unsupported; invalid.

    \b
    Examples:
      kulla rules list --level high --logsource "windows security"
      kulla rules list -r my-rules/ --state invalid -f jsonl
    """
    from kulla.reporting.listing import Column, write_rows
    from kulla.reporting.sink import open_output

    rows = [row for row in _rows(loaded(rules_paths, quiet=output.quiet)) if _wanted(row, level, tags, logsource, state)]
    columns = (
        Column("level", "LEVEL", 13),
        Column("state", "STATE", 11),
        Column("logsource", "LOG SOURCE", 32),
        Column("title", "TITLE"),
        Column("id", "ID", 36),
    )
    with open_output(output.path, force=output.force) as sink:
        write_rows(sink, output.format, columns, rows, _width(output))
    say(counted(len(rows), "rule", "rules"), quiet=output.quiet)


@click.command
@click.argument("rule_id", metavar="ID")
@rules_option
@output_options("text", "json")
def show(rule_id: str, rules_paths: tuple[str, ...], output: OutputOptions) -> None:
    """Show one rule in words.

    ID is the rule's id, the beginning of it, its name or its title.

    \b
    Examples:
      kulla rules show 8b4f6a2e
      kulla rules show failed_logon -r my-rules/
    """
    rules = loaded(rules_paths, quiet=output.quiet)
    rule = the_rule(rule_id, rules)
    if output.format == "json":
        write_json(output, {**_row(rule, _state(rule), ""), **_more(rule), "condition": list(_condition(rule, rules))})
    else:
        write_lines(output, _page(rule, rules))


@click.command
@click.argument("paths", metavar="PATH...", nargs=-1)
@output_options("table", "json", "jsonl", "csv")
@click.pass_context
def check(ctx: click.Context, paths: tuple[str, ...], output: OutputOptions) -> None:
    """Find flaws in rules.

    An error is a rule that cannot be evaluated (invalid, unsupported, an id that is taken); a warning is one that can and
    does not do what its author wants: a log source that no event has, a condition that is never or always true.
    Ends with 1 if there is an error.

    \b
    Examples:
      kulla rules check my-rules/
      kulla rules check my-rules/ -f jsonl
    """
    from kulla.detection.rulecheck import findings
    from kulla.reporting.sink import open_output

    rules = loaded(paths, quiet=output.quiet)
    found = findings(rules)
    with open_output(output.path, force=output.force) as sink:
        if output.format == "table":
            for flaw in found:
                sink.write(_flaw_line(flaw, color=output.colored).encode("utf-8", "replace") + b"\n")
        else:
            from kulla.reporting.listing import write_rows

            write_rows(sink, output.format, (), (flaw.to_dict() for flaw in found), 0)
    errors = sum(flaw.severity == "error" for flaw in found)
    checked = counted(len(rules.rules) + len(rules.correlations) + len(rules.rejected), "rule", "rules")
    say(f"{checked}: {counted(errors, 'error', 'errors')}, {counted(len(found) - errors, 'warning', 'warnings')}", quiet=output.quiet)
    ctx.exit(1 if errors else 0)


def _width(output: OutputOptions) -> int:
    from kulla.model.problem import Problems

    return output.look(Problems()).width


def _rows(rules: RuleSet) -> Iterator[dict[str, Any]]:
    for rule in rules.every:
        yield _row(rule, _state(rule), "")
    for rejected in rules.rejected:
        yield _rejected_row(rejected)


def _state(rule: Rule | Correlation) -> str:
    from kulla.detection.ir import Rule
    from kulla.detection.rulecheck import state_of

    return state_of(rule) if isinstance(rule, Rule) else "usable"


def _row(rule: Rule | Correlation, state: str, reason: str) -> dict[str, Any]:
    from kulla.detection.ir import Rule
    from kulla.detection.rulecheck import logsource_words

    plain = isinstance(rule, Rule)
    return {
        "id": rule.id,
        "title": rule.title,
        "level": rule.level,
        "status": rule.status,
        "kind": "sigma" if plain else "correlation",
        "logsource": logsource_words(rule.logsource) if isinstance(rule, Rule) else "correlation",
        "tags": list(rule.tags),
        "state": state,
        "silent": rule.silent,
        "reason": reason,
        "path": rule.path,
        "line": rule.line,
    }


def _rejected_row(one: RejectedRule) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "level": "",
        "status": "",
        "kind": "",
        "logsource": "",
        "tags": [],
        "state": one.state,
        "silent": False,
        "reason": one.reason,
        "path": one.path,
        "line": one.line,
    }


def _wanted(row: dict[str, Any], level: str | None, tags: tuple[str, ...], logsource: str | None, state: str | None) -> bool:
    words = set((logsource or "").lower().replace("/", " ").split())
    return (
        (level is None or (bool(row["level"]) and rank(row["level"]) >= rank(level)))
        and (not tags or bool({tag.lower() for tag in tags} & {tag.lower() for tag in row["tags"]}))
        and words <= set(row["logsource"].split())
        and (state is None or row["state"] == state)
    )


def _more(rule: Rule | Correlation) -> dict[str, Any]:
    return {
        "name": rule.name,
        "description": rule.description,
        "author": rule.author,
        "references": list(rule.references),
        "falsepositives": list(rule.falsepositives),
    }


def _page(rule: Rule | Correlation, rules: RuleSet) -> Iterator[str]:
    row = _row(rule, _state(rule), "")
    facts = [
        ("Id", rule.id),
        ("Name", rule.name or ""),
        ("Level", rule.level),
        ("Status", rule.status),
        ("State", row["state"] + (", only feeds correlations" if rule.silent else "")),
        ("Log source", row["logsource"]),
        ("Tags", " ".join(rule.tags)),
        ("Author", rule.author),
        ("File", f"{rule.path}:{rule.line}"),
        *(("False positives", text) for text in rule.falsepositives),
        *(("Reference", text) for text in rule.references),
    ]
    yield shown(rule.title)
    if rule.description:
        yield shown(rule.description, 2000)
    yield ""
    yield from (f"{label:<{_LABEL}}{shown(value)}" for label, value in facts if value)
    yield ""
    yield "It matches where"
    yield from (f"  {line}" for line in _condition(rule, rules))


def _condition(rule: Rule | Correlation, rules: RuleSet) -> Iterator[str]:
    from kulla.detection.ir import Rule
    from kulla.reporting.rule_words import correlation_words, tree_lines

    if isinstance(rule, Rule):
        yield from tree_lines(rule.tree)
    else:
        yield from correlation_words(rule, {one.id: one.title for one in rules.every})


def _flaw_line(flaw: Finding, *, color: bool) -> str:
    word = click.style(flaw.severity, fg="red" if flaw.severity == "error" else "yellow") if color else flaw.severity
    title = f" ({shown(flaw.title, 100)})" if flaw.title else ""
    return f"{shown(flaw.place)}: {word}: {shown(flaw.message)} [{flaw.kind}]{title}"
