"""One file from a web server, with every way it can go wrong bounded: address, redirects, time, size, checksum."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import SplitResult, urlsplit

from kulla import __version__
from kulla.model.errors import KullaError, UsageError
from kulla.model.text import visible

_CHUNK = 64 * 1024
_CHECKSUM_BYTES = 1024 * 1024
_SHA256 = re.compile(r"\b[0-9a-fA-F]{64}\b")


class DownloadError(KullaError):
    """The file could not be had, or is not the one that was expected."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one download.

    Attributes:
        size: bytes.
        wait: seconds without any answer.
        total: seconds in all.
        redirects: how many are followed.
    """

    size: int = 200 * 1024 * 1024
    wait: float = 30.0
    total: float = 600.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was fetched.

    Attributes:
        address: from which it came in the end, after redirects.
        size: bytes.
        sha256: lower-case hexadecimal.
    """

    address: str
    size: int
    sha256: str


def fetch(address: str, target: Path, limits: Limits | None = None) -> Downloaded:
    """Fetch ``address`` into the new file ``target``.

    The address must be https; http is allowed for this machine itself. Redirects must keep the scheme. What is left in
    ``target`` after an error is the caller's to remove.

    Raises:
        UsageError: the address is not allowed.
        DownloadError: anything that goes wrong on the way.
        OSError: the file cannot be written.
    """
    bounds = limits or Limits()
    with _open(address, bounds) as response, target.open("xb") as file:
        return _receive(response, file, _deadline(bounds), bounds)


def fetch_checksum(address: str, file_name: str, limits: Limits | None = None) -> str:
    """Return the SHA-256 that a checksum file names for ``file_name``.

    The file is one digest, or lines of digest and file name as ``sha256sum`` writes them.

    Raises:
        UsageError, DownloadError: as ``fetch``; also where there is no digest or none for this file.
    """
    bounds = limits or Limits()
    with _open(address, bounds) as response:
        text = _read_all(response, _deadline(bounds), _CHECKSUM_BYTES).decode("utf-8", "replace")
    digests = {found[0].lower() for line in text.splitlines() if (found := _SHA256.search(line)) and _speaks_of(line, file_name)}
    if not digests:
        digests = {found.lower() for found in _SHA256.findall(text)}
    if len(digests) != 1:
        raise DownloadError(f"the checksum file has no SHA-256 for {visible(file_name, 200)}", place=shown(address))
    return digests.pop()


def shown(address: str) -> str:
    """Return an address fit to be shown."""
    return visible(address, 300)


def _speaks_of(line: str, file_name: str) -> bool:
    return line.rsplit(maxsplit=1)[-1].lstrip("*").rpartition("/")[2] == file_name


def checked(address: str) -> SplitResult:
    """Return the parts of an address from which may be fetched.

    Raises:
        UsageError: it is neither https nor http to this machine, or carries a password.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"not a web address: {error}", place=shown(address)) from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError("not a web address", place=shown(address), fix="it begins with https://")
    if parts.username is not None or parts.password is not None:
        raise UsageError("a web address must not contain a user name or password", place=visible(host, 300))
    if parts.scheme == "http" and not _is_loopback(host):
        raise UsageError("http is not protected on the way", place=shown(address), fix="use https")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, only to addresses that may be fetched and only with the same scheme."""

    def __init__(self, most: int) -> None:
        self._left = most

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Any:
        reason = self._reason_against(urlsplit(req.full_url).scheme, newurl)
        if reason:
            fp.close()
            raise DownloadError(reason, place=shown(req.full_url))
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def _reason_against(self, scheme: str, target: str) -> str:
        self._left -= 1
        if self._left < 0:
            return "too many redirects"
        try:
            parts = checked(target)
        except UsageError as error:
            return f"redirected to an address that is not allowed: {error}"
        return "" if parts.scheme == scheme else f"redirected from {scheme} to {parts.scheme}"


def _open(address: str, limits: Limits) -> http.client.HTTPResponse:
    checked(address)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(limits.redirects),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(  # noqa: S310 - the scheme has been checked
        address, headers={"User-Agent": f"kulla/{__version__}", "Accept-Encoding": "identity"}
    )
    return _within(limits, address, lambda: opener.open(request, timeout=limits.wait))


def _within(limits: Limits, address: str, call: Callable[[], Any]) -> http.client.HTTPResponse:
    """Run ``call`` in a thread that is given up when its time is over: a server may send its headers one byte at a time."""
    answer: list[http.client.HTTPResponse] = []
    failure: list[Exception] = []
    given_up = threading.Event()

    def run() -> None:
        try:
            response = call()
            answer.append(response)
            if given_up.is_set():
                response.close()
        except (KullaError, OSError, http.client.HTTPException, ValueError) as error:
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limits.total)
    if failure:
        raise _told(failure[0], address) from failure[0]
    if not answer:
        given_up.set()
        raise DownloadError(f"no answer within {limits.total:g} seconds", place=shown(address))
    return answer[0]


def _told(error: Exception, address: str) -> KullaError:
    """Return what went wrong in the user's words."""
    if isinstance(error, KullaError):
        return error
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return DownloadError(f"the server answers {error.code} {visible(str(error.reason), 80)}", place=shown(address))
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return DownloadError("the server does not answer", place=shown(address), fix="try again later")
    return DownloadError(f"the server cannot be reached: {visible(str(reason), 200)}", place=shown(address))


def _deadline(limits: Limits) -> float:
    return time.monotonic() + limits.total


def _receive(response: http.client.HTTPResponse, file: BinaryIO, deadline: float, limits: Limits) -> Downloaded:
    digest, size = hashlib.sha256(), 0
    expected = response.length
    while chunk := _read(response, deadline):
        size += len(chunk)
        if size > limits.size:
            raise DownloadError(f"the file is larger than {limits.size:,} bytes", place=shown(response.url))
        digest.update(chunk)
        file.write(chunk)
    if expected is not None and size != expected:
        raise DownloadError(f"the file broke off after {size:,} of {expected:,} bytes", place=shown(response.url), fix="try again")
    return Downloaded(response.url, size, digest.hexdigest())


def _read_all(response: http.client.HTTPResponse, deadline: float, most: int) -> bytes:
    content = b""
    while len(content) <= most and (chunk := _read(response, deadline)):
        content += chunk
    if len(content) > most:
        raise DownloadError("the checksum file is too large", place=shown(response.url))
    return content


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """Return what has come, at most one chunk; empty at the end."""
    if time.monotonic() > deadline:
        raise DownloadError("the transfer takes too long", place=shown(response.url))
    try:
        return response.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _told(error, response.url) from error
