"""`sunwell`: every command, each loading only the part that it needs."""

import importlib
import sys

import typer

COMMANDS = (
    "demo",
    "server",
    "gateway",
    "gateway-code",
    "broker-certificate",
    "simulate",
    "user",
    "seal-key",
    "import",
    "profile",
)
MODULES = {"import": "import_tables"}
"""Where a command's name cannot be a module's."""


def main() -> None:
    """Runs the command line. A command whose extra is not installed says how to install it."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, help="Sunwell 阳光 + 井")
    app.callback()(_sunwell)  # with it, a single mounted command keeps its name
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    for name in COMMANDS if wanted not in COMMANDS else (wanted,):
        _mount(app, name)
    app()


def _sunwell() -> None:
    """Sunwell 阳光 + 井: a press becomes a care task, and a person goes."""


def _mount(app: typer.Typer, name: str) -> None:
    own = MODULES.get(name, name.replace("-", "_"))
    try:
        module = importlib.import_module(f"sunwell.commands.{own}")
    except ModuleNotFoundError as error:
        root = (error.name or "").split(".")[0]
        if root in ("sunwell", "server", "gateway", "edge", "firmware_profiles"):
            raise
        extra = "demo" if name in ("demo", "simulate") else "server"
        _explain(app, name, f"needs {root!r}, which is not installed here: pip install 'sunwell[{extra}]'")
        return
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name)
    else:
        app.command(name)(getattr(module, own))


def _explain(app: typer.Typer, name: str, text: str) -> None:
    @app.command(name, help=f"({text})")
    def _unavailable() -> None:
        typer.echo(f"sunwell {name}: {text}", err=True)
        raise typer.Exit(2)


if __name__ == "__main__":
    main()
