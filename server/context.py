"""Everything that routes and loops of one server share. Built once, in `server.app`."""

from dataclasses import dataclass, field

from firmware_profiles import Catalogue
from server.alarms.texts import RuleTexts
from server.db.database import Database
from server.gateways.faults import Sessions
from server.live.bus import Bus
from server.settings import ServerSettings
from server.supervision import Pulse
from server.timeseries.store import TimeSeriesStore
from server.users.throttle import Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One server's parts."""

    settings: ServerSettings
    database: Database
    store: TimeSeriesStore
    catalogue: Catalogue
    texts: RuleTexts
    bus: Bus
    sessions: Sessions = field(default_factory=Sessions)
    throttle: Throttle = field(default_factory=Throttle)
    pulse: Pulse = field(default_factory=Pulse)
    demo: bool = False
