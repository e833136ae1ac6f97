"""What could not be read, matched or sent: located, counted, never silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any

#: Problems kept apart by place; beyond this many per (path, kind) the rest only adds to a count.
PLACES_PER_KIND = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that went wrong, where, and how often.

    Kinds in use are listed in docs/reference/problems.md; a kind is a short
    hyphenated noun such as ``unreadable-record`` or ``truncated-file``.
    """

    path: str
    place: str
    kind: str
    message: str
    count: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``problems`` in kulla.scan-summary/1."""
        return asdict(self)


class Problems:
    """Collects problems from several threads in bounded memory."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Problem] = {}
        self._places: dict[tuple[str, str], int] = {}
        self._lock = Lock()

    def add(self, path: str, kind: str, message: str, *, place: str = "", count: int = 1) -> None:
        """Count one problem; the 21st place of a kind in a file and all after it share one entry."""
        with self._lock:
            self._add(Problem(path, place, kind, message, count))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Count each of ``problems``."""
        with self._lock:
            for problem in problems:
                self._add(problem)

    def _add(self, problem: Problem) -> None:
        key = (problem.path, problem.kind, problem.place)
        if key not in self._found:
            key, problem = self._admit(problem)
        if key in self._found:
            seen = self._found[key]
            problem = replace(seen, count=seen.count + problem.count)
        self._found[key] = problem

    def _admit(self, problem: Problem) -> tuple[tuple[str, str, str], Problem]:
        group = (problem.path, problem.kind)
        places = self._places.get(group, 0)
        if places < PLACES_PER_KIND:
            self._places[group] = places + 1
            return (*group, problem.place), problem
        return (*group, "further places"), replace(problem, place="further places")

    def __iter__(self) -> Iterator[Problem]:
        return iter(sorted(self._found.values(), key=lambda p: (p.path, p.kind, p.place)))

    def __len__(self) -> int:
        return len(self._found)

    @property
    def total(self) -> int:
        """How many times anything went wrong."""
        return sum(problem.count for problem in self._found.values())
