"""Starting programs for tests: free ports, private folders, waiting until they answer, stopping them."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
START_S = 30.0
"""How long a part may take to answer. All of them need well under 3 s on an idle machine."""
STOP_S = 10.0
PORTS = range(11_000, 32_000)
"""Above those that no browser opens (the Fetch standard's "bad ports", of which 10080 is the highest), below
those that the system gives to connections: nobody gets one between its choice and its use, and two test runs
hardly ever choose the same."""
_given: set[int] = set()


class PartMissingError(RuntimeError):
    """A program that this part needs is not installed; the message says what to install."""


class PartFailedError(RuntimeError):
    """A part did not start or answer; the message ends with its last output."""


def find_program(name: str, *, package: str, folders: Sequence[str] = ()) -> str:
    """The program's path, from `folders` first. Raises PartMissingError naming the Debian package."""
    places = os.pathsep.join([*folders, os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
    path = shutil.which(name, path=places)
    if path is None:
        raise PartMissingError(
            f"{name} is not installed: sudo apt-get install --no-install-recommends {package}"
        )
    return path


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on now, another one each time."""
    while True:
        port = secrets.choice(PORTS)
        if port in _given:
            continue
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def ordinary_user(name: str) -> str | None:
    """The user `name` if this process is root and that user exists, else None: stay who we are."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return None


def as_user(name: str | None) -> list[str]:
    """The words that start a command as another user; none for None."""
    if name is None:
        return []
    account = pwd.getpwnam(name)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]


@contextmanager
def private_folder(part: str, owner: str | None = None) -> Iterator[Path]:
    """A folder of its own, removed at the end. Not pytest's: those can't be entered by another user."""
    folder = Path(tempfile.mkdtemp(prefix=f"sunwell-{part}-"))
    try:
        if owner is not None:
            account = pwd.getpwnam(owner)
            os.chown(folder, account.pw_uid, account.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Process:
    """A program under test. `start`, `kill` (SIGKILL, as a power cut), `stop` and `restart` it.

    `answers` is called until it returns true; it raises OSError or returns false while the part is starting.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        answers: Callable[[], bool],
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.command = [*as_user(user), *command]
        self.folder = folder
        self.log = folder / f"{name}.log"
        self._answers = answers
        self._stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process lives now."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Its process id. Raises PartFailedError when it is not running."""
        if self._child is None:
            raise PartFailedError(f"{self.name} is not running")
        return self._child.pid

    def start(self) -> None:
        """Start it and return when it answers. Raises PartFailedError with its last output if it does not."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._child.poll() is not None:
                raise PartFailedError(f"{self.name} ended with code {self._child.returncode}:\n{self.tail()}")
            try:
                if self._answers():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        self.kill()
        raise PartFailedError(f"{self.name} did not answer within {START_S:.0f} s:\n{self.tail()}")

    def kill(self) -> None:
        """End it at once with SIGKILL."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def stop(self) -> None:
        """End it in an orderly way; with SIGKILL if that takes too long."""
        if self._child is None:
            return
        self._child.send_signal(self._stop_signal)
        try:
            self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port and data."""
        self.stop()
        self.start()

    def tail(self, lines: int = 25) -> str:
        """The last lines it wrote."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def listens(port: int) -> bool:
    """Whether something accepts connections on a loopback port. Raises OSError while nothing does."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
