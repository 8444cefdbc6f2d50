"""The codec sandbox: runs the JavaScript of LoRaWAN device makers where it can do no harm.

`firmware_profiles.decode` is pure and takes a `Sandbox` as its `codecs`.
"""

from firmware_profiles.codecs.sandbox import Sandbox

__all__ = ["Sandbox"]
