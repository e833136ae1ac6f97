"""A few rules over a few events, event by event: for testing rules and for explaining them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kulla.detection.byhand import ByHand, Event
from kulla.detection.correlation.correlator import Correlator
from kulla.detection.correlation.feeding import hit_of, values_for
from kulla.detection.correlation.model import Correlated, Correlation
from kulla.detection.ir import Rule
from kulla.detection.logsources import Catalogue, builtin
from kulla.detection.oracle import evaluate
from kulla.detection.slowpath import unreadable
from kulla.model.problem import Problems
from kulla.telemetry.batch import Batch


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial found.

    Attributes:
        matches: rule or correlation id -> events that match, or detections of the correlation.
        events: how many were read.
        correlated: the detections of correlations.
    """

    matches: Counter[str]
    events: int
    correlated: tuple[Correlated, ...] = ()


@dataclass(slots=True)
class Trial:
    """Evaluates rules and correlations exactly and slowly.

    Args:
        rules: all that the correlations refer to among them.
        correlations: resolved.
        problems: where what cannot be read or correlated is counted.
        catalogue: the log-source table.
    """

    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...]
    problems: Problems
    catalogue: Catalogue = field(default_factory=builtin)

    def run(self, batches: Iterable[Batch]) -> Outcome:
        """Evaluate everything over all events."""
        by_hand = ByHand(self.rules, self.catalogue)
        correlator = Correlator(self.correlations, None, self.problems, include_silent=True)
        matches: Counter[str] = Counter()
        events = 0
        for event in self.events(batches, by_hand):
            events += 1
            for rule in matching(event, by_hand):
                matches[rule.id] += 1
                needed = correlator.needs.get(rule.id)
                if needed is not None:
                    values = values_for(event.fields, needed, by_hand.aliases(event.event_class))
                    correlator.feed([hit_of(rule.id, event.source.path, event.number, event.envelope, values)])
        correlated = tuple(correlator.finish())
        matches.update(one.correlation.id for one in correlated)
        return Outcome(matches, events, correlated)

    def events(self, batches: Iterable[Batch], by_hand: ByHand) -> Iterator[Event]:
        """Read events one by one; what is none is counted."""
        for batch in batches:
            for index in range(len(batch)):
                try:
                    event = by_hand.read(batch, index)
                except ValueError as error:
                    self.problems.extend([unreadable(batch, index, str(error))])
                    continue
                yield event


def matching(event: Event, by_hand: ByHand) -> Iterator[Rule]:
    """Yield the rules that hold for an event."""
    aliases = by_hand.aliases(event.event_class)
    for number in by_hand.wanted(event.event_class):
        if evaluate(by_hand.rules[number].tree, event.fields, aliases):
            yield by_hand.rules[number]


def needed_by(
    identity: str, rules: Iterable[Rule], correlations: Iterable[Correlation]
) -> tuple[tuple[Rule, ...], tuple[Correlation, ...]]:
    """Return the rule or correlation of this id with all that it refers to, directly or through others."""
    known = list(correlations)
    wanted = {identity}
    for one in reversed(known):  # inner ones come first, so that going backwards meets each before what it refers to
        if one.id in wanted:
            wanted.update(one.rules)
    return tuple(rule for rule in rules if rule.id in wanted), tuple(one for one in known if one.id in wanted)
