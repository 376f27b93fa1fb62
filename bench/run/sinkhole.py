"""The fast receiver (bench/sinkhole.cpp) and the bare loop (bench/bare_loop.cpp) as processes."""

import json
import subprocess
import urllib.request

from cluster import wait_until
from cluster.ports import free_port


class Sinkhole:
    def __init__(self, build, eventbridge=False, capture=None, arrivals=None, port=None):
        self.port = port or free_port()
        self.argv = [str(build / "bench" / "bench_sinkhole"), str(self.port)]
        if eventbridge:
            self.argv.append("--eventbridge")
        if capture:
            self.argv += ["--capture", str(capture)]
        if arrivals:
            self.argv += ["--arrivals", str(arrivals)]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL)
        wait_until(self.stats, 10, "the sinkhole", every=0.01)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def _get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read()

    def stats(self):
        return json.loads(self._get("stats"))

    def reset(self):
        self._get("reset")

    def wait_for(self, events, _queued=None):
        wait_until(lambda: self.stats()["events"] >= events, 600, "the drain", every=0.1)

    def rate(self, _bare=None):
        """Events a second between the first and the last request."""
        s = self.stats()
        return s["events"] / ((s["last_us"] - s["first_us"]) / 1e6)


def bare_loop(build, url, capture, connections, count=None):
    argv = [str(build / "bench" / "bench_bare_loop"), url, str(capture), str(connections)]
    done = subprocess.run(argv + ([str(count)] if count else []), text=True,
                          capture_output=True, check=True, timeout=600)
    return json.loads(done.stdout)
