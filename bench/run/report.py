"""Numbers: medians, their intervals, and the lines that are printed."""

import json
import random
import statistics


def median(values):
    return statistics.median(values) if values else None


def quantile(values, q):
    """The nearest-rank quantile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else None


def interval(values, of=median, rounds=4000):
    """(low, high): the 95% bootstrap interval of a statistic. The same for the same values."""
    if len(values) < 2:
        return (None, None)
    source = random.Random(1)
    found = sorted(of(source.choices(values, k=len(values))) for _ in range(rounds))
    return found[int(rounds * 0.025)], found[int(rounds * 0.975)]


def rounded(value):
    if not isinstance(value, float):
        return value
    return float(f"{value:.4g}")


def line(name, value, unit, peer=None, peer_value=None, ratio=None, **more):
    """Prints one result. `ratio` is value to peer_value unless it is given."""
    if ratio is None and peer_value:
        ratio = value / peer_value
    fields = {"name": name, "value": value, "unit": unit, "peer": peer,
              "peer_value": peer_value, "ratio": ratio, **more}
    print(json.dumps({k: rounded(v) for k, v in fields.items()}), flush=True)
