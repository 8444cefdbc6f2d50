"""Profiles that came with no program: made for found devices, kept in the database, added to the rest."""

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, ProfileErrors, parse_profile
from server.db.models import StoredProfile

log = structlog.get_logger(__name__)


def take_up(session: Session, catalogue: Catalogue) -> None:
    """Adds the stored profiles that are not known yet: of an earlier run, or adopted at another server."""
    for row in session.scalars(select(StoredProfile)):
        if row.id in catalogue:
            continue
        try:
            catalogue.add(parse_profile(row.document, file=f"profiles.{row.id}"))
        except ProfileErrors as error:  # of a newer program: its devices are shown without it
            log.warning("stored_profile_unreadable", profile=row.id, detail=str(error)[:500])
