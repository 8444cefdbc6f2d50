"""The AsyncAPI 3 description of the wire, made from its types. `python -m gateway.asyncapi` writes it."""

import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway import wire

FILE: Final = Path(__file__).resolve().parent.parent / "docs" / "asyncapi.json"
_REFERENCE: Final = "#/components/schemas/{name}"
_RETAINED: Final = frozenset({"up/state", "down/desired"})


def document() -> dict[str, Any]:
    """The description of all channels, as JSON values."""
    kinds = list(wire.CHANNELS.values())
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for channel, kind in wire.CHANNELS.items():
        name = channel.replace("/", "-")
        channels[name] = {
            "address": f"{wire.PREFIX}/{{gateway}}/{channel}",
            "description": _summary(kind),
            "parameters": {"gateway": {"description": "The gateway's name."}},
            "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}},
            "bindings": {"mqtt": {"bindingVersion": "0.2.0"}},
        }
        operations[name] = {
            "action": "send" if channel.startswith("up/") else "receive",
            "channel": {"$ref": f"#/channels/{name}"},
            "bindings": {"mqtt": {"qos": 1, "retain": channel in _RETAINED, "bindingVersion": "0.2.0"}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sunwell: gateway and server",
            "version": f"{wire.VERSION}.0.0",
            "description": "Operations are the gateway's: it sends on up/ and receives on down/.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {
                kind.__name__: {"payload": {"$ref": _REFERENCE.format(name=kind.__name__)}} for kind in kinds
            },
            "schemas": schemas,
        },
    }


def text() -> str:
    """The description as it stands in its file."""
    return msgspec.json.format(msgspec.json.encode(document(), order="sorted"), indent=2).decode() + "\n"


def _summary(kind: Any) -> str:
    return " ".join((kind.__doc__ or "").split("\n\n", maxsplit=1)[0].split())


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
