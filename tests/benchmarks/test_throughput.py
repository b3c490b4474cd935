"""Tokens a second of this device, written into resources/throughput.csv, from which `make plan` reckons.

A GPU runs the shape of LLaMA-2-7B with random weights in bfloat16, a processor that of the default's mini model on one thread.
"""

import pytest
import torch

import machine
from langatlas.models import devices
from langatlas.plan import rates
from large_model import MINI, SEVEN, Measured, measure, parameters_of

NAMES = {"importance": "importance", "removal sweep": "forward"}  # measures of the table of throughputs


def this_device(device: torch.device) -> str:
    """Its name in resources/devices.csv where one is part of what the driver says; CPU."""
    if device.type == "cpu":
        return "CPU"
    name = torch.cuda.get_device_name(device)
    return next((known for known in sorted(rates.devices(), reverse=True) if known in name), name)


def write_down(found: list[Measured], sizes: dict, device: torch.device, dtype: torch.dtype, **settings) -> None:
    for row in found:
        rates.record(
            rates.THROUGHPUT, device=this_device(device), measure=NAMES[row.measure], parameters=parameters_of(sizes),
            dtype=str(dtype).removeprefix("torch."), tokens_per_s=round(row.tokens_per_s), **settings,
            source=f"make bench, products in {devices.resolve_precision('auto', device)}",
        )  # fmt: skip


def report(record, found: list[Measured], shape: str, at: machine.Peaks) -> None:
    for row in found:
        most = row.tokens_per_s / row.share
        share = f"FLOP: {row.share:.2f} of {at.flops / 1e12:.3g} TFLOP/s"
        record(f"{row.measure}, {shape}", row.tokens_per_s, most, "tokens/s", "", share, more_is_better=True)
        if row.peak_bytes:
            planned = row.planned_bytes / 2**30
            record(
                f"{row.measure}, {shape}: memory", row.peak_bytes / 2**30, planned, "GiB", ">= 1", "formula of the plan"
            )


def test_throughput_of_the_processor(record, tmp_path):
    devices.prepare(1)
    device, dtype, settings = machine.CPU, torch.float32, {"length": 128, "batch_size": 8}
    found = measure(MINI, device, dtype, tmp_path, batches=4, **settings)
    if not torch.cuda.is_available():
        write_down(found, MINI, device, dtype, sequence_length=128, batch_size=8)
    report(record, found, "mini, one thread", machine.peaks())
    speeds = {row.measure: row.tokens_per_s for row in found}
    # A token costs three times as much forward and backward as forward: far from it, something else was measured.
    assert 1.5 < speeds["removal sweep"] / speeds["importance"] < 8


def test_seven_billion_parameters_on_a_gpu(record, tmp_path):
    if not torch.cuda.is_available():
        record("LLaMA-2-7B shape in bfloat16", float("nan"), float("nan"), "", "", "skipped: no CUDA device here")
        pytest.skip("no CUDA device: the shape of LLaMA-2-7B in bfloat16 was not measured")
    device, dtype = devices.pick_device(), torch.bfloat16
    needed, there = 75, torch.cuda.get_device_properties(device).total_memory / 2**30
    if there < needed:
        pytest.skip(f"the GPU has {there:.0f} GiB; weights, sums and activations of 7 billion parameters take {needed}")
    found = measure(SEVEN, device, dtype, tmp_path, length=512, batch_size=8, batches=16)
    write_down(found, SEVEN, device, dtype, sequence_length=512, batch_size=8)
    report(record, found, "LLaMA-2-7B shape", machine.peaks(device, dtype))
    assert all(row.peak_bytes <= row.planned_bytes for row in found)
