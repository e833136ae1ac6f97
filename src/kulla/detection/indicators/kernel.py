"""The compiled way from one value to the indicators that may match it; finds at least what the oracle finds.

``probe_value`` takes a value that is unescaped, folded UTF-8 and writes the numbers of index groups whose key
occurs in it. It allocates nothing, raises nothing, reads nothing outside ``buffer[start:end]`` and takes time
linear in the value's length, whatever it holds. The forms are those of
``kulla.model.observable`` and ``kulla.detection.observables``; the keys those of ``hashing``.
"""

from __future__ import annotations

from kulla.detection.indicators.probing.addresses import probe_address
from kulla.detection.indicators.probing.constants import (
    COMMAND,
    DOMAIN,
    IP,
    MUTEX,
    PATH,
    REGISTRY,
    T_COMMAND,
    T_MUTEX,
    URL,
    USER,
    WORDS,
    Bytes,
    Hits,
    Int,
    Table,
)
from kulla.detection.indicators.probing.keys import probe_text, trimmed
from kulla.detection.indicators.probing.names import probe_domain, probe_path, probe_registry, probe_url, probe_user, without_port
from kulla.detection.indicators.probing.words import probe_words
from kulla.detection.kernel.jit import kernel


@kernel
def probe_value(buffer: Bytes, start: Int, end: Int, mode: Int, table: Table, out_hits: Hits, n_hits: Int) -> Int:
    """Write the index groups that may match one value.

    Args:
        buffer: uint8; ``buffer[start:end]`` is the value, unescaped and folded UTF-8.
        start, end: where the value stands.
        mode: ``Mode`` of the value's field, as a number.
        table: ``IndicatorIndex.table``.
        out_hits: int64; groups are written from ``n_hits`` on.
        n_hits: how many groups ``out_hits`` holds.

    Returns:
        ``n_hits`` plus the groups found in this value, each once. A result greater than ``len(out_hits)`` tells how many had no room.
    """
    full_start, full_end, first, count = start, end, n_hits, n_hits
    start, end = trimmed(buffer, start, end)
    if start == end:
        return count
    if mode & IP:
        count = probe_address(buffer, start, end, table, out_hits, first, count)
    if mode & DOMAIN:
        count = probe_domain(buffer, start, without_port(buffer, start, end), table, out_hits, first, count)
    if mode & URL:
        count = probe_url(buffer, start, end, table, out_hits, first, count)
    if mode & PATH:
        count = probe_path(buffer, start, end, table, out_hits, first, count)
    if mode & USER:
        count = probe_user(buffer, start, end, table, out_hits, first, count)
    if mode & REGISTRY:
        count = probe_registry(buffer, start, end, table, out_hits, first, count)
    if mode & MUTEX:
        count = probe_text(buffer, start, end, T_MUTEX, table, out_hits, first, count)
    if mode & COMMAND:
        count = probe_text(buffer, start, end, T_COMMAND, table, out_hits, first, count)
    if mode & WORDS:
        count = probe_words(buffer, full_start, full_end, mode, table, out_hits, first, count)
    return count
