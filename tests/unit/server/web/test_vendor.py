"""What we carry of others is what VENDOR.md says, to the byte."""

import hashlib
import re

from server.web.rendering import STATIC

VENDOR = STATIC / "vendor"


def test_checksums_match_the_list() -> None:
    text = (VENDOR / "VENDOR.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([^`]+)` \| .* \| `([0-9a-f]{64})` \|$", text, re.MULTILINE))
    present = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDOR.md"
    }
    assert listed == present


def test_nothing_is_fetched_from_elsewhere() -> None:
    own = [*STATIC.glob("*.css"), *(STATIC / "js").glob("*.js"), *STATIC.parent.rglob("*.html")]
    assert len(own) > 20
    found = [
        path.name for path in own if re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text("utf-8"))
    ]
    assert found == []
