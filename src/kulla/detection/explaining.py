"""Why a rule fires or not: its log source and each part of its condition, for the events of one file that come closest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from itertools import islice

from kulla.detection.byhand import ByHand, Event
from kulla.detection.ir import And, Not, Or, Predicate, Rule
from kulla.detection.logsources import Catalogue, builtin
from kulla.detection.oracle import Explanation, explain
from kulla.detection.rulecheck import logsource_words
from kulla.detection.trial import Trial
from kulla.model.problem import Problems
from kulla.telemetry.batch import Batch

#: Events of one file that are looked at; explaining is slow and meant for samples.
MAX_EVENTS = 100_000


@dataclass(frozen=True, slots=True)
class EventExplanation:
    """One rule and one event.

    Attributes:
        path, number: where the event stands.
        time: microseconds UTC or UNKNOWN.
        event_class: what kind of event it is.
        sources: the log sources to which it answers, in words.
        applies: whether the rule's log source is one of them.
        tree: the condition with the result of each part, evaluated also where the rule does not apply.
    """

    path: str
    number: int
    time: int
    event_class: str
    sources: tuple[str, ...]
    applies: bool
    tree: Explanation

    @property
    def fires(self) -> bool:
        """Whether the rule matches the event."""
        return self.applies and self.tree.result


@dataclass(slots=True)
class Survey:
    """One rule over one file.

    Attributes:
        events: how many were looked at.
        applying: those of the rule's log source.
        firing: those that match.
        classes: kinds of events with their numbers.
        cut: there are more events than were looked at.
        closest: the explanations asked for; matching events first, then those that come closest.
    """

    events: int = 0
    applying: int = 0
    firing: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    cut: bool = False
    closest: list[EventExplanation] = field(default_factory=list)


def survey(
    rule: Rule,
    batches: Iterable[Batch],
    problems: Problems,
    *,
    number: int | None = None,
    most: int = 3,
    catalogue: Catalogue | None = None,
) -> Survey:
    """Look at all events of a file and explain some.

    Args:
        rule: the rule.
        batches: of the file.
        problems: where unreadable records are counted.
        number: position of the one event to explain; None explains those that come closest to matching.
        most: how many, where ``number`` is None.
        catalogue: the log-source table.
    """
    by_hand = ByHand((rule,), catalogue or builtin())
    events = Trial((rule,), (), problems, by_hand.catalogue).events(batches, by_hand)
    result = Survey()
    ranked: list[tuple[tuple[float, ...], EventExplanation]] = []
    for event in islice(events, MAX_EVENTS + 1):
        if result.events == MAX_EVENTS:
            result.cut = True
            break
        one = _explained(rule, event, by_hand)
        _count(result, one)
        if number is None:
            _rank(ranked, one, result.events, most)
        elif event.number == number:
            result.closest.append(one)
    result.closest += [one for _, one in sorted(ranked, key=lambda pair: pair[0], reverse=True)]
    return result


def _explained(rule: Rule, event: Event, by_hand: ByHand) -> EventExplanation:
    known = event.event_class
    return EventExplanation(
        path=event.source.path,
        number=event.number,
        time=event.envelope.time,
        event_class=known.name,
        sources=tuple(logsource_words(source) for source in known.sources),
        applies=known.covered_by(rule.logsource),
        tree=explain(rule.tree, event.fields, by_hand.aliases(known)),
    )


def _count(result: Survey, one: EventExplanation) -> None:
    result.events += 1
    result.applying += one.applies
    result.firing += one.fires
    result.classes[one.event_class] += 1


def _rank(ranked: list[tuple[tuple[float, ...], EventExplanation]], one: EventExplanation, order: int, most: int) -> None:
    """Keep the ``most`` best: matching before applying before closeness, earlier before later."""
    entry = ((float(one.fires), float(one.applies), closeness(one.tree), float(-order)), one)
    if len(ranked) < most:
        heappush(ranked, entry)
    else:
        heappushpop(ranked, entry)


def closeness(tree: Explanation) -> float:
    """Return from 0 to 1 how close an event comes to a condition: of "all of" the mean, of "one of" the best of the parts."""
    done: list[float] = []
    for node in _post_order(tree):
        parts = [done.pop() for _ in node.parts]
        match node.node:
            case Predicate():
                done.append(float(node.result))
            case Not():
                done.append(1 - parts[0])
            case And():
                done.append(sum(parts) / len(parts) if parts else 1.0)
            case Or():
                done.append(max(parts, default=0.0))
    return done[0]


def _post_order(tree: Explanation) -> list[Explanation]:
    """Return each explanation after its parts; trees may be of any depth."""
    way: list[Explanation] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        way.append(node)
        stack.extend(node.parts)
    return way[::-1]
