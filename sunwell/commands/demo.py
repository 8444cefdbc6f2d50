"""`sunwell demo`: everything on one machine, with a simulated street."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sunwell import logs
from sunwell.demo.people import COLLEAGUES, PASSWORD, PEOPLE, TOKEN_FILE
from sunwell.demo.whole import DemoSettings, running_demo
from sunwell.running import until_stopped


def demo(
    http: Annotated[int, typer.Option(help="Port of the pages and the API; 0 takes a free one")] = 8000,
    mqtt: Annotated[int, typer.Option(help="Port of the embedded broker")] = 1883,
    data: Annotated[Path, typer.Option(help="Folder in which everything is kept")] = Path("data/demo"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 shows the demo to the whole network")
    ] = "127.0.0.1",
    sim: Annotated[bool, typer.Option(help="A simulated street, or an empty one for your devices")] = True,
    verbose: Annotated[bool, typer.Option(help="Tell more in the log")] = False,
) -> None:
    """Run all of Sunwell on embedded parts. Ctrl-C ends it; the next start finds all data again."""
    logs.set_up(verbose=verbose)
    settings = DemoSettings(host=host, http_port=http, mqtt_port=mqtt, data=data, simulate=sim)

    @asynccontextmanager
    async def shown() -> AsyncIterator[None]:
        async with running_demo(settings) as server:
            _show(server.url, settings)
            yield

    try:
        until_stopped(shown)
    except OSError as error:
        typer.echo(f"sunwell demo: {error}. Another port: --http PORT, --mqtt PORT", err=True)
        raise typer.Exit(1) from error


def _show(url: str, settings: DemoSettings) -> None:
    console = Console()
    table = Table("role 角色", "address 地址", "user 用户", "password 密码", title="Sunwell 阳光井")
    for role, (login, _) in (*PEOPLE.items(), *COLLEAGUES.items()):
        table.add_row(role, url, login, PASSWORD)
    console.print(table)
    console.print(f"MQTT  {settings.host}:{settings.mqtt_port}  (devices need no log-in)")
    console.print(f"API   {url}/api/openapi.json  (token: {settings.data / TOKEN_FILE})")
    console.print("Ctrl-C ends everything. 按 Ctrl-C 结束。")
