"""What a device model is, as data, and the pure decoder from its payloads to points."""

from firmware_profiles.commands import Command, CommandParameter
from firmware_profiles.decode import (
    Codecs,
    Decoded,
    ExplainedSample,
    Explanation,
    FieldStep,
    MessagePayload,
    Payload,
    Refusal,
    RefusalReason,
    RegisterPayload,
    Sample,
    decode,
    explain,
)
from firmware_profiles.examples import run_examples
from firmware_profiles.load import Catalogue, load_catalogue, parse_profile, read_profile
from firmware_profiles.ordering import (
    CommandRefusedError,
    Downlink,
    Order,
    Publication,
    RegisterOrder,
    order_of,
)
from firmware_profiles.payload_text import parse_payload
from firmware_profiles.problems import Problem, ProfileErrors
from firmware_profiles.rules import RuleTemplate
from firmware_profiles.schema import Parameter, Point, Profile, RegisterRead
from firmware_profiles.variants import FirmwareFit, Variant

__all__ = [
    "Catalogue",
    "Codecs",
    "Command",
    "CommandParameter",
    "CommandRefusedError",
    "Decoded",
    "Downlink",
    "ExplainedSample",
    "Explanation",
    "FieldStep",
    "FirmwareFit",
    "MessagePayload",
    "Order",
    "Parameter",
    "Payload",
    "Point",
    "Problem",
    "Profile",
    "ProfileErrors",
    "Publication",
    "Refusal",
    "RefusalReason",
    "RegisterOrder",
    "RegisterPayload",
    "RegisterRead",
    "RuleTemplate",
    "Sample",
    "Variant",
    "decode",
    "explain",
    "load_catalogue",
    "order_of",
    "parse_payload",
    "parse_profile",
    "read_profile",
    "run_examples",
]
