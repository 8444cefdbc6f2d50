"""The address of a device that pushes, as people write it."""

import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from server.devices.schemas import ADDRESSES

TOKEN = "k3-0c2f9d0b7a5e4d6c"


def _kept(address: dict[str, Any]) -> dict[str, Any]:
    return ADDRESSES["http"].model_validate(address).model_dump(exclude_none=True)


def test_of_a_token_only_the_digest_is_kept() -> None:
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    kept = {"source": "kiosks", "token_sha256": digest}
    assert _kept({"source": "kiosks", "token": TOKEN}) == kept
    assert _kept(kept) == kept, "what was kept can be sent again"


def test_a_name_and_the_platform_s_own_fields() -> None:
    address = {"source": "aep", "identity": "8600", "field": "a.b", "payload": "c", "encoding": "hex"}
    assert _kept(address) == address


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ({"source": "kiosks"}, ("identity",)),
        ({"source": "kiosks", "token": "short"}, ("token",)),
        ({"source": "kiosks", "token": "with a space, and long"}, ("token",)),
        ({"source": "kiosks", "token_sha256": "ABC"}, ("token_sha256",)),
        ({"source": "No Such", "identity": "x"}, ("source",)),
        ({"identity": "x"}, ("source",)),
        ({"source": "aep", "identity": "x", "encoding": "rot13"}, ("encoding",)),
        ({"source": "aep", "identity": "x", "topic": "y"}, ("topic",)),
    ],
)
def test_each_mistake_is_named_once(address: dict[str, Any], where: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        _kept(address)
    assert [error["loc"] for error in caught.value.errors()] == [where]
