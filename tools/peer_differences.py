"""Compare with another engine, file by file and rule by rule, and say why the counts differ: ``python -m tools.peer_differences``.

Every SigmaHQ rule runs over every sample of ../shared/data/evtx, and the detections are counted against those of the peer
(zircolite-3.7-counts.json). A reason is no opinion: each one is a model of what the engine that is wrong, or reads a rule otherwise, does,
and it is given only where our plain evaluator, made to do the same, comes to exactly the peer's count. What no
model explains is called unexplained, and a test fails.

Writes docs/reference/peer-differences.json and the page made of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from kulla.detection.byhand import ByHand, Event
from kulla.detection.ir import Rule, predicates
from kulla.detection.oracle import evaluate
from kulla.detection.predicates import NO_ALIASES, Aliases
from kulla.detection.sigma.load import load_rules
from kulla.detection.trial import Trial
from kulla.model.detection import Detection
from kulla.model.problem import Problems
from kulla.node.scan import Scan, ScanRequest
from kulla.telemetry.fields import name_key
from kulla.telemetry.files import read_path
from kulla.telemetry.flatten import Fields, Kind, Value

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "reference" / "peer-differences.md"
KEPT = PAGE.with_suffix(".json")

SCHEMA = "kulla.peer-differences/1"
UNEXPLAINED = "unexplained"
THEIRS, OURS, READING = "theirs", "ours", "reading"

#: (file as its path under the folder of samples, rule id).
Pair = tuple[str, str]
#: name_keys of all fields that occur in any sample.
Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Case:
    """A rule and an event, with our aliases for its class and the names of all fields that occur in the samples."""

    rule: Rule
    event: Event
    aliases: Aliases
    names: Names

    def holds(self, fields: Fields | None = None) -> bool:
        """Return whether the rule's condition holds for the event, or for other ``fields``."""
        return evaluate(self.rule.tree, self.event.fields if fields is None else fields, self.aliases)

    @property
    def asked(self) -> set[str]:
        """The name_keys of the fields that the rule asks."""
        return {name_key(p.field) for p in predicates(self.rule.tree) if p.field is not None}


#: Whether an engine with this error counts the event for the rule.
Model = Callable[[Case], bool]


@dataclass(frozen=True, slots=True)
class Reason:
    """One error, or one way to read a rule, and the model of it.

    Attributes:
        name: for the table.
        whose: theirs, ours, or reading where the specification leaves it open.
        text: what happens, and how it was verified.
        counts: the model.
        more: True where it makes the peer count more than we do, False where fewer.
        everywhere: the model looks also at events that are not of the rule's log source.
    """

    name: str
    whose: str
    text: str
    counts: Model
    more: bool = False
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One file and rule for which the two engines count differently."""

    file: str
    rule: str
    title: str
    ours: int
    theirs: int
    reason: str
    whose: str

    def to_dict(self) -> dict[str, Any]:
        """Return one entry of ``differences``."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Difference:
        """Read one entry of ``differences``."""
        return cls(**{name: data[name] for name in cls.__slots__})


def _changed(fields: Fields, change: Callable[[Value], Value | None]) -> Fields:
    """Return the fields with each value replaced, or taken away where ``change`` returns None."""
    kept = {name: [new for value in values if (new := change(value))] for name, values in fields.values.items()}
    return Fields({name: values for name, values in kept.items() if values})


def _truth_as_number(case: Case) -> bool:
    def number(value: Value) -> Value:
        return Value("1" if value.text == "true" else "0", Kind.NUMBER) if value.kind is Kind.BOOLEAN else value

    return case.holds(_changed(case.event.fields, number))


def _empty_dropped(case: Case) -> bool:
    return case.holds(_changed(case.event.fields, lambda value: value if value.text else None))


def _unnamed_elsewhere(case: Case) -> bool:
    if "data" not in case.asked:
        return case.holds()
    renamed = {"message" if name == "data" else name: values for name, values in case.event.fields.values.items()}
    return replace(case, aliases=NO_ALIASES).holds(Fields(renamed))


def _no_antivirus(case: Case) -> bool:
    return replace(case, aliases=NO_ALIASES if case.rule.logsource.category == "antivirus" else case.aliases).holds()


def _sysmon_only(case: Case) -> bool:
    elsewhere = case.rule.logsource.category == "process_creation" and not case.event.event_class.name.startswith("windows/sysmon/")
    return not elsewhere and case.holds()


def _column_missing(case: Case) -> bool:
    return case.names.issuperset(case.asked) and case.holds()


def _any_event_12(case: Case) -> bool:
    ours = case.rule.logsource.category == "registry_delete"
    return ours and case.event.event_class.name.startswith("windows/sysmon/12") and case.holds()


#: The first that explains a difference is its reason; the narrower ones stand first.
REASONS: tuple[Reason, ...] = (
    Reason(
        "true as 1",
        THEIRS,
        "Sysmon's `Initiated` is a Boolean in the log. The peer keeps it in its database as 1 or 0 and compares it with the text "
        "`true` of the rule, so that no rule with `Initiated` ever fires. Its later versions store the word.",
        _truth_as_number,
    ),
    Reason(
        "empty text dropped",
        THEIRS,
        "The peer takes empty values away before it looks (`useless` in its table of fields), so that a rule asking for an empty text "
        "never fires.",
        _empty_dropped,
    ),
    Reason(
        "empty text as null",
        READING,
        "The rule asks for `null`, and the event has the field with an empty text. The peer takes empty values away, so that the field "
        "is null for it. Another rule of the same set asks the same field for an empty text: with the peer's reading that one cannot fire, "
        "with ours (an empty text is a text, see [the decision](../adr/0006-what-a-missing-field-means.md)) this one does not.",
        _empty_dropped,
        more=True,
    ),
    Reason(
        "unnamed data",
        THEIRS,
        "Classic providers write values without names, which rules call `Data`. The peer keeps them under `Message`, and the query for "
        "the column `Data` fails.",
        _unnamed_elsewhere,
    ),
    Reason(
        "antivirus names",
        THEIRS,
        "Rules of the category antivirus ask for `Signature` and `Filename`. Microsoft Defender calls them `Threat Name` and `Path`; "
        "the peer has no such table, ours has.",
        _no_antivirus,
    ),
    Reason(
        "Sysmon only",
        THEIRS,
        "The peer looks for process creation among Sysmon's events alone. The process is in a Security event 4688, for which the log says "
        "`NewProcessName` where the rule says `Image`.",
        _sysmon_only,
    ),
    Reason(
        "missing column",
        THEIRS,
        "The rule names, in a filter, a field that occurs in none of the samples. The peer's query then fails as a whole "
        "and the rule is dead.",
        _column_missing,
    ),
    Reason(
        "deleted or created",
        THEIRS,
        "Sysmon's event 12 tells in `EventType` whether a key was deleted or created. The peer takes every event 12 for a deletion; "
        "those that it counts beyond ours are creations.",
        _any_event_12,
        more=True,
        everywhere=True,
    ),
)


class Samples:
    """The events of the samples, read as often as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def events(self, file: str, by_hand: ByHand) -> Iterator[Event]:
        """Yield the events of one file."""
        problems = Problems()
        yield from Trial((), (), problems).events(read_path(str(self.folder / file), problems), by_hand)

    def names(self, files: Iterable[str]) -> Names:
        """Return the name_keys of all fields that occur."""
        by_hand = ByHand(())
        return frozenset(name for file in files for event in self.events(file, by_hand) for name in event.fields.values)


def peer(folder: Path) -> tuple[dict[str, Any], dict[Pair, int]]:
    """Return what the peer's file says about the run, and its counts."""
    told = json.loads((folder / "zircolite-3.7-counts.json").read_text(encoding="utf-8"))
    counts = {(file, rule): count for file, rules in told["counts"].items() for rule, count in rules.items()}
    return told, counts


def ours(folder: Path, files: Sequence[str], rules: Path, cache: Path | None = None) -> tuple[Counter[Pair], dict[str, int]]:
    """Return our counts, and the events of each file."""
    counts: Counter[Pair] = Counter()
    request = ScanRequest([str(folder / file) for file in files], rules=[str(rules)], cache=cache)

    def count(lines: bytes) -> None:
        for line in lines.splitlines():
            found = Detection.from_json(line)
            places = {_below(folder, record.path) for record in found.records}
            counts.update((place, found.rule.id) for place in places)

    summary = Scan(request, Problems()).run(count)
    return counts, {_below(folder, source.path): source.events for source in summary.sources}


def _below(folder: Path, path: str) -> str:
    return Path(path).relative_to(folder).as_posix()


def compare(data: Path, cache: Path | None = None) -> dict[str, Any]:
    """Run everything and return the content of peer-differences.json.

    Args:
        data: the folder of third-party data.
        cache: where compiled rules are kept; None to keep nothing.
    """
    folder, rules = data / "evtx", data / "sigma" / "sigma_rules.zip"
    told, theirs = peer(folder)
    files = sorted(told["counts"])
    mine, events = ours(folder, files, rules, cache)
    pairs = sorted(set(theirs) | set(mine))
    unequal = [pair for pair in pairs if theirs.get(pair, 0) != mine[pair]]
    by_id = {rule.id: rule for rule in load_rules([str(rules)]).rules}
    judged = _judged(Samples(folder), unequal, by_id, mine, theirs)
    return {
        "schema": SCHEMA,
        "peer": told["engine"],
        "rules": told["rules"],
        "files": len(files),
        "events": sum(events.values()),
        "detections": {"ours": mine.total(), "theirs": sum(theirs.values())},
        "pairs": {"all": len(pairs), "equal": len(pairs) - len(unequal)},
        "differences": [difference.to_dict() for difference in judged],
    }


def _judged(
    samples: Samples, unequal: Sequence[Pair], rules: Mapping[str, Rule], mine: Counter[Pair], theirs: Mapping[Pair, int]
) -> list[Difference]:
    """Return each difference with the first reason whose model gives the peer's count."""
    names = samples.names(sorted({file for file, _ in theirs} | {file for file, _ in unequal}))
    found = []
    for pair in unequal:
        file, rule = pair[0], rules[pair[1]]
        plain = Difference(file, rule.id, rule.title, mine[pair], theirs.get(pair, 0), UNEXPLAINED, UNEXPLAINED)
        by_hand = ByHand((rule,))
        reason = explanation(plain, rule, list(samples.events(file, by_hand)), by_hand, names)
        found.append(replace(plain, reason=reason.name, whose=reason.whose) if reason else plain)
    return found


def explanation(difference: Difference, rule: Rule, events: Sequence[Event], by_hand: ByHand, names: Names) -> Reason | None:
    """Return the first reason with which the plain evaluator comes to the peer's count, None where there is none."""
    for reason in REASONS:
        fitting = reason.more is (difference.theirs > difference.ours)
        if fitting and _modelled(reason, rule, events, by_hand, names) == difference.theirs:
            return reason
    return None


def _modelled(reason: Reason, rule: Rule, events: Sequence[Event], by_hand: ByHand, names: Names) -> int:
    """Return how many events an engine with this error counts."""
    wanted = (event for event in events if reason.everywhere or event.event_class.covered_by(rule.logsource))
    return sum(reason.counts(Case(rule, event, by_hand.aliases(event.event_class), names)) for event in wanted)


def page(kept: Mapping[str, Any]) -> str:
    """Return the page made of the content of peer-differences.json."""
    differences = [Difference.from_dict(entry) for entry in kept["differences"]]
    by_reason = {reason.name: reason for reason in REASONS}
    order = {name: place for place, name in enumerate([*by_reason, UNEXPLAINED])}
    groups = groupby(sorted(differences, key=lambda each: order[each.reason]), key=lambda each: each.reason)
    return "\n".join(
        [*_head(kept, differences), *(line for name, group in groups for line in _section(name, by_reason.get(name), list(group)))]
    )


def _head(kept: Mapping[str, Any], differences: Sequence[Difference]) -> list[str]:
    whose = Counter(each.whose for each in differences)
    beyond = sum(each.ours - each.theirs for each in differences if each.ours > each.theirs)
    counted, pairs = kept["detections"], kept["pairs"]
    return [
        "# Differences to another engine",
        "",
        "*Made by `python -m tools.peer_differences`; do not edit.*",
        "",
        f"All rules of {kept['rules']} over {kept['files']} event logs of public attack samples ({kept['events']:,} events). The peer is",
        f"{kept['peer']}.",
        "",
        "| | ours | theirs |",
        "|---|---|---|",
        f"| detections | {counted['ours']} | {counted['theirs']} |",
        "",
        f"Of {pairs['all']} pairs of a file and a rule that fires in it for either engine, {pairs['equal']} have the same count. The other",
        f"{len(differences)} are below: {whose[THEIRS]} are an error of the peer, {whose[READING]} a matter of reading, {whose[OURS]} an",
        f"error of ours, {whose[UNEXPLAINED]} unexplained. Kulla finds {beyond} detections that the peer misses.",
        "",
        "A reason is given only where our plain evaluator, made to do what the reason says, comes to exactly the peer's count. A test",
        "computes all of this anew and compares it with this page.",
        "",
    ]


def _section(name: str, reason: Reason | None, differences: Sequence[Difference]) -> list[str]:
    head = [f"## {name.capitalize() if name.islower() else name}", ""]
    text = [f"Whose: {reason.whose}. {reason.text}", ""] if reason else []
    table = ["| file | rule | id | ours | theirs |", "|---|---|---|---|---|"]
    rows = [f"| {d.file} | {d.title.replace('|', chr(92) + '|')} | `{d.rule}` | {d.ours} | {d.theirs} |" for d in differences]
    return [*head, *text, *table, *rows, ""]


def load() -> dict[str, Any]:
    """Return the committed content of peer-differences.json."""
    return cast("dict[str, Any]", json.loads(KEPT.read_text(encoding="utf-8")))


def main() -> None:
    """Write both files."""
    from kulla.node.settings import cache_home

    found = compare(DATA, cache_home() / "rules")
    KEPT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"{len(found['differences'])} differences; {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
