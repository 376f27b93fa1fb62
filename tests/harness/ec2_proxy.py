"""Ec2Proxy: stands between a caller and moto, and makes EC2 of it: strict, scarce, late, absent.

What EC2 always does and moto does not is in ec2_behaviour.py, and so is what a test may make scarce
(no_capacity, partial, lag, vanish, forget); what goes wrong with single calls (fail, raw, drop,
delay, hold) is in ec2_faults.py. Here is the way of a call, and the log of all of them.

Calls go on as they came, so that their signatures can be checked; one that had to be changed is
signed anew, with moto's key.
"""

import http.client
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Optional

from .ec2_behaviour import Behaviour
from .ec2_faults import Dropped, Faults
from .ec2_query import Ec2Error, parse, region_of, signed

UPSTREAM_SECONDS = 120  # moto takes its time over thousands of instances


@dataclass
class Call:
    at: float  # time.monotonic() when it had come in whole
    action: str
    params: dict
    status: Optional[int] = None  # None: not answered, or not yet
    seconds: float = 0.0  # until its answer, moto's time and faults' included


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece

    def setup(self):
        super().setup()
        self.server.proxy._opened(self.connection)

    def finish(self):
        self.server.proxy._closed(self.connection)
        super().finish()

    def _take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.proxy._serve(self, body)

    do_GET = do_POST = _take

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a caller that was killed is part of the game


class Ec2Proxy(Behaviour, Faults):
    """`with Moto() as aws, Ec2Proxy(aws) as ec2: … ec2.environment(), ec2.count("CreateFleet")`

    A test may call it from any thread, also while calls are under way.
    """

    def __init__(self, moto, port=0):
        Behaviour.__init__(self, moto)
        Faults.__init__(self)
        self.port = port
        self.calls = []  # in the order of their coming, also those that never reach moto
        self.upstream_seconds = 0.0  # waited for moto, all calls together
        self._moto = moto
        self._log = threading.Lock()
        self._open, self._server = set(), None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def environment(self):
        return {**self._moto.environment(), "AWS_ENDPOINT_URL_EC2": self.url}

    def __enter__(self):
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.proxy = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over()
        self._server.shutdown()
        self._server.server_close()
        with self._log:
            connections, self._open = self._open, set()
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed meanwhile

    def count(self, action):
        with self._log:
            return sum(call.action == action for call in self.calls)

    def clear(self):
        """Empties the log of calls and their time; tokens, shortages and faults stay."""
        with self._log:
            self.calls, self.upstream_seconds = [], 0.0

    # A call's way.

    def _serve(self, handler, body):
        params = parse(body) or parse(handler.path.partition("?")[2].encode())
        call = Call(time.monotonic(), params.get("Action", ""), params)
        with self._log:
            self.calls.append(call)
        answer = (200, b"<?xml", None)  # of which a dropped call's half is sent
        try:
            answer = self._answer(call, handler, body)
            fault = self.apply(call, before=False)
            if fault:
                answer = (*fault.end(), None)
        except Ec2Error as error:
            answer = (error.status, error.xml(), None)
        except Dropped as dropped:
            if dropped.half:
                send(handler, *answer, half=True)
            handler.close_connection = True
            return
        call.status, call.seconds = answer[0], time.monotonic() - call.at
        send(handler, *answer)

    def _answer(self, call, handler, body):
        fault = self.apply(call, before=True)
        if fault:
            return (*fault.end(), None)
        return self.act(call, lambda changed=None: self._forward(handler, body, changed),
                        region_of(handler.headers))

    def _forward(self, handler, body, changed):
        host = f"127.0.0.1:{self._moto.port}"
        if changed is None:
            method, path = handler.command, handler.path
            headers = [(name, value) for name, value in handler.headers.items()
                       if name.lower() not in ("connection", "expect")]
        else:
            method, path, body = "POST", "/", changed
            headers = [*signed(body, self._moto.key, self._moto.secret, host,
                               region_of(handler.headers)).items(),
                       ("content-length", str(len(body)))]
        begun = time.monotonic()
        # A connection each: moto closes them all, so that there is none to keep.
        upstream = http.client.HTTPConnection(host, timeout=UPSTREAM_SECONDS)
        try:
            upstream.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            return answer.status, answer.read(), answer.getheader("Content-Type")
        except (OSError, http.client.HTTPException) as error:
            raise Ec2Error("Unavailable", f"moto: {error!r}") from None
        finally:
            upstream.close()
            with self._log:
                self.upstream_seconds += time.monotonic() - begun

    def _opened(self, connection):
        with self._log:
            self._open.add(connection)

    def _closed(self, connection):
        with self._log:
            self._open.discard(connection)


def send(handler, status, body, kind=None, half=False):
    handler.send_response(status)
    handler.send_header("Content-Type", kind or "text/xml;charset=UTF-8")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:len(body) // 2] if half else body)
    handler.wfile.flush()
