"""The engine: one compiled rule set over batches of events, the same for files, the live stream and history.

An ``Engine`` is made once and shared by threads; each thread scans with a workspace of its own, and the
compiled kernel runs without the interpreter lock. Where numba is missing, every event goes
the slow way of ``kulla.detection.byhand``, with the same answers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock, local
from typing import TYPE_CHECKING, Protocol

from kulla.detection.byhand import ByHand
from kulla.detection.ir import Rule
from kulla.detection.logsources import Catalogue, builtin
from kulla.detection.predicates import Timeouts
from kulla.detection.scanned import Hit, Scanned
from kulla.model import moment
from kulla.telemetry.batch import Batch

if TYPE_CHECKING:
    from kulla.detection.compiled.build import Compiled
    from kulla.detection.indicators.index import IndicatorIndex

#: The widest window: everything, with or without a time.
ALWAYS = (moment.UNKNOWN + 1, 2**63 - 1)


class _Path(Protocol):
    def scan(self, batch: Batch) -> Scanned: ...


@dataclass(slots=True)
class Engine:
    """Scans batches.

    Args:
        rules: in the order in which detections of one event are given.
        compiled: the kernel's tables for these rules; None to evaluate slowly.
        catalogue: the log-source table the rules were compiled with.
        index: of the indicators to look for; None without.
        muted: indices of rules that give no detection of their own.
        feeding: indices of the rules whose hits correlations need.
        window: (since, until) in microseconds UTC, both included.
        timeouts: counts values for which a regular expression ran out of time.
    """

    rules: Sequence[Rule]
    compiled: Compiled | None
    catalogue: Catalogue = field(default_factory=builtin)
    index: IndicatorIndex | None = None
    muted: frozenset[int] = frozenset()
    feeding: frozenset[int] = frozenset()
    window: tuple[int, int] = ALWAYS
    timeouts: Timeouts = field(default_factory=Timeouts)
    _local: local = field(default_factory=local)
    _paths: list[_Path] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def scan(self, batch: Batch) -> Scanned:
        """Scan one batch; safe to call from several threads at once."""
        path: _Path | None = getattr(self._local, "path", None)
        if path is None:
            path = self._local.path = self._new_path()
            with self._lock:
                self._paths.append(path)
        return path.scan(batch)

    def _new_path(self) -> _Path:
        by_hand = ByHand(self.rules, self.catalogue, self.index, self.muted, self.timeouts)
        if self.compiled is None:
            from kulla.detection.slowpath import SlowPath

            return SlowPath(by_hand, self.feeding, self.window)
        from kulla.detection.fastpath import FastPath

        return FastPath(self.compiled, by_hand, self.feeding, self.window)

    @property
    def paths(self) -> tuple[_Path, ...]:
        """Return what each thread has used so far, for the accounting."""
        with self._lock:
            return tuple(self._paths)


def kernel_available() -> bool:
    """Return whether numba can be imported here."""
    return importlib.util.find_spec("numba") is not None


__all__ = ["ALWAYS", "Engine", "Hit", "Scanned", "kernel_available"]
