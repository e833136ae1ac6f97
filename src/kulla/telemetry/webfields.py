"""Fields of web requests as Sigma's ``webserver`` and ``proxy`` rules expect them.

Sigma taxonomy: https://sigmahq.io/docs/basics/log-sources.html; the names come from the W3C Extended Log File Format.
"""

from __future__ import annotations

from urllib.parse import urlsplit


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


def target_fields(target: str) -> dict[str, object]:
    """Return ``cs-uri`` and its parts for a request target."""
    stem, _, query = target.partition("?")
    return {"cs-uri": target, "cs-uri-stem": stem, "cs-uri-query": query_values(stem, query)}


def proxy_fields(url: str) -> dict[str, str]:
    """Return what a proxy's rules ask about the URL that a client wanted (``host:port`` for CONNECT)."""
    fields = {"c-uri": url, "cs-uri": url}
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host = parts.hostname or ""
    except ValueError:  # an IPv6 bracket that is not closed
        return fields
    name = parts.path.rpartition("/")[2]
    extension = name.rpartition(".")[2] if "." in name else ""
    found = {"cs-host": host, "cs-uri-stem": parts.path, "c-uri-query": parts.query, "c-uri-extension": extension}
    return fields | {key: value for key, value in found.items() if value}
