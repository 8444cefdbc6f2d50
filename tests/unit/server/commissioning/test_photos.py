"""Photos lose everything but their picture, and nothing else gets in."""

import io
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from PIL import Image

from server.commissioning import photos
from server.db import sealed_files
from server.db.sealed import SealError, Seals
from server.errors import InvalidError, NotFoundError
from tests.parts.seals import SEALS


def picture(size: tuple[int, int] = (2400, 1200), kind: str = "JPEG", orientation: int = 1) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x8825] = {1: "N", 2: (31.0, 17.0, 6.0)}
    Image.new("RGB", size, "teal").save(out, kind, exif=exif, comment=b"secret")
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_place_and_all_else_are_dropped(kind: str) -> None:
    cleaned = photos.cleaned(picture(kind=kind))
    with Image.open(io.BytesIO(cleaned)) as made:
        assert made.format == "JPEG"
        assert made.size == (1600, 800)
        assert not made.getexif()
    assert b"secret" not in cleaned
    assert b"Exif" not in cleaned


def test_it_stands_upright() -> None:
    with Image.open(io.BytesIO(photos.cleaned(picture(orientation=6)))) as made:
        assert made.size == (800, 1600)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + bytes(40),
        picture()[:400],
        b"\xff\xd8\xff",
    ],
)
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidError):
        photos.cleaned(data)


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="bytes"):
        photos.cleaned(bytes(photos.MOST_BYTES + 1))
    monkeypatch.setattr(photos, "MOST_PIXELS", 1_000)
    with pytest.raises(InvalidError, match="megapixels"):
        photos.cleaned(picture())
    monkeypatch.setattr(photos, "FOLDER_BYTES", 10)
    with pytest.raises(InvalidError, match="full"):
        photos.keep(tmp_path, 1, b"x" * 11, SEALS)


def test_only_its_own_files_are_read(tmp_path: Path) -> None:
    name = photos.keep(tmp_path / "photos", 1, b"jpeg", SEALS)
    assert photos.read(tmp_path / "photos", name, SEALS) == b"jpeg"
    (tmp_path / "secret").write_text("x")
    for other in ("../secret", "none.jpg"):
        with pytest.raises(NotFoundError):
            photos.read(tmp_path / "photos", other, SEALS)


def test_a_photo_is_sealed_and_one_in_clear_is_read_until_it_is(tmp_path: Path) -> None:
    name = photos.keep(tmp_path, 1, b"PICTURE" * 100, SEALS)
    kept = (tmp_path / name).read_bytes()
    assert b"PICTURE" not in kept
    assert len(kept) < 900, "not a third longer, as texts are"
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    (tmp_path / "before.jpg").write_bytes(b"CLEAR")
    assert photos.read(tmp_path, "before.jpg", SEALS) == b"CLEAR"
    assert sealed_files.seal_clear(tmp_path, SEALS) == 1
    assert sealed_files.seal_clear(tmp_path, SEALS) == 0
    assert b"CLEAR" not in (tmp_path / "before.jpg").read_bytes()
    assert photos.read(tmp_path, "before.jpg", SEALS) == b"CLEAR"
    assert {file.suffix for file in tmp_path.iterdir()} == {".jpg"}


def test_photos_take_another_key(tmp_path: Path) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    name = photos.keep(tmp_path, 1, b"jpeg", Seals([old]))
    both = Seals([new, old])
    assert sealed_files.old(tmp_path, both) == [name]
    assert [sealed_files.reseal(tmp_path, both) for _ in range(2)] == [1, 0]
    assert sealed_files.old(tmp_path, both) == []
    assert photos.read(tmp_path, name, Seals([new])) == b"jpeg"
    with pytest.raises(SealError):
        photos.read(tmp_path, name, Seals([old]))
