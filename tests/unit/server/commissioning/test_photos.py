"""Photos lose everything but their picture, and nothing else gets in."""

import io
from pathlib import Path

import pytest
from PIL import Image

from server.commissioning import photos
from server.errors import InvalidError, NotFoundError


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
        photos.keep(tmp_path, 1, b"x" * 11)


def test_only_its_own_files_are_read(tmp_path: Path) -> None:
    name = photos.keep(tmp_path / "photos", 1, b"jpeg")
    assert photos.read(tmp_path / "photos", name) == b"jpeg"
    (tmp_path / "secret").write_text("x")
    for other in ("../secret", "none.jpg"):
        with pytest.raises(NotFoundError):
            photos.read(tmp_path / "photos", other)
