"""Figures: percentiles, the machine they are of, tables and the JSON beside them."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from server.clock import now

console = Console(soft_wrap=True, width=120)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """n, p50, p95, p99 and max."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {"n": len(values), **{name: percentile(values, share) for name, share in shares.items()}}


def median_of(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Figure by figure, the median of several rounds."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def machine() -> dict[str, Any]:
    """What the figures depend on, among it what else the machine was doing."""
    return {
        "at": now().isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "sunwell": version("sunwell"),
        "load_average": [round(one, 2) for one in os.getloadavg()],
    }


def show_machine() -> None:
    """Prints the machine on one line."""
    it = machine()
    console.print(
        f"{it['cores']} × {it['processor']}, {it['memory_gib']} GiB, {it['system']}, Python {it['python']}; "
        f"load average before: {' '.join(str(one) for one in it['load_average'])}"
    )


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Prints rows that all have the same keys."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table)


def keep(folder: Path, name: str, document: Mapping[str, Any]) -> Path:
    """Writes the results as JSON, each run to a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{now():%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps({"machine": machine(), **document}, ensure_ascii=False, indent=1) + "\n")
    return path


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
