"""All tables, a file a domain. Importing this package registers every one of them with `Base`."""

from server.db.models.alarms import Alarm, Occurrence
from server.db.models.commands import Command
from server.db.models.commissioning import CommissioningTest
from server.db.models.devices import Attachment, Device
from server.db.models.dispatch import (
    ChannelHealth,
    Delivery,
    DispatchStep,
    Heartbeat,
    KeyHolder,
    Responder,
    StoredPlaybook,
)
from server.db.models.enrolment import GatewayCode, GatewayCredential
from server.db.models.found import FoundDevice, StoredProfile
from server.db.models.gateways import Gateway
from server.db.models.kiosks import KioskVisitor
from server.db.models.people import (
    Address,
    ApiToken,
    AuditEntry,
    PushSubscription,
    Shift,
    ShiftSwap,
    Skill,
    User,
    WebSession,
)
from server.db.models.places import Area, Position, Resident, Station, Well, WellUpstream
from server.db.models.policies import SealCheck, StoredPolicy
from server.db.models.quarantine import QuarantinedMessage
from server.db.models.residents import Absence, Consent, Contact, Rhythm, UnheardSensor, UnprotectedSpan
from server.db.models.tasks import Task, TaskEvent, TaskPhoto, TaskWatcher
from server.db.models.wells import WellEntry
from server.db.models.windows import Window

__all__ = [
    "Absence",
    "Address",
    "Alarm",
    "ApiToken",
    "Area",
    "Attachment",
    "AuditEntry",
    "ChannelHealth",
    "Command",
    "CommissioningTest",
    "Consent",
    "Contact",
    "Delivery",
    "Device",
    "DispatchStep",
    "FoundDevice",
    "Gateway",
    "GatewayCode",
    "GatewayCredential",
    "Heartbeat",
    "KeyHolder",
    "KioskVisitor",
    "Occurrence",
    "Position",
    "PushSubscription",
    "QuarantinedMessage",
    "Resident",
    "Responder",
    "Rhythm",
    "SealCheck",
    "Shift",
    "ShiftSwap",
    "Skill",
    "Station",
    "StoredPlaybook",
    "StoredPolicy",
    "StoredProfile",
    "Task",
    "TaskEvent",
    "TaskPhoto",
    "TaskWatcher",
    "UnheardSensor",
    "UnprotectedSpan",
    "User",
    "WebSession",
    "Well",
    "WellEntry",
    "WellUpstream",
    "Window",
]
