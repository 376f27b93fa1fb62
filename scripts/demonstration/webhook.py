"""A webhook receiver as a user would write it: checks the Standard Webhooks signature first.

https://www.standardwebhooks.com/: the signature is HMAC-SHA256 over "ID.TIMESTAMP.BODY", a header
may hold several, and a timestamp far from now is a replay.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300


def verify(secret, headers, body):
    """Why the request is not to be trusted; None if it is."""
    identity, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
    if not identity or not timestamp or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return "no id, or a timestamp that is not now"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{identity}.{timestamp}.".encode() + body
    ours = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split()
    return None if any(hmac.compare_digest(ours, one) for one in given) else "a wrong signature"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        problem = verify(self.server.secret, self.headers, body)
        if problem:
            self.server.arrivals.refuse(problem)
            self._answer(401)
            return
        self.server.arrivals.add("webhook", json.loads(body))
        self._answer(204)

    def do_OPTIONS(self):
        self._answer(204)  # sluiced's check, at its start, whether anybody is there

    def _answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class WebhookReceiver:
    def __init__(self, secret, arrivals):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.secret, self._server.arrivals = secret, arrivals
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/slurm"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
