"""Access and error logs of Apache httpd and nginx.

Access lines are the Common and Combined Log Format, with or without a virtual host in front
(https://httpd.apache.org/docs/2.4/mod/mod_log_config.html, https://nginx.org/en/docs/http/ngx_http_log_module.html).
They have no field names of their own, so the names are those of the W3C Extended Log File Format that Sigma's ``webserver`` rules use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import BinaryIO, ClassVar

from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.telemetry import times
from kulla.telemetry.batch import Batch
from kulla.telemetry.lines import Parsed, head_lines, likelihood, read_lines
from kulla.telemetry.reader import Origin
from kulla.telemetry.webfields import target_fields

ACCESS = LogSource(category="webserver")
APACHE = LogSource(product="apache", service="apache")
NGINX = LogSource(product="nginx", service="nginx")

# Each expression below is linear: every repeated class excludes the character that ends it, so there is one way to match, and no
# repetition stands inside another that could take the same text.
_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_WHO = r"([^\[]*(?:\[(?!\d\d/)[^\[]*)*)"  # up to the bracket of the time; a bracketed IPv6 virtual host may come before
_ACCESS = re.compile(rf"{_WHO}\[([^\]]{{20,40}})\] {_QUOTED} (\d{{3}}|-)(?: (\d+|-))?(?: {_QUOTED}(?: {_QUOTED})?)?(.*)", re.DOTALL)
# The same where a quote inside the request was not escaped: the last quote before a status ends the request (one greedy run).
_LOOSE = re.compile(rf'{_WHO}\[([^\]]{{20,40}})\] "(.*)" (\d{{3}}|-)(?: (\d+|-))?(?: {_QUOTED}(?: {_QUOTED})?)?(.*)', re.DOTALL)
_APACHE_ERROR = re.compile(
    r"\[(\w{3} \w{3} [ \d]\d [\d:.]{8,15} \d{4})\] \[([^\]]*)\](?: \[pid ([^\]]*)\])?(?: \[client ([^\]]*)\])? ?(.*)", re.DOTALL
)
_NGINX_ERROR = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] (\d+)#(\d+): (?:\*(\d+) )?(.*)", re.DOTALL)
_NGINX_PAIR = re.compile(r', (client|server|upstream|host|referrer|request): ("[^"]*"|[^",]*)')
_REQUEST = re.compile(r"(\S+) (.*?)(?: (HTTP/\d(?:\.\d)?))?", re.DOTALL)
_FEWEST_WORDS = 4  # client, identity, user and the blank before the bracket
_ESCAPE = re.compile(r'((?:\\x[0-9A-Fa-f]{2})+)|\\(["\\])')


class WeblogReader:
    """Reads access logs (category webserver) and error logs (service apache or nginx)."""

    name: ClassVar[str] = "weblog"

    def sniff(self, head: bytes) -> int:
        """Return how many of the first lines are access or error lines."""
        return likelihood(head_lines(head), lambda line: parse(line) is not None)

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; a line of another kind is the problem ``unreadable-record``."""
        return read_lines(stream, origin, self.name, parse)


def parse(line: str) -> Parsed | None:
    """Understand one line of an access or error log; None when it is neither."""
    line = line.strip()
    if line.startswith('"') and line.endswith('"'):
        line = line[1:-1]  # exports that wrap each line in one more pair of quotes
    return _access(line) or _apache_error(line) or _nginx_error(line)


def _access(line: str) -> Parsed | None:
    match = _ACCESS.fullmatch(line) or _LOOSE.fullmatch(line)
    if match is None:
        return None
    who, time, request, status, size, referer, agent, extra = match.groups()
    fields = _client(who)
    if fields is None:
        return None
    fields |= {"time": time, **_request(request), "sc-status": status, "sc-bytes": size}
    fields |= {"cs-referer": _plain(referer), "cs-user-agent": _plain(agent), "extra": extra.strip()}
    return Parsed({name: value for name, value in fields.items() if value and value != "-"}, times.clf(time), ACCESS)


def _client(who: str) -> dict[str, object] | None:
    """Split what stands before the time: [virtual host] client identity user (the user may contain blanks)."""
    words = who.split(" ")
    if len(words) < _FEWEST_WORDS or words[-1]:
        return None
    # With a virtual host the identity is one word later; nobody has run identd for decades, so it is "-".
    start = 1 if len(words) > _FEWEST_WORDS and words[1] != "-" and words[2] == "-" else 0
    fields: dict[str, object] = {"cs-host": words[0]} if start else {}
    return fields | {"c-ip": words[start], "identity": words[start + 1], "cs-username": " ".join(words[start + 2 : -1])}


def _request(request: str) -> dict[str, object]:
    """Return the parts of the request line; what is no HTTP request (TLS to a plain port, port scans) stays whole in ``cs-request``."""
    text = _plain(request)
    match = _REQUEST.fullmatch(text or "")
    if match is None or not (match[3] or match[1].isalpha()):
        return {"cs-request": text}
    return {"cs-method": match[1], **target_fields(match[2]), "cs-version": match[3]}


def _plain(text: str | None) -> str | None:
    """Undo the servers' escapes of quotes, backslashes, printable and UTF-8 bytes; control bytes stay as ``\\xHH``."""
    return _ESCAPE.sub(_unescape, text) if text and "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    if match[2]:
        return match[2]
    decoded = bytes.fromhex(match[1].replace("\\x", "")).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02X}" for char in decoded)


def _apache_error(line: str) -> Parsed | None:
    match = _APACHE_ERROR.fullmatch(line)
    if match is None:
        return None
    time, level, pid, client, message = match.groups()
    module, _, severity = level.rpartition(":")
    fields = {"time": time, "module": module, "level": severity, "pid": pid, "client": client, "message": message}
    return Parsed({name: value for name, value in fields.items() if value}, _error_time(time), APACHE)


@lru_cache(maxsize=4096)
def _error_time(text: str) -> int:
    """Parse ``Fri Dec 16 01:46:23.123456 2005`` (in the server's time zone, which the log does not name: taken as UTC)."""
    form = "%a %b %d %H:%M:%S.%f %Y" if "." in text else "%a %b %d %H:%M:%S %Y"
    try:
        return moment.from_datetime(datetime.strptime(text, form))  # noqa: DTZ007 - from_datetime takes it as UTC
    except ValueError:
        return moment.UNKNOWN


def _nginx_error(line: str) -> Parsed | None:
    """Understand an error line (in the server's time zone, which the log does not name: taken as UTC)."""
    match = _NGINX_ERROR.fullmatch(line)
    if match is None:
        return None
    time, level, pid, thread, connection, message = match.groups()
    fields = {"time": time, "level": level, "pid": pid, "tid": thread, "connection": connection, "message": message}
    fields |= {pair[1]: pair[2].strip('"') for pair in _NGINX_PAIR.finditer(message)}
    return Parsed({name: value for name, value in fields.items() if value}, times.iso(time.replace("/", "-")), NGINX)
