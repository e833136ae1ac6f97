"""``kulla rules test`` and ``kulla rules explain``: rules over samples and single events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kulla.cli.output import OutputOptions, echo_problem_summary, output_options
from kulla.cli.rules_common import loaded, rules_option, say, the_rule, write_json, write_lines
from kulla.model import moment
from kulla.model.errors import UsageError
from kulla.model.problem import Problems
from kulla.reporting.columns import shown
from kulla.reporting.words import clock_of, counted

if TYPE_CHECKING:
    from kulla.detection.correlation.model import Correlation
    from kulla.detection.explaining import EventExplanation, Survey
    from kulla.detection.ir import Rule
    from kulla.detection.sigma.outcome import RuleSet
    from kulla.detection.trial import Outcome

INCOMPLETE = 3
#: Detections of a correlation, and kinds of events, that an explanation names.
_NAMED = 5


@click.command("test")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@rules_option
@click.option("--samples", metavar="FOLDER", multiple=True, help="Where samples lie besides the rules' own folders.")
@output_options("table", "json", "jsonl", "csv")
@click.pass_context
def test_rules(
    ctx: click.Context, paths: tuple[str, ...], rules_paths: tuple[str, ...], samples: tuple[str, ...], output: OutputOptions
) -> None:
    """Run rules over their samples.

    A rule file NAME.yml is tested by NAME.jsonl beside it, in samples/ or tests/ beside it, or in a --samples folder. In a
    folder with SigmaHQ's info.yml files these are run as well, with the rules of PATH or of -r. Ends with 1 if a test fails.

    \b
    Examples:
      kulla rules test my-rules/ --samples my-samples/
      kulla rules test sigma/regression_data -r sigma/rules
    """
    from kulla.detection.regression import RegressionRun
    from kulla.reporting.listing import Column, write_rows
    from kulla.reporting.sink import open_output

    problems = Problems()
    run = RegressionRun(loaded(rules_paths or paths, quiet=output.quiet), problems)
    results = list(run.results(paths, samples))
    columns = (
        Column("state", "RESULT", 6),
        Column("name", "TEST", 24),
        Column("title", "RULE"),
        Column("matches", "MATCHES", 7),
        Column("message", "WHY", 50),
    )
    with open_output(output.path, force=output.force) as sink:
        write_rows(sink, output.format, columns, (result.to_dict() for result in results), output.look(problems).width)
    bad = sum(result.state != "passed" for result in results)
    say(f"{counted(len(results), 'test', 'tests')}, {bad} failed; {_untested(len(run.untested(results)))}", quiet=output.quiet)
    echo_problem_summary(problems, quiet=output.quiet)
    if not results:
        raise UsageError("there is no test for these rules", fix="samples lie beside the rules, or --samples names their folder")
    ctx.exit(1 if bad else 0)


def _untested(count: int) -> str:
    return "every rule has a test" if not count else f"{counted(count, 'rule has', 'rules have')} no test"


@click.command
@click.argument("rule", metavar="RULE")
@click.argument("file", metavar="FILE", type=click.Path())
@rules_option
@click.option("--event", metavar="N", type=click.IntRange(min=0), help="Explain the event at this position (record.number of a detection).")
@click.option("--id", "rule_id", metavar="ID", help="Which rule, where the file RULE has several.")
@output_options("text", "json")
@click.pass_context
def explain(
    ctx: click.Context, rule: str, file: str, rules_paths: tuple[str, ...], event: int | None, rule_id: str | None, output: OutputOptions
) -> None:
    """Say why a rule matches an event or not.

    RULE is a Sigma file, or the id, name or title of a rule. Without --event the events that match, or come closest, are explained:
    the log source, and each part of the condition with what the event has.

    \b
    Examples:
      kulla rules explain my_rule.yml sample.evtx
      kulla rules explain 8b4f6a2e evidence/sysmon.evtx --event 1234
    """
    from kulla.detection.ir import Rule

    is_file = Path(rule).is_file()
    rules = loaded((rule, *rules_paths) if is_file else rules_paths, quiet=output.quiet)
    wanted = _in_file(rule, rule_id, rules) if is_file else the_rule(rule, rules)
    problems = Problems()
    if isinstance(wanted, Rule):
        _explain_rule(wanted, file, event, output, problems)
    else:
        _explain_correlation(wanted, file, rules, output, problems)
    echo_problem_summary(problems, quiet=output.quiet)
    ctx.exit(INCOMPLETE if len(problems) else 0)


def _in_file(path: str, rule_id: str | None, rules: RuleSet) -> Rule | Correlation:
    """Return the rule of a file that is meant: the one named, else the only one that gives detections."""
    if rule_id is not None:
        return the_rule(rule_id, rules)
    found = [rule for rule in rules.every if rule.path.startswith(path) and not rule.silent]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"the file has {len(found)} rules", place=path, fix=f"choose one: --id {found[0].id}")
    flaw = next((one for one in rules.rejected if one.path.startswith(path)), None)
    raise UsageError(flaw.reason if flaw else "there is no rule in it", place=f"{path} line {flaw.line}" if flaw else path)


def _explain_rule(rule: Rule, file: str, event: int | None, output: OutputOptions, problems: Problems) -> None:
    from kulla.detection.explaining import survey
    from kulla.telemetry.files import read_path

    found = survey(rule, read_path(file, problems), problems, number=event)
    if event is not None and found.events and not found.closest:
        raise UsageError(f"there is no event {event}", place=file, fix=f"it has {found.events}, from 0 on")
    if output.format == "json":
        write_json(output, _survey_json(rule, found))
    else:
        write_lines(output, _survey_lines(rule, file, found, color=output.colored))


def _survey_lines(rule: Rule, file: str, found: Survey, *, color: bool) -> Iterator[str]:
    from kulla.detection.rulecheck import logsource_words
    from kulla.reporting.rule_words import event_lines

    wanted = logsource_words(rule.logsource)
    yield f"{shown(rule.title)} ({shown(rule.id)}) on {shown(file)}"
    looked = f"the first {found.events} events" if found.cut else counted(found.events, "event", "events")
    yield f"{looked}: {found.applying} of its log source ({shown(wanted)}), {found.firing} match"
    if found.events and not found.applying:
        kinds = ", ".join(f"{shown(name)} ({count})" for name, count in found.classes.most_common(_NAMED))
        yield f"No event is of the log source that the rule wants; there are: {kinds}"
    for one in found.closest:
        yield ""
        yield from event_lines(one, wanted, color=color)


def _survey_json(rule: Rule, found: Survey) -> dict[str, Any]:
    return {
        "schema": "kulla.rule-explanation/1",
        "rule": {"id": rule.id, "title": rule.title, "logsource": rule.logsource.to_dict()},
        "events": found.events,
        "of_logsource": found.applying,
        "matching": found.firing,
        "cut": found.cut,
        "classes": dict(found.classes.most_common()),
        "explained": [_event_json(one) for one in found.closest],
    }


def _event_json(one: EventExplanation) -> dict[str, Any]:
    from kulla.reporting.rule_words import explanation_lines

    return {
        "record": {"path": one.path, "number": one.number},
        "time": moment.to_text(one.time),
        "class": one.event_class,
        "logsources": list(one.sources),
        "logsource_applies": one.applies,
        "matches": one.fires,
        "condition": list(explanation_lines(one.tree, color=False)),
    }


def _explain_correlation(rule: Correlation, file: str, rules: RuleSet, output: OutputOptions, problems: Problems) -> None:
    from kulla.detection.trial import Trial, needed_by
    from kulla.telemetry.files import read_path

    inner, correlations = needed_by(rule.id, rules.rules, rules.correlations)
    outcome = Trial(inner, correlations, problems).run(read_path(file, problems))
    titles = {one.id: one.title for one in rules.every}
    own = [one for one in outcome.correlated if one.correlation.id == rule.id]
    if output.format == "json":
        matches = {identity: outcome.matches[identity] for identity in rule.rules}
        about = {"id": rule.id, "title": rule.title}
        write_json(
            output,
            {
                "schema": "kulla.rule-explanation/1",
                "rule": about,
                "events": outcome.events,
                "matches": matches,
                "detections": [one.to_dict() for one in own],
            },
        )
    else:
        write_lines(output, _correlation_lines(rule, file, outcome, titles))


def _correlation_lines(rule: Correlation, file: str, outcome: Outcome, titles: dict[str, str]) -> Iterator[str]:
    from kulla.reporting.rule_words import correlation_words

    yield f"{shown(rule.title)} ({shown(rule.id)}) on {shown(file)}"
    yield from correlation_words(rule, titles)
    yield f"{counted(outcome.events, 'event', 'events')}:"
    for identity in dict.fromkeys(rule.rules):
        yield f"  {outcome.matches[identity]} of {shown(titles.get(identity, identity))}"
    own = [one for one in outcome.correlated if one.correlation.id == rule.id]
    yield f"The correlation fires {counted(len(own), 'time', 'times')}."
    for one in own[:_NAMED]:
        values = ", ".join(f"{shown(pair['field'])}: {shown(pair['value'], 100)}" for pair in one.matched)
        yield f"  {clock_of(one.first)} to {clock_of(one.last)}, {counted(one.count, 'event', 'events')}; {values}"
    if len(own) > _NAMED:
        yield f"  and {len(own) - _NAMED} more"
