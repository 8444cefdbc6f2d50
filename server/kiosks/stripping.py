"""What a refused message may keep: everything but what tells who somebody is. Pure.

Readable JSON is kept without the values of telling keys. Bytes that are no JSON lose them too where the keys
can be seen, and are not kept at all where a picture is among them.
"""

import re
from typing import Any, Final

import msgspec

LEFT_OUT: Final = "<left out>"
_TELLING: Final = frozenset(
    {"visitor", "personid", "person_id", "personname", "person_name", "customid", "customerid"}
    | {"employeeno", "employeenostring", "employee_no", "cardno", "card_no", "card", "idcard", "id_card"}
    | {"idnumber", "certificateno", "faceid", "face_id", "recordperson", "record_person", "phone"}
    | {"pic", "picture", "pictureurl", "picture_url", "picinfo", "photo", "face", "faceurl"}
    | {"thermalpicurl", "visiblelightpicurl", "facepicurl"}
)
"""Keys that kiosks use for people and pictures, in small letters."""
_BESIDE: Final = frozenset({"name", "username"})
"""Names of people only where the object holds a telling key too: devices and drivers have names as well."""
_PICTURE: Final = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|/9j/4|iVBORw0KGgo")
_SPOKEN: Final = "value"
"""What an alarm's point says: telling where the point is."""
_WORDS: Final = b"|".join(
    word.encode() for word in sorted(_TELLING | _BESIDE | {_SPOKEN}, key=len, reverse=True)
)
_PAIR: Final = re.compile(
    rb'(?i)(["\'<]?\b(?:' + _WORDS + rb')\b["\'>]?\s*[:=>]?\s*)("(?:\\.|[^"\\])*"?|[^,}\]<&\s]+)'
)
_HINT: Final = re.compile(rb"(?i)\b(?:" + b"|".join(sorted(word.encode() for word in _TELLING)) + rb")\b")


def strip(payload: bytes) -> bytes:
    """The payload without what tells who somebody is; the same bytes where there is nothing of it. JSON that
    is too deep, or has a number that is too long, is treated like bytes that are none."""
    if _PICTURE.search(payload):
        return b""
    if not _HINT.search(payload):
        return payload
    try:
        return msgspec.json.encode(_without(msgspec.json.decode(payload)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return _PAIR.sub(rb'\1"' + LEFT_OUT.encode() + b'"', payload)


def _without(document: Any) -> Any:
    if isinstance(document, dict):
        out = {key for key in document if key.lower() in _TELLING}
        if out:
            out |= {key for key in document if key.lower() in _BESIDE}
        if str(document.get("point", "")).lower() in _TELLING | _BESIDE:
            out.add(_SPOKEN)
        return {key: LEFT_OUT if key in out else _without(value) for key, value in document.items()}
    return [_without(value) for value in document] if isinstance(document, list) else document
