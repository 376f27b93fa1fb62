"""Bad configuration: of sluiced, whose last good one stays, and of the plugin inside slurmctld."""

import signal
import unittest

from harness import (SluiceCluster, accounted, ask_sluiced, assert_contract, eventually, settle,
                     socket_of)


class Reload(unittest.TestCase):
    def setUp(self):
        self.c = self.enterContext(SluiceCluster(sluice=accounted(), nodes=1, min_job_age=3600))
        eventually(lambda: ask_sluiced(socket_of(self.c), "ping"), 10, "sluiced")

    def log(self):
        return (self.c.layout.log / "sluiced.out").read_text()

    def write(self, text):
        self.c.sluice_json.write_text(text)

    def assert_serves(self):
        job = self.c.sbatch(["-J", "sel", "--event-sink=mine"])
        self.c.wait_job(job)
        settle(self.c)
        assert_contract(self, self.c)

    def test_bad_ones_leave_the_last_good_one(self):
        good = self.c.sluice_json.read_text()
        bad = {
            "": "empty text",
            "{": "line 1",
            "[]": "object",
            good.replace('"file"', '"fiel"'): '"fiel"',
            good.replace('"routes"', '"ruotes"'): "ruotes",
            good.replace('"prefix"', '"prefiks"'): "prefiks",
            good.replace(str(self.c.layout.inbox), "inbox"): "must be an absolute path",
        }
        for text, reason in bad.items():
            with self.subTest(reason=reason):
                self.write(text)
                before = len(self.log())
                with self.assertRaisesRegex(RuntimeError, "the configuration before stays"):
                    ask_sluiced(socket_of(self.c), "reload")
                said = self.log()[before:]
                self.assertIn(reason, said)
                self.assertIn(str(self.c.sluice_json), said)
                self.assert_serves()

    def test_hangup_reloads_or_keeps(self):
        good = self.c.sluice_json.read_text()
        self.write("{")
        self.c.signal("sluiced", signal.SIGHUP)
        eventually(lambda: "the configuration before stays" in self.log(), 10, "the refusal")
        self.write(good)
        self.c.signal("sluiced", signal.SIGHUP)
        eventually(lambda: "reloaded, 2 sinks" in self.log(), 10, "the reload")
        self.assert_serves()

    def test_does_not_start_with_a_bad_one(self):
        self.c.terminate("sluiced")
        self.write('{"sinks": {"x": {"type": "webhook"}}}')
        self.c.start_sluiced(self.c.sluice_json)
        self.c.wait_ended("sluiced")
        self.assertEqual(self.c.exit_of("sluiced"), 78)  # EX_CONFIG: systemd does not try again
        self.assertIn("sinks.x.url", self.log())

    def test_a_route_to_a_new_sink_works_after_reload(self):
        config = self.c.sluice(self.c)
        config["sinks"]["third"] = {"type": "file", "path": str(self.c.layout.sluiced / "third")}
        config["routes"][0]["sinks"].append("third")
        self.c.write_sluice_json(config)
        ask_sluiced(socket_of(self.c), "reload")
        self.assert_serves()
        self.assertIn("slurm.job.end", (self.c.layout.sluiced / "third").read_text())


class PluginParameters(unittest.TestCase):
    def completes_with(self, *lines):
        c = self.enterContext(SluiceCluster(nodes=1, slurm_conf=lines))
        c.wait_job(c.sbatch())
        return [line for line in (c.layout.log / "slurmctld.log").read_text().splitlines()
                if "sluice:" in line]

    def test_relative_path(self):
        said = self.completes_with("PrEpParameters=sluice_inbox=run/inbox")
        self.assertEqual(len(said), 1, said)
        self.assertIn("must be an absolute path", said[0])

    def test_path_that_is_too_long(self):
        said = self.completes_with("PrEpParameters=sluice_inbox=/" + "x" * 300)
        self.assertEqual(len(said), 1, said)
        self.assertIn("at most", said[0])

    def test_folder_that_is_not_there(self):
        said = self.completes_with("PrEpParameters=sluice_inbox=/nowhere/inbox")
        self.assertEqual(len(said), 1, said)
        self.assertIn("/nowhere/inbox", said[0])
        self.assertIn("No such file or directory", said[0])

    def test_somebody_elses_parameters(self):
        said = self.completes_with("PrEpParameters=notsluice_inbox=/x,other=1")
        self.assertEqual(len(said), 1, said)  # the default folder is not there either
        self.assertIn("/run/sluice/inbox", said[0])


if __name__ == "__main__":
    unittest.main()
