"""Photos of installed devices and of tasks: small JPEGs in a bounded folder that no address leads into.

What arrives is decoded and written anew: nothing of the file's own is kept but its picture, so neither the
place where it was taken nor anything hidden in it. The files are sealed with the keys of the database: they
show homes.
"""

import io
import secrets
import warnings
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from server.db import sealed_files
from server.db.sealed import Seals
from server.errors import InvalidError, NotFoundError

MOST_BYTES: Final = 12_000_000
"""Of one upload: what telephones make."""
MOST_PIXELS: Final = 60_000_000
LONGEST_SIDE: Final = 1_600
QUALITY: Final = 82
FOLDER_BYTES: Final = 4_000_000_000
"""Of the folder: about 16,000 photos."""
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_NAME: Final = "{what}-{id}-{token}.jpg"


def cleaned(data: bytes) -> bytes:
    """The picture as a JPEG of at most 1600 pixels a side, upright, without any other data. Raises
    InvalidError where it is too large or no picture."""
    if len(data) > MOST_BYTES:
        raise InvalidError(f"the photo has {len(data)} bytes: at most {MOST_BYTES}", where="photo")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise InvalidError(
                        f"the photo has more than {MOST_PIXELS // 1_000_000} megapixels", where="photo"
                    )
                picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
                upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise InvalidError(
            "the photo cannot be read: a JPEG, PNG or WebP is needed", where="photo"
        ) from error
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    fresh = Image.new("RGB", upright.size)
    fresh.paste(upright)
    out = io.BytesIO()
    fresh.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def keep(folder: Path, number: int, data: bytes, seals: Seals, *, what: str = "test") -> str:
    """Writes a cleaned photo of that number's test (or task), sealed, and gives its name. Raises
    InvalidError where the folder is full."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if sum(file.stat().st_size for file in folder.iterdir()) + len(data) > FOLDER_BYTES:
        raise InvalidError("the folder of photos is full: go on without one, and tell the administrator")
    name = _NAME.format(what=what, id=number, token=secrets.token_hex(8))
    sealed_files.write(folder / name, data, seals)
    return name


def read(folder: Path, name: str, seals: Seals) -> bytes:
    """A kept photo, opened. Raises NotFoundError, SealError."""
    path = folder / name
    if path.parent != folder or not path.is_file():
        raise NotFoundError("the photo is not there any more")
    return sealed_files.read(path, seals)


def forget(folder: Path, name: str) -> None:
    """Deletes a photo that was replaced by another."""
    (folder / name).unlink(missing_ok=True)
