"""From a press to its card on an open page.

The clock starts right before the press is published at the broker that devices speak to (QoS 1), and stops
when the server-sent event with the card of that press has been read from `/live/tasks`. By then it has been
committed twice: by the gateway and by the server. Presses come at a steady pace with jitter, in turn from
all homes, so that each opens or updates a task; a home's n-th press is the n-th of its cards that says so.
"""

import asyncio
import random
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiomqtt

from benchmarks import load, report, street
from benchmarks.page import Page, open_page
from benchmarks.systems import Measured, Parts, running
from tests.e2e.system import System

HOMES = 50
WARM_HOMES = 10
WARM_UP = 50
PATIENCE_S = 10.0
"""How long after the last press cards are waited for."""
LEAST_GAP_S = 1.5
"""Between two presses of one home; what comes within a second, by the device's clock, is one press."""

PRESSED = frozenset({"opened", "recurred"})
"""What the card of a press says has happened."""
Press = tuple[str, int]  # home, its how many-th


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured: presses counted, presses a second, readings a second beside them, rounds."""

    count: int
    pace: float
    load: int
    rounds: int


@dataclass(slots=True)
class Watch:
    """What was sent and seen, by `perf_counter` seconds. `published` also has the moment in Unix seconds and
    the device's time (ms)."""

    published: dict[Press, tuple[float, float, int]] = field(default_factory=dict)
    seen: dict[Press, float] = field(default_factory=dict)
    versions: dict[str, list[int]] = field(default_factory=dict)
    doubled: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self, page: Page, expected: int) -> None:
        """Notes the first card of each press, until all have come."""
        async for card in page.cards():
            if card.what not in PRESSED:
                continue  # the task's chain went on
            versions = self.versions.setdefault(card.name, [])
            if card.version in versions:
                self.doubled += 1
                continue
            versions.append(card.version)
            self.seen[card.name, len(versions)] = card.at
            if len(self.seen) == expected:
                self.complete.set()


async def measure(parts: tuple[Parts, ...], plan: Plan, out: Path) -> None:
    """Measures idle and loaded, on each of the parts; prints and keeps the results."""
    results: list[dict[str, Any]] = []
    for which in parts:
        for readings in (0, plan.load):
            rounds = [await _round(which, plan, readings) for _ in range(plan.rounds)]
            results.append(_case(which, readings, rounds))
    name = "press → task stored and on an open page"
    report.show(f"{name}, ms", [_row(one) for one in results])
    stages = [
        {"case": one["case"], **{stage: figures["p50"] for stage, figures in one["stages_ms"].items()}}
        for one in results
    ]
    report.show(f"{name}: medians of its stages, ms", stages)
    report.console.print(
        f"{plan.count} presses at {plan.pace:g}/s from {HOMES} homes after {WARM_UP} not counted; medians of "
        f"{plan.rounds} round(s). Loaded: beside {plan.load} messages/s of one reading (four values) each, "
        f"from {load.SENSORS} room sensors through the same broker and gateway."
    )
    report.console.print(f"kept in {report.keep(out, 'press', {'plan': asdict(plan), 'cases': results})}")


async def _round(parts: Parts, plan: Plan, readings: int) -> dict[str, Any]:
    """One fresh system, all presses once."""
    homes = [f"home-{number:03d}" for number in range(HOMES)]
    warm = [f"warm-{number:03d}" for number in range(WARM_HOMES)]
    async with running(parts) as measured:
        system = measured.system
        await street.register(system, [*homes, *warm], load.SENSORS)
        async with open_page(system.api.url, measured.login, measured.password) as page:
            if not readings:
                return await _presses(measured, page, plan, homes, warm)
            async with load.speaking(system.mqtt_port, measured.device_login, readings) as sent:
                begun = time.perf_counter()
                result = await _presses(measured, page, plan, homes, warm)
                took = time.perf_counter() - begun
            result["readings_sent_per_s"] = sent[0] / took
            return result


async def _presses(
    measured: Measured, page: Page, plan: Plan, homes: list[str], warm: list[str]
) -> dict[str, Any]:
    stored_before, begun = await measured.readings_stored(), time.perf_counter()
    for names, count in ((warm, WARM_UP), (homes, plan.count)):
        watch, cpu_s = Watch(), measured.cpu_s()
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(watch.look(page, count))
            await _press_all(measured.system, watch, names, count, plan.pace)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await watch.complete.wait()
            except TimeoutError:
                report.console.print(f"[red]only {len(watch.seen)} of {count} cards were seen")
            looking.cancel()
            cpu_s = measured.cpu_s() - cpu_s
    stored = await measured.readings_stored() - stored_before
    result = await asyncio.to_thread(_judge, measured.system, watch, homes)
    result["cpu_ms_per_press"] = 1000 * cpu_s / count
    return {**result, "readings_stored_per_s": stored / (time.perf_counter() - begun)}


async def _press_all(system: System, watch: Watch, homes: list[str], count: int, pace: float) -> None:
    step = max(1 / pace, LEAST_GAP_S / len(homes))
    async with system.device_client() as client, asyncio.TaskGroup() as group:
        begun = time.perf_counter()
        for number in range(count):
            due = begun + (number + random.random()) * step
            await asyncio.sleep(max(0, due - time.perf_counter()))
            press = (homes[number % len(homes)], number // len(homes) + 1)
            group.create_task(_press(client, watch, press))


async def _press(client: aiomqtt.Client, watch: Watch, press: Press) -> None:
    at_ms = int(time.time() * 1000)
    payload = street.pressed(at_ms)
    watch.published[press] = (time.perf_counter(), time.time(), at_ms)
    await client.publish(street.button_topic(press[0]), payload, qos=1)


def _judge(system: System, watch: Watch, homes: list[str]) -> dict[str, Any]:
    """Latencies, what is missing, and the stages by the clocks that each occurrence carries."""
    clocks = _clocks(system, homes)
    latencies: list[float] = []
    stages: dict[str, list[float]] = {"publish to gateway": [], "to server": [], "to page": []}
    for press, seen in watch.seen.items():
        began, published, at_ms = watch.published[press]
        latencies.append(seen - began)
        gateway_at, server_at = clocks[press[0], at_ms]
        stages["publish to gateway"].append(gateway_at - published)
        stages["to server"].append(server_at - gateway_at)
        stages["to page"].append(published + seen - began - server_at)
    return {
        "published": len(watch.published),
        "seen": len(watch.seen),
        "stored": len(clocks),
        "doubled": watch.doubled,
        "latency_ms": _spread_ms(latencies),
        "stages_ms": {name: _spread_ms(values) for name, values in stages.items()},
        "all_ms": [round(1000 * value, 2) for value in latencies],
    }


def _clocks(system: System, homes: list[str]) -> dict[tuple[str, int], tuple[float, float]]:
    """By home and device time (ms): gateway's and server's time, in Unix seconds."""
    found: dict[tuple[str, int], tuple[float, float]] = {}
    for alarm in system.api("GET", "/alarms?state=all&limit=500"):
        if alarm["source_id"] not in homes:
            continue
        for one in system.api("GET", f"/alarms/{alarm['id']}/occurrences"):
            device_s, gateway_s, server_s = (
                datetime.fromisoformat(one[f"{clock}_at"]).timestamp()
                for clock in ("device", "gateway", "server")
            )
            # The gateway's clock tells whole milliseconds: on the average half of one is cut off.
            found[alarm["source_id"], round(device_s * 1000)] = (gateway_s + 0.0005, server_s)
    return found


def _spread_ms(values_s: list[float]) -> dict[str, float]:
    return report.spread([1000 * value for value in values_s])


def _case(parts: Parts, readings: int, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Rounds of one case put together: medians of the figures, sums of the counts."""
    stages = rounds[0]["stages_ms"]
    return {
        "case": f"{parts}, {f'{readings} readings/s' if readings else 'idle'}",
        **{name: sum(one[name] for one in rounds) for name in ("published", "seen", "stored", "doubled")},
        "latency_ms": report.median_of([one["latency_ms"] for one in rounds]),
        "stages_ms": {
            stage: report.median_of([one["stages_ms"][stage] for one in rounds]) for stage in stages
        },
        **report.median_of(
            [{name: one[name] for name in ("readings_stored_per_s", "cpu_ms_per_press")} for one in rounds]
        ),
        "rounds": rounds,
    }


def _row(case: dict[str, Any]) -> dict[str, Any]:
    latency = case["latency_ms"]
    return {
        "case": case["case"],
        "pressed": case["published"],
        "seen": case["seen"],
        **{name: float(latency[name]) for name in ("p50", "p95", "p99", "max")},
        "CPU ms/press": float(case["cpu_ms_per_press"]),
        "readings stored/s": round(case["readings_stored_per_s"]),
    }
