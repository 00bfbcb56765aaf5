"""A real HTTP server on the loopback device that can be told to misbehave."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """One response.

    Attributes:
        announced: Content-Length to claim; None: the truth; -1: none at all, chunked.
        cut_after: close the connection after so many bytes of the body.
        ranges: honour Range and If-Range.
    """

    body: bytes = b""
    status: int = 200
    etag: str = '"one"'
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    cut_after: int | None = None
    ranges: bool = True
    wait: threading.Event | None = None


@dataclass
class Server:
    url: str
    answers: dict[str, list[Answer]]
    requests: list[tuple[str, str, Message]]

    def serve(self, path: str, *answers: Answer) -> str:
        """Give `answers` to the requests for `path`, the last one for ever; return the URL."""
        self.answers[path] = list(answers)
        return self.url + path

    def asked(self, path: str, method: str = "GET") -> list[Message]:
        """The headers of every request for `path` so far."""
        return [headers for verb, asked, headers in self.requests if (verb, asked) == (method, path)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        self.state.requests.append((self.command, self.path, self.headers))
        answers = self.state.answers.get(self.path, [Answer(status=404)])
        answer = answers.pop(0) if with_body and len(answers) > 1 else answers[0]
        body, status = answer.body, answer.status
        start = self._start(answer)
        if start is not None and start >= len(body):
            status, body = 416, b""
        elif start is not None:
            status, body = 206, body[start:]
        self.send_response(status)
        if answer.etag:
            self.send_header("ETag", answer.etag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(answer.body) - 1}/{len(answer.body)}")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.announced == -1:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            length = len(body) if answer.announced is None else answer.announced
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if with_body:
            self._send(answer, body)

    def _start(self, answer: Answer) -> int | None:
        asked = self.headers.get("Range")
        if not asked or not answer.ranges or self.headers.get("If-Range") not in (None, answer.etag):
            return None
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _send(self, answer: Answer, body: bytes) -> None:
        if answer.wait:
            answer.wait.wait(10)
        part = body if answer.cut_after is None else body[: answer.cut_after]
        if answer.announced == -1:
            part = b"%x\r\n%s\r\n" % (len(part), part)
            part += b"0\r\n\r\n" if answer.cut_after is None else b""
        try:
            self.wfile.write(part)
            self.wfile.flush()
        except OSError:  # the client had enough
            pass
        whole = answer.announced in (None, -1, len(body)) and answer.cut_after is None
        self.close_connection = not whole

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def serving(wrap: Any = None) -> Iterator[Server]:
    """Run a server on a free port; `wrap` turns its socket into a TLS one."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.block_on_close = False
        scheme = "http"
        if wrap is not None:
            http.socket = wrap(http.socket)
            scheme = "https"
        state = Server(f"{scheme}://127.0.0.1:{http.server_port}", {}, [])
        Handler.state = state
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            http.shutdown()
            thread.join()
