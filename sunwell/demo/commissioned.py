"""The demo's street as its installers left it: tested and signed, but for one home that still waits."""

from datetime import timedelta
from typing import Final

from server.clock import now
from server.commissioning import repository, service, trial
from server.context import Context
from server.db.models import CommissioningTest, Device

_WAITING: Final = 1
"""Positions left untested, so that a visitor sees what that looks like, and can do it."""


def settle(context: Context) -> None:
    """Signs for all positions but the last, once."""
    moment = now()
    with context.database.write() as session:
        standings = repository.standings(session, now=moment)
        if any(one.signed_at is not None for one in standings.values()):
            return
        for key in sorted(standings)[:-_WAITING]:
            device_id = standings[key].device_id
            device = session.get(Device, device_id) if device_id is not None else None
            profile = context.catalogue.get(device.profile) if device is not None else None
            if device is None or profile is None:
                continue
            days = trial.days_of(profile.family, context.settings.retest_days, service.retest_table())
            session.add(
                CommissioningTest(
                    position_id=key,
                    device_id=device.id,
                    trial=trial.trial_of(profile),
                    started_at=moment,
                    expires_at=moment,
                    seen_at=moment,
                    ended_at=moment,
                    ended=repository.SIGNED,
                    consent="given",
                    note="demo",
                    due_at=moment + timedelta(days=days),
                    settled=True,
                )
            )
