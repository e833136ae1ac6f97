"""Web servers and proxies: what their readers say, with the W3C names (https://www.w3.org/TR/WD-logfile.html) in both spellings.

An access log does not tell who wrote it, so Apache's and nginx's are category webserver without product; their error logs
are told apart by their form.
"""

from __future__ import annotations

from kulla.detection.eventclass import Aliases, EventClass
from kulla.model.logsource import LogSource

W3C: Aliases = (
    ("cs-user-agent", ("cs(User-Agent)", "c-useragent")),
    ("cs-referer", ("cs(Referer)", "cs-referrer")),
    ("cs-cookie", ("cs(Cookie)",)),
    ("cs-host", ("cs(Host)",)),
)
PROXY: Aliases = (
    *W3C,
    ("c-uri", ("cs-uri", "url", "cs-uri-stem", "cs-uri-path", "cs-uri-query")),
    ("c-uri-stem", ("cs-uri-stem", "cs-uri-path")),
    ("c-uri-query", ("cs-uri-query",)),
    ("c-uri-extension", ("cs-uri-extension",)),
    ("c-useragent", ("cs-user-agent", "cs(User-Agent)")),
    ("r-dns", ("cs-host", "cs(Host)")),
    ("src_ip", ("c-ip",)),
    ("dst_ip", ("r-ip",)),
)

CLASSES: tuple[EventClass, ...] = (
    EventClass("web/access", (LogSource(None, "webserver"),), aliases=W3C),
    EventClass("web/iis", (LogSource("windows", "webserver", "iis"),), aliases=W3C),
    EventClass("web/apache-access", (LogSource("apache", "webserver", "apache"),), aliases=W3C),
    EventClass("web/nginx-access", (LogSource("nginx", "webserver", "nginx"),), aliases=W3C),
    EventClass("web/apache-error", (LogSource("apache", None, "apache"),)),
    EventClass("web/nginx-error", (LogSource("nginx", None, "nginx"),)),
    EventClass("web/proxy", (LogSource(None, "proxy"),), aliases=PROXY),
)
