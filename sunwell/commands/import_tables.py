"""`sunwell import`: areas, homes, people, rosters, wells, devices from tables, through a running server."""

import json
import os
import urllib.request
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.table import Table

TIMEOUT_S = 300
KINDS = (
    "areas", "stations", "people", "shifts", "residents", "contacts", "absences", "wells", "positions",
    "devices",
)  # fmt: skip


def import_tables(
    files: Annotated[list[Path], typer.Argument(help="CSV or XLSX files", exists=True, dir_okay=False)],
    token_file: Annotated[
        Path,
        typer.Option(help="API token of who may import", envvar="SUNWELL_TOKEN_FILE"),
    ],
    url: Annotated[str, typer.Option(help="Address of the server's pages")] = "http://127.0.0.1:8000",
    kind: Annotated[
        str, typer.Option(help=f"What a CSV holds: {', '.join(KINDS)}; else its name tells")
    ] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Write it; without this it is only checked")] = False,
) -> None:
    """Check tables and tell every mistake at once; with --apply write a file where nothing is wrong in it."""
    token = token_file.read_text(encoding="utf-8").strip()
    refused = False
    for file in files:
        try:
            report = _send(url.rstrip("/"), token, file, kind=kind, apply=apply)
        except (URLError, OSError, ValueError) as error:
            typer.echo(f"sunwell import: {file}: {error}", err=True)
            raise typer.Exit(2) from error
        refused = _tell(file, report) or refused
    raise typer.Exit(1 if refused else 0)


def _send(url: str, token: str, file: Path, *, kind: str, apply: bool) -> dict[str, Any]:
    asked = {"name": file.name, "apply": str(apply).lower()} | ({"kind": kind} if kind else {})
    request = urllib.request.Request(  # noqa: S310 - the address is the caller's own server
        f"{url}/api/v1/import?{urlencode(asked)}",
        method="POST",
        data=file.read_bytes(),
        headers={"authorization": f"Bearer {token}", "content-type": "application/octet-stream"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            report: dict[str, Any] = json.load(answer)
            return report
    except HTTPError as error:
        document = json.loads(error.read() or b"{}")
        if "errors" in document:
            return dict(document)
        raise ValueError(document.get("error", {}).get("message", f"the server said {error.code}")) from error


def _tell(file: Path, report: dict[str, Any]) -> bool:
    """Prints what became of a file; says whether anything is wrong."""
    if not report["errors"]:
        done = "written" if report["applied"] else "can be written: add --apply"
        typer.echo(f"{file}: {report['rows']} rows {done}")
        return False
    wide = None if os.isatty(1) else 200
    table = Table("sheet", "row", "column", "what is wrong", "what to do", title=str(file))
    for error in report["errors"]:
        row = str(error["row"] or "")
        table.add_row(error["sheet"], row, error["column"], error["what"], error["fix"])
    Console(width=wide, markup=False).print(table)
    typer.echo(f"{file}: {len(report['errors'])} mistakes, nothing was written")
    return True
