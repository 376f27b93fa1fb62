"""Webhook signatures, judged by npm's standardwebhooks."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from harness import Receiver

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "aws"))
from probe import event, send, verdicts  # noqa: E402

NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
OTHER = "whsec_DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD"


class Signatures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("npm"):
            raise unittest.SkipTest("npm is not installed")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        for name in ("package.json", "verify.mjs"):
            shutil.copy(HERE / name, cls.folder)
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
                              cwd=cls.folder, capture_output=True, text=True, timeout=180)
        if done.returncode != 0:
            raise unittest.SkipTest(f"standardwebhooks could not be installed: {done.stderr[-300:]}")

    def judge(self, secret, requests):
        lines = "".join(json.dumps({"secret": secret, "headers": r.headers,
                                    "body": r.body.decode()}) + "\n" for r in requests)
        done = subprocess.run(["node", "verify.mjs"], cwd=self.folder, input=lines, text=True,
                              capture_output=True, timeout=60, check=True)
        return done.stdout.splitlines()

    def deliver(self, **config):
        with Receiver() as hook:
            lines = send({"type": "webhook", "url": hook.url, **config}, [event(1), event(2)])
            self.assertEqual(verdicts(lines), ["taken"])
            return hook.requests

    def test_structured(self):
        requests = self.deliver(secret=NEW)
        self.assertEqual(self.judge(NEW, requests), ["ok", "ok"])
        self.assertEqual(sorted(r.headers["webhook-id"] for r in requests),
                         ["event-000001", "event-000002"])
        self.assertEqual(self.judge(OTHER, requests), ["refused: No matching signature found"] * 2)

    def test_both_keys_while_rotating(self):
        requests = self.deliver(secrets=[NEW, OLD])
        self.assertEqual(self.judge(NEW, requests), ["ok", "ok"])
        self.assertEqual(self.judge(OLD, requests), ["ok", "ok"])

    def test_secret_file_binary_and_template(self):
        path = self.folder / "secret"
        path.write_text(NEW + "\n")
        os.chmod(path, 0o600)
        for config in ({"mode": "binary"}, {"template": {"text": "{{data.job.name}}"}}):
            requests = self.deliver(secret_file=str(path), **config)
            self.assertEqual(self.judge(NEW, requests), ["ok", "ok"])

    def test_a_changed_body_is_refused(self):
        requests = self.deliver(secret=NEW)
        for request in requests:
            request.body += b" "
        self.assertEqual(self.judge(NEW, requests), ["refused: No matching signature found"] * 2)
