"""TLS: certificates are verified, against the system's authorities or the configured one."""

import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import harness  # noqa: F401  (its folder is on the path)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "aws"))
from probe import event, send, verdicts  # noqa: E402


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.cert, key = Path(folder.name) / "cert.pem", Path(folder.name) / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", key, "-out", cls.cert], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cls.cert, key)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.port = server.server_address[1]

    def deliver(self, host, **config):
        config = {"type": "webhook", "url": f"https://{host}:{self.port}/", **config}
        return send(config, [event(1), event(2), event(3)])

    def test_configured_authority(self):
        self.assertEqual(verdicts(self.deliver("localhost", ca_file=str(self.cert))), ["taken"])

    def test_unknown_authority(self):
        lines = self.deliver("localhost")
        self.assertEqual(verdicts(lines), ["sink_down"])
        self.assertIn("certificate", lines[0]["reason"])

    def test_wrong_name(self):
        lines = self.deliver("127.0.0.1", ca_file=str(self.cert))
        self.assertEqual(verdicts(lines), ["sink_down"])
