"""``kulla scan``: files in, detections out."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from kulla.cli.output import OutputOptions, output_options
from kulla.model.level import LEVELS

if TYPE_CHECKING:
    from kulla.model.summary import ScanSummary


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-r", "--rules", multiple=True, metavar="RULES", help="Sigma file, folder or zip; beside Kulla's own and the imported ones.")
@click.option("-i", "--indicators", multiple=True, metavar="FILE", help="STIX 2.1 bundle, MISP event, CSV or plain list.")
@click.option("-y", "--yara", multiple=True, metavar="YARA", help="YARA rules for files that are no logs (needs kulla[yara]).")
@click.option("--level", type=click.Choice(LEVELS), default="informational", help="Lowest level of detections to give.")
@click.option("--fail-on", type=click.Choice(LEVELS), help="End with exit code 1 if a detection has this level or a higher one.")
@click.option("--since", metavar="T", help="Only events from T on: RFC 3339, or an age such as 7d.")
@click.option("--until", metavar="T", help="Only events up to T.")
@click.option("--format-in", metavar="NAME", help="Read every file as NAME instead of recognising formats.")
@click.option("--logsources", metavar="FILE", type=click.Path(), help="A table of your own log sources (TOML).")
@click.option("--placeholders", metavar="FILE", type=click.Path(), help="Values for the rules' %placeholders% (YAML or JSON).")
@click.option("--no-content", is_flag=True, help="Without Kulla's own rules.")
@click.option("--no-installed", is_flag=True, help="Without the rule sets that were imported.")
@click.option("--summary", "summary_path", metavar="FILE", type=click.Path(), help="Write a summary as JSON.")
@click.option("--threads", type=click.IntRange(0, 64), default=0, help="How many threads scan; 0 is one each processor.")
@output_options("table", "jsonl", "json", "csv", "html")
@click.pass_context
def scan(context: click.Context, /, output: OutputOptions, **options: Any) -> None:
    """Find what rules and indicators match in log files.

    PATH is a file, a folder, a glob, or - for standard input. Formats are recognised by content, archives are opened.

    \b
    Examples:
      kulla scan examples/evidence
      kulla scan case42/ -r sigma_all_rules.zip -f html -o case42.html
      kulla scan logs.zip -i ally.stix.json --level high --summary summary.json
      zcat conn.log.gz | kulla scan - -f jsonl
    """
    summary = _run(output, options)
    code = summary.exit_code(options["fail_on"])
    if code:
        context.exit(code)


def _run(output: OutputOptions, options: dict[str, Any]) -> ScanSummary:
    from kulla.cli.output import open_writer
    from kulla.cli.progress import ProgressLine
    from kulla.model.problem import Problems
    from kulla.node.scan import Scan
    from kulla.reporting.sink import check_output

    for path in (output.path, options["summary_path"]):
        check_output(path, force=output.force)
    problems = Problems()
    run = Scan(_request(options), problems, lambda text: None if output.quiet else click.echo(text, err=True))
    line = ProgressLine(sys.stderr, run.total(), shown=output.shows_progress, verbose=output.verbose > 0)
    with line as progress, open_writer(output, problems, before_write=progress.clear) as writer:
        summary = run.run(writer.write, progress.update)
        progress.clear()
        writer.finish(summary)
    _report(summary, output, options["summary_path"])
    return summary


def _request(options: dict[str, Any]) -> Any:
    from kulla.node.scan import ScanRequest
    from kulla.node.settings import cache_home

    return ScanRequest(
        paths=options["paths"],
        rules=_rules(options),
        indicators=options["indicators"],
        yara=options["yara"],
        level=options["level"],
        window=_window(options),
        format_in=options["format_in"],
        placeholders=_placeholders(options["placeholders"]),
        logsources=options["logsources"],
        cache=None if os.environ.get("KULLA_NO_CACHE") else cache_home() / "rules",
        threads=options["threads"],
    )


def _rules(options: dict[str, Any]) -> list[str]:
    from kulla.node.rulestore import content_rules, installed_rules

    own = [] if options["no_content"] else [str(content_rules())]
    installed = [] if options["no_installed"] or options["rules"] else [str(path) for path in installed_rules()]
    return [*own, *installed, *options["rules"]]


def _window(options: dict[str, Any]) -> tuple[int, int]:
    from kulla.detection.engine import ALWAYS
    from kulla.model.errors import UsageError
    from kulla.model.moment import from_option

    now = datetime.now(UTC)
    bounds = []
    for name, default in zip(("since", "until"), ALWAYS, strict=True):
        try:
            bounds.append(from_option(options[name], now) if options[name] else default)
        except (ValueError, OverflowError):
            raise UsageError(
                f"--{name} {options[name]!r} is no time", fix="use RFC 3339 such as 2022-07-15T09:00:00Z, or an age such as 7d"
            ) from None
    if bounds[0] > bounds[1]:
        raise UsageError("--since is later than --until", fix="exchange them")
    return bounds[0], bounds[1]


def _placeholders(path: str | None) -> Mapping[str, Sequence[str]]:
    if path is None:
        return {}
    from kulla.detection.sigma.placeholders import read_placeholders

    return read_placeholders(path)


def _report(summary: ScanSummary, output: OutputOptions, path: str | None) -> None:
    import orjson

    from kulla.reporting.scan_text import summary_text
    from kulla.reporting.sink import open_output

    if path:
        with open_output(path, force=output.force) as sink:
            sink.write(orjson.dumps(summary.to_dict(), option=orjson.OPT_INDENT_2) + b"\n")
    if not output.quiet:
        click.echo(summary_text(summary), err=True)
