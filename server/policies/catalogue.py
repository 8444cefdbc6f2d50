"""All policies there are, in the order in which the pages show them."""

from collections.abc import Mapping
from typing import Final

from server.alarms.policy import JoiningPolicy
from server.coverage.policy import CoveragePolicy
from server.errors import NotFoundError
from server.figures.policy import FiguresPolicy
from server.kiosks.policy import KioskPolicy
from server.notify.policy import ChannelPolicy, DispatchPolicy
from server.notify.texts import MessagePolicy
from server.places.policy import PlacesPolicy
from server.policies.model import Policy
from server.residents.policy import ResidentPolicy
from server.rhythm.policy import RhythmPolicy
from server.rosters.policy import RosterPolicy
from server.tasks.policy import TaskPolicy
from server.welfare.policy import WelfarePolicy
from server.wells.policy import WellPolicy
from server.windows.policy import WindowPolicy

_ALL: Final[tuple[type[Policy], ...]] = (
    ResidentPolicy,
    PlacesPolicy,
    RhythmPolicy,
    TaskPolicy,
    RosterPolicy,
    WellPolicy,
    CoveragePolicy,
    FiguresPolicy,
    DispatchPolicy,
    ChannelPolicy,
    MessagePolicy,
    JoiningPolicy,
    WindowPolicy,
    WelfarePolicy,
    KioskPolicy,
)
POLICIES: Final[Mapping[str, type[Policy]]] = {policy.NAME: policy for policy in _ALL}


def found(name: str) -> type[Policy]:
    """The policy of this name. Raises NotFoundError."""
    policy = POLICIES.get(name)
    if policy is None:
        raise NotFoundError(f"there is no policy {name!r}: there are {', '.join(POLICIES)}")
    return policy
