"""The benchmarks that scripts/bench runs; docs/benchmarks.md says how each number is taken."""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests"))
import harness  # noqa: E402,F401  (makes `cluster` importable too)
