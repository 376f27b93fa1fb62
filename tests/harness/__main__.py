"""Runs one test file: python3 tests/harness tests/slurm/FILE.py [Case.method]… [-v]

The one place that knows where things are imported from. A failure is followed by the end of
every log of the clusters that run at that moment.
"""

import importlib.util
import os
import sys
import unittest
from pathlib import Path

SKIPPED = 77  # tests/harness.cmake tells CTest


class LoggingResult(unittest.TextTestResult):
    def addError(self, test, err):
        super().addError(test, err)
        self._show_logs(test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._show_logs(test)

    def _show_logs(self, test):
        from harness.sluice_cluster import running
        for cluster in list(running):
            self.stream.writeln(f"\n===== {test}: logs of {cluster.dir}\n{cluster.log_tail()}")


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("skipped: a private Slurm needs root")
        return SKIPPED
    # Run as a folder, python has put tests/harness first; the package's parent belongs there.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    import harness  # noqa: F401  (makes `cluster` importable too)
    path = Path(sys.argv[1]).resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    runner = unittest.TextTestRunner(resultclass=LoggingResult, verbosity=2)
    program = unittest.main(module=module, argv=[str(path), *sys.argv[2:]], exit=False,
                            testRunner=runner)
    result = program.result
    if result.wasSuccessful() and result.testsRun == len(result.skipped):
        return SKIPPED
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
