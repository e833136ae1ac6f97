"""Downloads from a real server that behaves well and badly."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kulla.model.errors import UsageError
from kulla.node.download import DownloadError, Limits, checked, fetch, fetch_checksum
from tests.node.webserver import chunked, content, dripping, hanging, redirect, served

BODY = b"rules" * 50_000
QUICK = Limits(size=1_000_000, wait=0.5, total=1.0, redirects=3)


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def gone() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_file_is_fetched_with_its_checksum(tmp_path: Path):
    with served({"/a.zip": content(BODY)}) as server:
        got = fetch(f"{server}/a.zip", tmp_path / "a", QUICK)
    assert (tmp_path / "a").read_bytes() == BODY
    assert (got.size, got.sha256, got.address) == (len(BODY), hashlib.sha256(BODY).hexdigest(), f"{server}/a.zip")


def test_a_file_in_chunks(tmp_path: Path):
    with served({"/a": chunked(b"one", b"two")}) as server:
        fetch(f"{server}/a", tmp_path / "a", QUICK)
    assert (tmp_path / "a").read_bytes() == b"onetwo"


def test_redirects_are_followed_to_the_end(tmp_path: Path):
    with served({"/latest": redirect("/v1", 301), "/v1": redirect("/a", 307), "/a": content(BODY)}) as server:
        got = fetch(f"{server}/latest", tmp_path / "a", QUICK)
    assert got.address == f"{server}/a"


def failure(server: str, folder: Path, path: str = "/a", limits: Limits = QUICK) -> str:
    with pytest.raises(DownloadError) as caught:
        fetch(f"{server}{path}", folder / "a", limits)
    assert server in caught.value.place
    return caught.value.message


def test_too_many_redirects(tmp_path: Path):
    with served({"/a": redirect("/b"), "/b": redirect("/a")}) as server:
        assert failure(server, tmp_path) == "too many redirects"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://rules.example.org/a.zip", "http is not protected"),
        ("https://rules.example.org/a.zip", "redirected from http to https"),
        ("file:///etc/passwd", "not allowed"),
        ("ftp://127.0.0.1/a", "not allowed"),
        ("http://user:secret@127.0.0.1/a", "user name or password"),
    ],
)
def test_redirects_to_where_it_must_not_go(tmp_path: Path, target: str, message: str):
    with served({"/a": redirect(target)}) as server:
        assert message in failure(server, tmp_path)
    assert not (tmp_path / "a").exists()


def test_a_server_that_does_not_have_it(tmp_path: Path):
    with served({}) as server:
        assert failure(server, tmp_path) == "the server answers 404 Not Found"


def test_a_server_that_is_not_there(tmp_path: Path):
    with served({}) as server:
        pass
    assert "cannot be reached" in failure(server, tmp_path)


def test_a_body_that_breaks_off(tmp_path: Path):
    with served({"/a": content(b"half", announced=8)}) as server:
        assert failure(server, tmp_path) == "the file broke off after 4 of 8 bytes"


def test_chunks_that_break_off(tmp_path: Path):
    with served({"/a": chunked(b"half", ended=False)}) as server:
        assert "IncompleteRead" in failure(server, tmp_path)


def test_a_body_that_is_too_large(tmp_path: Path):
    with served({"/a": content(BODY)}) as server:
        assert failure(server, tmp_path, limits=replace(QUICK, size=len(BODY) - 1)) == f"the file is larger than {len(BODY) - 1:,} bytes"


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
def test_a_server_that_falls_silent(tmp_path: Path, gone: threading.Event, before: bytes):
    with served({"/a": hanging(before, gone)}) as server:
        assert failure(server, tmp_path) == "the server does not answer"
        gone.set()


def test_a_server_that_drips_its_body(tmp_path: Path, gone: threading.Event):
    with served({"/a": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x", gone)}) as server:
        assert failure(server, tmp_path) == "the transfer takes too long"
        gone.set()


def test_a_server_that_drips_its_headers(tmp_path: Path, gone: threading.Event):
    with served({"/a": dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", gone)}) as server:
        assert failure(server, tmp_path) == "no answer within 1 seconds"
        gone.set()


def test_what_is_no_http(tmp_path: Path, gone: threading.Event):
    gone.set()
    with served({"/a": hanging(b"\x00\x01\x02 nonsense\r\n\r\n", gone)}) as server:
        assert "cannot be reached" in failure(server, tmp_path)


def test_nothing_is_replaced(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"mine")
    with served({"/a": content(BODY)}) as server, pytest.raises(FileExistsError):
        fetch(f"{server}/a", tmp_path / "a", QUICK)
    assert (tmp_path / "a").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "address",
    [
        "http://rules.example.org/a",
        "http://127.0.0.1.example.org/a",
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "https://",
        "rules.zip",
        "",
        "https://user:secret@example.org/a",
        "https://[::1",
        "https://example.org:port/",
    ],
)
def test_addresses_that_are_refused(tmp_path: Path, address: str):
    with pytest.raises(UsageError) as caught:
        fetch(address, tmp_path / "a", QUICK)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["https://example.org/a", "http://localhost:8000/a", "http://[::1]/a", "http://127.9.9.9/"])
def test_addresses_that_are_allowed(address: str):
    checked(address)


ONE, OTHER = "a1" * 32, "b2" * 32


@pytest.mark.parametrize(
    "text",
    [ONE, f"{ONE.upper()}\n", f"{ONE}  rules.zip\n{OTHER}  other.zip\n", f"{OTHER} *other.zip\n{ONE} *./out/rules.zip\n", f"SHA256: {ONE}"],
)
def test_checksum_files(text: str):
    with served({"/sums": content(text.encode())}) as server:
        assert fetch_checksum(f"{server}/sums", "rules.zip", QUICK) == ONE


@pytest.mark.parametrize(
    "text", ["", "no digest", ONE[:-1], f"{ONE} a.zip\n{OTHER} b.zip", f"{ONE} rules.zip\n{OTHER} rules.zip", "\x00" * 100]
)
def test_checksum_files_without_an_answer(text: str):
    with served({"/sums": content(text.encode())}) as server, pytest.raises(DownloadError, match=r"no SHA-256 for rules\.zip"):
        fetch_checksum(f"{server}/sums", "rules.zip", QUICK)


def test_a_checksum_file_that_never_ends():
    with served({"/sums": content(b"x" * 1_100_000)}) as server, pytest.raises(DownloadError, match="too large"):
        fetch_checksum(f"{server}/sums", "rules.zip", QUICK)
