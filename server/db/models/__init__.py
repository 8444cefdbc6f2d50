"""All tables, a file a domain. Importing this package registers every one of them with `Base`."""

from server.db.models.alarms import Alarm, Occurrence
from server.db.models.commands import Command
from server.db.models.commissioning import CommissioningTest
from server.db.models.devices import Attachment, Device
from server.db.models.dispatch import (
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
from server.db.models.people import ApiToken, AuditEntry, User, WebSession
from server.db.models.places import Area, Position, Resident, Well
from server.db.models.quarantine import QuarantinedMessage
from server.db.models.tasks import Task, TaskEvent

__all__ = [
    "Alarm",
    "ApiToken",
    "Area",
    "Attachment",
    "AuditEntry",
    "Command",
    "CommissioningTest",
    "Delivery",
    "Device",
    "DispatchStep",
    "FoundDevice",
    "Gateway",
    "GatewayCode",
    "GatewayCredential",
    "Heartbeat",
    "KeyHolder",
    "Occurrence",
    "Position",
    "QuarantinedMessage",
    "Resident",
    "Responder",
    "StoredPlaybook",
    "StoredProfile",
    "Task",
    "TaskEvent",
    "User",
    "WebSession",
    "Well",
]
