"""`python -m benchmarks press|modbus|gateway|year`: what Sunwell does here, as tables and JSON."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import gateway as field
from benchmarks import modbus as poller
from benchmarks import press as presses
from benchmarks import year as years
from benchmarks.report import show_machine
from benchmarks.systems import Parts

app = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
BOTH = (Parts.EMBEDDED, Parts.REAL)
Which = Annotated[list[Parts] | None, typer.Option("--parts", help="Only these; both if not given")]
Rounds = Annotated[int, typer.Option(min=1, help="Times that everything is measured; the table has medians")]
Out = Annotated[Path, typer.Option(help="Folder of the JSON results")]
FOLDER = Path("build/bench")


@app.callback()
def _main() -> None:
    """Commands by name, also while there is only one."""


@app.command()
def press(
    parts: Which = None,
    count: Annotated[int, typer.Option(min=10, help="Presses counted in a case")] = 500,
    pace: Annotated[float, typer.Option(min=0.1, help="Presses a second")] = 10,
    load: Annotated[int, typer.Option(min=1, help="Readings a second beside the loaded case")] = 500,
    rounds: Rounds = 1,
    out: Out = FOLDER,
) -> None:
    """From a press at the broker to its card on an open page: stored and pushed."""
    show_machine()
    plan = presses.Plan(count=count, pace=pace, load=load, rounds=rounds)
    asyncio.run(presses.measure(tuple(parts or BOTH), plan, out))


@app.command()
def modbus(
    rounds: Rounds = 5,
    seconds: Annotated[float, typer.Option(min=0.2, help="Length of a case")] = 2.0,
    dead_seconds: Annotated[float, typer.Option(min=1, help="Length of a run with dead units")] = 30.0,
    out: Out = FOLDER,
) -> None:
    """The Modbus poller beside pymodbus, and with ten dead units of fifty on an RTU line."""
    show_machine()
    poller.measure(rounds, seconds, dead_seconds, out)


@app.command()
def gateway(rounds: Rounds = 3, out: Out = FOLDER) -> None:
    """A gateway's memory, processor, start, loss at a power cut, and how it drains after a cut."""
    show_machine()
    asyncio.run(field.measure(rounds, out))


@app.command()
def year(
    count: Annotated[int, typer.Option(min=10, help="Times that each page is asked for")] = 100,
    out: Out = FOLDER,
) -> None:
    """A year of a whole subdistrict in PostgreSQL: how long the pages take."""
    show_machine()
    found = asyncio.run(years.measure(count))
    years.write(found, out)


if __name__ == "__main__":
    app()
