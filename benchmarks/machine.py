"""What the benchmarks share: the machine they ran on, and where results go."""

from __future__ import annotations

import json
import os
import platform
import time
import timeit
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


MM_SECONDS = 0.05  # a product that takes longer is large enough


def mm_gflops(dtype: torch.dtype, most: int = 2048) -> float:
    """Rate of ``torch.mm`` on two square matrices, in GFLOP/s: the best of several.

    They are 2,048 wide, or narrower where that would take long: bf16 is emulated on many processors, where a product
    of that size takes minutes.
    """
    size = 128
    while True:
        a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
        best = min(timeit.repeat(lambda a=a, b=b: torch.mm(a, b), number=1, repeat=5))
        if size >= most or best > MM_SECONDS:
            return 2 * size**3 / best / 1e9
        size *= 2


def describe() -> dict[str, Any]:
    """Processor, threads, versions and matrix rates of this machine."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "limited_to": os.environ.get("ONEDNN_MAX_CPU_ISA"),  # as an older processor would compute
        "mm_gflops_float32": round(mm_gflops(torch.float32), 1),
        "mm_gflops_bf16": round(mm_gflops(torch.bfloat16), 1),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    flags = info.read_text() if info.exists() else ""
    extras = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {name}" in flags]
    return f"{platform.machine()} {' '.join(extras)}".strip()


def write_results(name: str, value: dict[str, Any], out: Path | None) -> None:
    """Write a result to ``out``, or ``results/NAME.json``."""
    path = out or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}")


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print rows that have the same keys."""
    columns = list(rows[0])
    cells = [columns, *([_cell(row[c]) for c in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
