"""Values of web requests, as Sigma's ``webserver`` rules expect them."""

from __future__ import annotations


def query_values(stem: str, query: str) -> str | list[str] | None:
    """Return the value or values of ``cs-uri-query``.

    In the W3C format ``cs-uri-query`` is what follows the question mark, and some rules use it so.
    Most of SigmaHQ's rules take it for the whole request target (``cs-uri-query|contains: '/owa/auth/'``).
    An event's field may have several values and a rule matches when any does, so both are given.

    Args:
        stem: the target up to the question mark.
        query: what follows it, without the mark; empty when there is none.
    """
    if query:
        return [query, f"{stem}?{query}"]
    return stem or None
