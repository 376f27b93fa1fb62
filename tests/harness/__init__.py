"""What tests against real things share; see each module's own words.

    python3 tests/harness tests/slurm/FILE.py [Case.method]    runs one test file
"""

import sys
from pathlib import Path

_SCRIPTS = str(Path(__file__).resolve().parents[2] / "scripts")
if _SCRIPTS not in sys.path:
    sys.path.insert(0, _SCRIPTS)

from cluster import CloudNodes, ClusterConfig, CommandFailed, PowerSave, wait_until  # noqa: E402

from .accounting import accounted, ask_sluiced, settle, socket_of  # noqa: E402
from .contract import Contract, assert_contract, known_jobs  # noqa: E402
from .events import eventually, events_of  # noqa: E402
from .moto import Moto  # noqa: E402
from .receiver import Receiver  # noqa: E402
from .sluice_cluster import SluiceCluster  # noqa: E402

__all__ = ["CloudNodes", "ClusterConfig", "CommandFailed", "Contract", "Moto", "PowerSave",
           "Receiver", "SluiceCluster", "accounted", "ask_sluiced", "assert_contract", "eventually",
           "events_of", "known_jobs", "settle", "socket_of", "wait_until"]
