"""Power cuts: a program's file operations are recorded, and replayed up to every one of them.

`record` runs a Python program under strace. What reached the file system before a cut is known only as far
as the program synced it; of the rest anything may be there. `images` therefore gives, for each point, the
folder as it may be found afterwards:

- everything that was written;
- only what was synced, with the new names or without them;
- everything, but the last write cut off in its middle;
- of each file only its last write, the earlier ones lost (a disk that reorders).

A file's length belongs to its data; names (new files, renames, removals) are safe with their folder's sync.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.parts.presence import program_or_skip
from tests.parts.processes import REPOSITORY

Kind = Literal["create", "truncate", "write", "sync", "remove", "rename", "said"]
_TRACED = (
    "openat,creat,write,pwrite64,pwritev,pwritev2,writev,lseek,fsync,fdatasync,ftruncate,fallocate,"
    "unlink,unlinkat,rename,renameat,renameat2,link,copy_file_range,sendfile"
)
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?(?: E\w+.*)?$")
_FILE = re.compile(r"^(\d+)<([^>]*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_SECTOR = 512


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a program did to a file, or (`said`) a line that it printed."""

    kind: Kind
    name: str
    offset: int = 0
    data: bytes = b""
    target: str = ""


def record(program: str, folder: Path, trace: Path, *arguments: str) -> list[Operation]:
    """The operations of a Python program, run with `folder` and `arguments` as its arguments, below `folder`.

    The program must do its work on one thread. Skips the test where strace is missing.
    """
    strace = program_or_skip("strace", package="strace")
    done = subprocess.run(
        [
            *(strace, "-y", "-xx", "-s", "10000000", "-e", f"trace={_TRACED}", "-o", str(trace)),
            *(sys.executable, "-c", program, str(folder), *arguments),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return list(_operations(trace, folder))


@dataclass(slots=True)
class _File:
    synced: bytes = b""
    pending: list[Operation] = field(default_factory=list)

    def content(self, pending: list[Operation]) -> bytes:
        content = bytearray(self.synced)
        for one in pending:
            if one.kind == "truncate":
                del content[one.offset :]
                content.extend(bytes(one.offset - len(content)))
            else:
                content.extend(bytes(max(0, one.offset - len(content))))
                content[one.offset : one.offset + len(one.data)] = one.data
        return bytes(content)

    def everything(self) -> bytes:
        return self.content(self.pending)


class Disk:
    """Files and what of them is safe."""

    def __init__(self) -> None:
        self._names: dict[str, _File] = {}
        self._safe_names: dict[str, _File] = {}

    def do(self, one: Operation) -> None:
        """Carry the operation out."""
        match one.kind:
            case "create":
                self._names.setdefault(one.name, _File())
            case "write" | "truncate":
                self._names[one.name].pending.append(one)
            case "remove":
                self._names.pop(one.name, None)
            case "rename":
                self._names[one.target] = self._names.pop(one.name)
            case "sync" if one.name:
                file = self._names[one.name]
                file.synced, file.pending = file.everything(), []
            case "sync":
                self._safe_names = dict(self._names)

    def images(self) -> Iterator[dict[str, bytes]]:
        """What may be found after a cut at this moment."""
        yield {name: file.everything() for name, file in self._names.items()}
        for names in (self._names, self._safe_names):
            yield {name: file.synced for name, file in names.items()}
        yield {name: file.content(_torn(file.pending)) for name, file in self._names.items()}
        yield {name: file.content(file.pending[-1:]) for name, file in self._names.items()}


def images(operations: list[Operation]) -> Iterator[tuple[int, list[str], dict[str, bytes]]]:
    """At each point: how many operations were done, what the program had said by then, and each different
    folder that may be found."""
    disk = Disk()
    said: list[str] = []
    seen: set[tuple[bytes, int]] = set()
    for number, one in enumerate(operations, start=1):
        if one.kind == "said":
            said = [*said, one.data.decode().strip()]
        else:
            disk.do(one)
        for image in disk.images():
            mark = (_digest(image), len(said))
            if mark not in seen:
                seen.add(mark)
                yield number, said, image


def _digest(image: dict[str, bytes]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for name, content in sorted(image.items()):
        digest.update(f"{name} {len(content)} ".encode())
        digest.update(content)
    return digest.digest()


def lay_out(image: dict[str, bytes], folder: Path) -> None:
    """Write the files of an image into a new folder."""
    folder.mkdir()
    for name, content in image.items():
        (folder / name).write_bytes(content)


def _torn(pending: list[Operation]) -> list[Operation]:
    if not pending or pending[-1].kind != "write":
        return pending
    last = pending[-1]
    half = max(len(last.data) // 2 // _SECTOR * _SECTOR, min(_SECTOR, len(last.data) - 1))
    return [*pending[:-1], Operation("write", last.name, last.offset, last.data[:half])]


def _operations(trace: Path, folder: Path) -> Iterator[Operation]:
    known: set[str] = set()
    places: dict[str, int] = {}

    def inside(path: str) -> str | None:
        name = path.removeprefix(f"{folder}/")
        return name if name != path and "/" not in name else None

    for line in trace.read_text().splitlines():
        found = _CALL.match(line)
        if found is None or int(found[3]) < 0:
            continue
        call, words, result = found[1], found[2], int(found[3])
        file = _FILE.match(words)
        path = _plain(file[2]) if file is not None else ""
        name = inside(path)
        texts = [_plain(text) for text in _TEXT.findall(words)] if call not in ("write", "pwrite64") else []
        match call:
            case "openat" | "creat":
                name = inside(_plain(found[4] or ""))
                if name is None or ("O_CREAT" not in words and call == "openat"):
                    continue
                places[str(result)] = 0
                if name not in known:
                    known.add(name)
                    yield Operation("create", name)
                elif "O_TRUNC" in words:
                    yield Operation("truncate", name)
            case "write" if file is not None and file[1] == "1":
                yield Operation("said", "", data=_bytes(words))
            case "write" if name is not None and file is not None:
                data = _bytes(words)[:result]
                yield Operation("write", name, places.get(file[1], 0), data)
                places[file[1]] = places.get(file[1], 0) + result
            case "pwrite64" if name is not None:
                yield Operation("write", name, int(words.rsplit(", ", 1)[1]), _bytes(words)[:result])
            case "ftruncate" if name is not None:
                yield Operation("truncate", name, int(words.rsplit(", ", 1)[1]))
            case "fallocate" if name is not None:
                _, _, offset, length = words.rsplit(", ", 3)
                yield Operation("truncate", name, int(offset) + int(length))
            case "fsync" | "fdatasync" if name is not None:
                yield Operation("sync", name)
            case "fsync" | "fdatasync" if path == str(folder):
                yield Operation("sync", "")
            case "unlink" | "unlinkat" if (gone := inside(texts[-1])) is not None:
                known.discard(gone)
                yield Operation("remove", gone)
            case "rename" | "renameat" | "renameat2" if (old := inside(texts[0])) is not None:
                new = inside(texts[1])
                assert new is not None, line[:200]
                known.discard(old)
                known.add(new)
                yield Operation("rename", old, target=new)
            case "lseek":
                assert name is None or result == 0, line[:200]
            case _:
                assert name is None, f"not understood: {line[:200]}"


def _plain(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode() if text.startswith("\\x") else text


def _bytes(words: str) -> bytes:
    found = _TEXT.search(words)
    assert found is not None, words[:100]
    return bytes.fromhex(found[1].replace("\\x", ""))
