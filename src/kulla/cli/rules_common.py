"""What the commands under ``kulla rules`` share: loading rules, finding one, writing lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from kulla.cli.output import OutputOptions
from kulla.model.errors import UsageError
from kulla.model.text import visible

if TYPE_CHECKING:
    from kulla.detection.correlation.model import Correlation
    from kulla.detection.ir import Rule
    from kulla.detection.sigma.outcome import RuleSet

#: Beginnings of an id shorter than this are not looked up.
_SHORTEST = 6


def rules_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-r PATH``, repeated; the command gets ``rules_paths``."""
    return click.option(
        "-r",
        "--rules",
        "rules_paths",
        metavar="PATH",
        multiple=True,
        help="Sigma file, folder or zip; again for more (default: the imported sets and Kulla's own).",
    )(command)


def loaded(paths: Sequence[str], *, quiet: bool = False) -> RuleSet:
    """Return the rules under ``paths``, those used by default if there are none.

    Raises:
        UsageError: a path does not exist.
        KullaError: an imported set is damaged.
    """
    from kulla.detection.sigma.load import load_rules
    from kulla.node.rulestore import default_rules

    where = list(paths) or default_rules()
    if sys.stderr.isatty() and not quiet:
        click.echo("Reading rules ...", err=True)
    return load_rules(where)


def the_rule(wanted: str, rules: RuleSet) -> Rule | Correlation:
    """Return the rule with this id, beginning of an id, name or title.

    Raises:
        UsageError: there is none, or there are several.
    """
    key = wanted.lower()
    for matches in (
        lambda rule: key in (rule.id.lower(), (rule.name or "").lower()),
        lambda rule: key == rule.title.lower(),
        lambda rule: len(key) >= _SHORTEST and rule.id.lower().startswith(key),
    ):
        found = [rule for rule in rules.every if matches(rule)]
        if found:
            return _only(found, wanted)
    rejected = next((one for one in rules.rejected if one.id and one.id.lower() == key), None)
    if rejected is not None:
        raise UsageError(f"this rule cannot be used: {rejected.reason}", place=f"{rejected.path} line {rejected.line}")
    raise UsageError(f'there is no rule "{wanted}"', fix="kulla rules list shows all")


def _only(found: list[Rule | Correlation], wanted: str) -> Rule | Correlation:
    if len(found) > 1:
        some = ", ".join(rule.id for rule in found[:5])
        raise UsageError(f'"{wanted}" fits {len(found)} rules: {some}', fix="give the whole id")
    return found[0]


def write_lines(output: OutputOptions, lines: Iterable[str]) -> None:
    """Write lines of text to where the user wants the results; what they quote must be fit to be shown already."""
    from kulla.reporting.sink import open_output

    with open_output(output.path, force=output.force) as sink:
        for line in lines:
            sink.write(line.encode("utf-8", "replace") + b"\n")


def write_json(output: OutputOptions, value: Any) -> None:
    """Write one JSON object."""
    import json

    from kulla.reporting.sink import open_output

    with open_output(output.path, force=output.force) as sink:
        sink.write(json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def say(text: str, *, quiet: bool = False) -> None:
    """Say something beside the results, on stderr."""
    if not quiet:
        click.echo(visible(text), err=True)
