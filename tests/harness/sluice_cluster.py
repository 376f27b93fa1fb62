"""SluiceCluster: a private Slurm with Sluice loaded and sluiced beside it."""

import json
import os
import weakref

from cluster import Cluster, ClusterConfig

# The clusters that run now, for whoever reports a failure.
running = weakref.WeakSet()


class SluiceCluster(Cluster):
    """`with SluiceCluster(sluice=lambda c: {...}) as c:`

    `sluice` is sluice.json's content: a dict, or a function that gets the cluster (for its
    folders) and returns one; None starts no sluiced. Further arguments are ClusterConfig's.
    """

    def __init__(self, sluice=None, env=None, config=None, folder=None, **settings):
        if config is None:
            settings.setdefault("build", os.environ.get("SLUICE_BUILD", ClusterConfig().build))
            settings.setdefault("root", os.environ.get("SLUICE_ROOT"))
            config = ClusterConfig(**settings)
        super().__init__(config, folder)
        self.sluice, self.sluiced_env = sluice, env
        self.sluice_json = self.layout.etc / "sluice.json"

    def start(self):
        running.add(self)
        super().start()
        try:
            if self.sluice is not None:
                self.write_sluice_json(self.sluice)
                self.start_sluiced(self.sluice_json, env=self.sluiced_env)
        except BaseException:
            self.stop(keep=True)
            raise
        return self

    def stop(self, keep=False):
        running.discard(self)
        super().stop(keep)

    def write_sluice_json(self, sluice):
        content = sluice(self) if callable(sluice) else sluice
        self.sluice_json.write_text(json.dumps(content, indent=2))
        self.sluice_json.chmod(0o600)

    def restart_sluiced(self, env=None):
        if self.pid_of("sluiced"):
            self.terminate("sluiced")
        self.start_sluiced(self.sluice_json, env=env or self.sluiced_env)

    def inbox_records(self, node=None):
        """Names of what lies in the controller's inbox, or a node's."""
        inner = self.layout.node(node) / "inbox" if node else self.layout.inbox
        return sorted(os.listdir(self.path(inner)))
