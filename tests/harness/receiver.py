"""Receiver: an HTTP server on loopback that records requests and misbehaves when told to.

It judges nothing. Requests are answered 200 unless a Misbehaviour matches; each applies to its
next `times` matching requests, and the one given first goes first.
"""

import json
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable, Optional

from cluster import wait_until


@dataclass
class Request:
    method: str
    path: str
    headers: dict  # names in lower case
    body: bytes
    at: float  # time.monotonic() when it had come in whole
    answered: Optional[int] = None  # status sent; None: hung, closed, garbage

    def json(self):
        return json.loads(self.body)


@dataclass
class Misbehaviour:
    status: int = 500
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    times: float = 1  # float("inf"): for ever
    matching: Callable[[Request], bool] = lambda request: True
    # A status and a body made for the request, in place of those above.
    reply: Optional[Callable[[Request], tuple]] = None
    delay: float = 0.0  # seconds before answering
    # "close": half an answer, then close; "hang": no answer until the receiver goes down;
    # "garbage": bytes that are no HTTP; "reset": close before any byte.
    mode: str = "answer"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.receiver._opened(self.connection)

    def finish(self):
        self.server.receiver._closed(self.connection)
        super().finish()

    def _take(self):
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path,
                          {k.lower(): v for k, v in self.headers.items()},
                          self.rfile.read(length), time.monotonic())
        self.server.receiver._answer(self, request)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _take

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that went away is part of the game


class Receiver:
    """`with Receiver() as hook: … hook.url, hook.requests`"""

    def __init__(self, port=0):
        self.port = port
        self.requests = []
        self._rules = []
        self._lock = threading.Lock()
        self._server = None
        self._down = threading.Event()
        self._open = set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.down()

    def up(self):
        """Listens, again on the same port after down()."""
        self._down.clear()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.receiver = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()

    def down(self):
        """Refuses connections and drops those there are."""
        if not self._server:
            return
        self._down.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def misbehave(self, **how):
        """See Misbehaviour; returns it, for forgive()."""
        rule = Misbehaviour(**how)
        with self._lock:
            self._rules.append(rule)
        return rule

    def forgive(self, rule=None):
        with self._lock:
            self._rules = [r for r in self._rules if rule is not None and r is not rule]

    def wait_for(self, count, seconds=20.0):
        """The first requests, once there are `count`."""
        def enough():
            if len(self.requests) < count:
                raise RuntimeError(f"{len(self.requests)} so far")
            return True
        wait_until(enough, seconds, f"{count} requests at {self.url}", every=0.01)
        return list(self.requests)

    def _opened(self, connection):
        with self._lock:
            self._open.add(connection)

    def _closed(self, connection):
        with self._lock:
            self._open.discard(connection)

    def _rule_for(self, request):
        for rule in self._rules:
            if rule.times > 0 and rule.matching(request):
                rule.times -= 1
                return rule
        return Misbehaviour(status=200)

    def _answer(self, handler, request):
        with self._lock:
            rule = self._rule_for(request)
            if rule.reply:
                status, body = rule.reply(request)
                rule = replace(rule, status=status, body=body)
            if rule.mode == "answer":
                request.answered = rule.status
            self.requests.append(request)
        self._send(handler, rule)

    def _send(self, handler, rule):
        if rule.delay:
            self._down.wait(rule.delay)
        if rule.mode == "hang":
            self._down.wait()
        if rule.mode == "garbage":
            handler.connection.sendall(b"\x00\xffthis is no HTTP\r\n\r\n")
        if rule.mode in ("hang", "garbage", "reset"):
            handler.close_connection = True
            return
        handler.send_response(rule.status)
        for name, value in rule.headers.items():
            handler.send_header(name, str(value))
        claimed = len(rule.body) + (100 if rule.mode == "close" else 0)
        handler.send_header("Content-Length", str(claimed))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(rule.body)
        if rule.mode == "close":
            handler.close_connection = True
