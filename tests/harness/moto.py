"""Moto: an AWS that answers on loopback, run from its own root (scripts/roots moto)."""

import json
import os
import subprocess
import urllib.request

from cluster import wait_until
from cluster.isolation import root_command
from cluster.ports import free_port
from cluster.roots import ensure
from cluster.wait import GaveUp

REGION = "us-east-1"


class Moto:
    """`with Moto() as aws: aws.url, aws.environment(), aws.cli("sqs", "list-queues")`

    With check_signatures=True only requests that a made IAM key has signed pass (SigV4).
    """

    def __init__(self, check_signatures=False, port=None):
        self.check_signatures = check_signatures
        self.port = port or free_port()
        self.key, self.secret = "testing", "testing"
        self._process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        command = root_command(ensure("moto"), ["/usr/bin/moto_server", "-H", "127.0.0.1",
                                                "-p", str(self.port)], lifeline=True)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd="/",
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(self._answers, 60, f"moto at {self.url}", every=0.1)
            if self.check_signatures:
                self._check_signatures()
        except BaseException:
            self.stop()
            raise
        return self

    def _answers(self):
        if self._process.poll() is not None:
            raise GaveUp(f"moto ended: {self._process.returncode}")
        return self.request("GET", "/moto-api/")

    def stop(self):
        if self._process:
            self._process.stdin.close()  # its lifeline
            self._process.wait(20)
            self._process = None

    def request(self, method, path, body=None):
        # As a form, which urllib takes for granted, the body would not reach moto.
        call = urllib.request.Request(self.url + path, data=body, method=method,
                                      headers={"Content-Type": "text/plain"})
        with urllib.request.urlopen(call, timeout=10) as answer:
            return answer.read()

    def reset(self):
        self.request("POST", "/moto-api/reset")

    def _check_signatures(self):
        allow_all = {"Version": "2012-10-17",
                     "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.cli("iam", "create-user", "--user-name", "sluice")
        self.cli("iam", "put-user-policy", "--user-name", "sluice", "--policy-name", "every",
                 "--policy-document", json.dumps(allow_all))
        made = self.cli("iam", "create-access-key", "--user-name", "sluice")["AccessKey"]
        self.key, self.secret = made["AccessKeyId"], made["SecretAccessKey"]
        # The number of requests still let through unchecked.
        self.request("POST", "/moto-api/reset-auth", b"0")

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret,
                "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
                "AWS_EC2_METADATA_DISABLED": "true"}

    def cli(self, *arguments, check=True):
        """Debian's aws command; its JSON answer, {} where it prints none."""
        home = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"}
        done = subprocess.run(["/usr/bin/aws", "--endpoint-url", self.url, "--output", "json",
                               *map(str, arguments)], env={**home, **self.environment()},
                              capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise RuntimeError(f"aws {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else {}
