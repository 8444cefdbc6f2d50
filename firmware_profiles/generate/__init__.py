"""Making profiles out of what others have written down: a Zigbee2MQTT definition, a register table, answers.

Pure: documents and text in, a draft out. A draft holds together and its examples run, but nobody has seen the
device yet: it says `verified: computed` and is a start for whoever knows the device.
"""

from firmware_profiles.generate.draft import Draft, NotUsableError

__all__ = ["Draft", "NotUsableError"]
