"""PID 1 of a private cluster: mounts what it needs, starts daemons on request, reaps.

Takes a plan (JSON file, see Plan in layout.py) and then requests on a Unix socket, one JSON
line each way a connection. It restarts nothing: whether a daemon comes back is the test's
business. It ends on "quit", on SIGTERM, or when its lifeline (standard input) ends.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time

from isolation import bind, enter_root, own_hostname, tmpfs


class Supervisor:
    def __init__(self, plan):
        self.daemons = {}  # name -> {"pid": …, "exit": None or a wait status' exit code}
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.plan = plan

    def mount_all(self):
        plan = self.plan
        own_hostname(plan["hostname"])
        if plan["root"]:
            enter_root(plan["root"], plan["stage"], plan["shared"])
        for source, target in plan["binds"]:
            bind(source, target)
        for target, options in plan["tmpfs"]:
            tmpfs(target, options)

    def start(self, name, argv, env, hostname, log):
        if name in self.daemons and self.daemons[name]["exit"] is None:
            raise RuntimeError(f"{name} runs already")
        # Else a signal that comes before the exec is taken, and forgotten, by Python.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        try:
            pid = os.fork()
            if pid == 0:
                self._exec(argv, env, hostname, log)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        self.daemons[name] = {"pid": pid, "exit": None, "started": time.time()}
        return pid

    @staticmethod
    def _exec(argv, env, hostname, log):
        try:
            os.setsid()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.closerange(3, 1024)
            if hostname:
                own_hostname(hostname)
            os.execve(argv[0], argv, env)
        except BaseException as error:  # in the child: nothing may return to the loop
            os.write(2, f"{argv[0]}: {error}\n".encode())
        os._exit(127)

    def reap(self):
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                for daemon in self.daemons.values():
                    if daemon["pid"] == pid and daemon["exit"] is None:
                        daemon["exit"] = os.waitstatus_to_exitcode(status)

    def answer(self, request):
        operation = request.pop("op")
        self.reap()
        if operation == "start":
            return {"pid": self.start(**request)}
        if operation == "signal":
            daemon = self.daemons.get(request["name"])
            if daemon and daemon["exit"] is None:
                os.kill(daemon["pid"], request["signal"])
            return {}
        if operation == "status":
            return {"daemons": self.daemons}
        if operation == "quit":
            os._exit(0)
        raise ValueError(f"unknown request {operation}")

    def serve_one(self):
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(5)
            stream = connection.makefile("rw")
            try:
                reply = self.answer(json.loads(stream.readline()))
            except Exception as error:  # whatever it was, the caller is to be told
                reply = {"error": f"{type(error).__name__}: {error}"}
            with contextlib.suppress(OSError):
                stream.write(json.dumps(reply) + "\n")
                stream.flush()

    def serve(self):
        waker, wakened = socket.socketpair()
        for end in (waker, wakened):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        self.listener.bind(self.plan["socket"])
        os.chmod(self.plan["socket"], 0o600)
        self.listener.listen(64)
        ready = selectors.DefaultSelector()
        ready.register(self.listener, selectors.EVENT_READ, self.serve_one)
        ready.register(wakened, selectors.EVENT_READ, lambda: wakened.recv(4096))
        if self.plan["lifeline"]:
            ready.register(0, selectors.EVENT_READ, lambda: os._exit(0))
        while True:
            for key, _ in ready.select():
                with contextlib.suppress(OSError):
                    key.data()
            self.reap()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        supervisor = Supervisor(json.load(file))
    supervisor.mount_all()
    supervisor.serve()
