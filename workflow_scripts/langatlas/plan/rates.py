"""Tokens a second of a device: measured (the benchmarks write them down), scaled from a measured size, or computed.

Computed: a token costs 6 FLOP a parameter forward and backward and 2 forward (Kaplan et al. 2020, arXiv 2001.08361, sec.
2.1), over a share of the device's peak that ``resources/devices.csv`` states. Scaled: the same FLOP a second as measured.
"""

import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path

from langatlas.files import atomic

RESOURCES = Path(__file__).parents[3] / "resources"
THROUGHPUT, DEVICES = RESOURCES / "throughput.csv", RESOURCES / "devices.csv"
COLUMNS = ("device", "measure", "parameters", "dtype", "sequence_length", "batch_size", "tokens_per_s", "source")
KEY = COLUMNS[:4]
FLOP = {"importance": 6, "training": 6, "forward": 2}  # a token and parameter


@dataclass(frozen=True)
class Rate:
    """``how``: measured, scaled or computed; ``source``: where the number or what it was made of comes from."""

    tokens_per_s: float
    how: str
    source: str


@dataclass(frozen=True)
class Device:
    """A kind of device; ``memory_gb`` (of 10^9 bytes) and ``flops`` are 0 where only measurements are known."""

    name: str
    memory_gb: float
    flops: float
    source: str


def read(path: str | os.PathLike) -> list[dict[str, str]]:
    """Rows of a CSV file; none where there is no file."""
    if not Path(path).exists():
        return []
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def record(path: str | os.PathLike, **row) -> None:
    """Write one measured row into the table of throughputs, in place of an older one of the same key, sorted.

    Raises ValueError where a column is missing or unknown, or the measure is none of FLOP's.
    """
    if set(row) != set(COLUMNS) or row["measure"] not in FLOP:
        raise ValueError(f"a throughput has the columns {', '.join(COLUMNS)} and a measure of {', '.join(FLOP)}: {row}")
    rows = {tuple(old[key] for key in KEY): old for old in read(path)}
    rows[tuple(str(row[key]) for key in KEY)] = row
    ordered = sorted(rows.values(), key=lambda r: (r["device"], r["measure"], int(r["parameters"]), r["dtype"]))
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(ordered)


def devices() -> dict[str, Device]:
    """All devices of either table, by name."""
    known = {row["device"]: Device(row["device"], 0, 0, row["source"]) for row in read(THROUGHPUT)}
    for row in read(DEVICES):
        flops = float(row["peak_tflops"]) * 1e12 * float(row["share"])
        source = f"{row['share']} of {row['peak_tflops']} TFLOP/s ({row['source']})"
        known[row["device"]] = Device(row["device"], float(row["memory_gb"]), flops, source)
    return known


def device(name: str) -> Device:
    """A device by name. Raises ValueError with the known names."""
    if name not in devices():
        raise ValueError(f"device {name!r} is not known; there are {', '.join(devices())} (resources/devices.csv)")
    return devices()[name]


def rate(name: str, measure: str, parameters: int) -> Rate:
    """Tokens a second of a device for a model of this size. ``measure``: importance, training or forward.

    Raises ValueError where nothing was measured and no peak is known.
    """
    rows = [row for row in read(THROUGHPUT) if (row["device"], row["measure"]) == (name, measure)]
    if not rows and measure == "training":
        return rate(name, "importance", parameters)
    if rows:
        nearest = min(rows, key=lambda row: abs(math.log(int(row["parameters"]) / parameters)))
        ratio = int(nearest["parameters"]) / parameters
        measured = float(nearest["tokens_per_s"])
        if abs(ratio - 1) < 0.02:
            return Rate(measured, "measured", nearest["source"])
        at = f"{measured:,.0f} tokens/s at {int(nearest['parameters']):,} parameters"
        return Rate(measured * ratio, "scaled", f"{at}: {nearest['source']}")
    found = device(name)
    if not found.flops:
        raise ValueError(f"no {measure} was measured on {name}, and its peak is not known: run make bench there")
    return Rate(
        found.flops / FLOP[measure] / parameters, "computed", f"{FLOP[measure]} FLOP a parameter over {found.source}"
    )
