"""A real web server on the loopback address, for tests of what a server can do wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def served(answers: dict[str, Answer]) -> Iterator[str]:
    """Serve each path by its function; give the address without a path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path)
            if answer is None:
                self.send_error(404)
            else:
                answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def content(body: bytes, *, announced: int | None = None) -> Answer:
    """Answer with ``body``, announcing a length that may be wrong."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body) if announced is None else announced))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def redirect(address: str, code: int = 302) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def chunked(*pieces: bytes, ended: bool = True) -> Answer:
    """Answer in chunks; without the last one if not ``ended``."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if ended:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def hanging(before: bytes, gone: threading.Event) -> Answer:
    """Send something of an answer, and then nothing until ``gone``."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(before)
        handler.wfile.flush()
        gone.wait(30)

    return answer


def dripping(first: bytes, drop: bytes, gone: threading.Event) -> Answer:
    """Send ``drop`` again and again, each soon enough after the last that no single wait is long."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(first)
        while not gone.wait(0.02):
            try:
                handler.wfile.write(drop)
                handler.wfile.flush()
            except OSError:
                return

    return answer
