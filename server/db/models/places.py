"""Where things are: areas, residents' homes, wells, and the positions in them that sensors are put at."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server.db.base import Base
from server.db.sealed import Sealed


class Area(Base):
    """A node of the tree subdistrict 街道 → community 社区 → grid 网格."""

    __tablename__ = "areas"

    id: Mapped[str] = mapped_column(primary_key=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("areas.id"), index=True)
    kind: Mapped[str]  # subdistrict, community, grid
    name: Mapped[str]


class Resident(Base):
    """A person who is looked after at home, with what a helper must know to get to them."""

    __tablename__ = "residents"
    __table_args__ = (Index("ix_residents_address", "address"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    area_id: Mapped[str] = mapped_column(ForeignKey("areas.id"), index=True)
    name: Mapped[str]
    born: Mapped[int | None]  # year
    address: Mapped[str]
    access: Mapped[str] = mapped_column(Sealed, default="")  # how to get in, who holds the key
    phone: Mapped[str] = mapped_column(Sealed, default="")
    notes: Mapped[str] = mapped_column(Sealed, default="")  # conditions that a helper must know
    risk: Mapped[str] = mapped_column(default="normal")  # normal, high
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    created_at: Mapped[datetime | None]  # first written down; none where that is not known
    left_at: Mapped[datetime | None]  # not looked after any more since: retention counts from here
    erased_at: Mapped[datetime | None]


class Station(Base):
    """阳光老人家: its staff look after the homes within its circle, 15 minutes on foot."""

    __tablename__ = "stations"

    id: Mapped[str] = mapped_column(primary_key=True)
    area_id: Mapped[str] = mapped_column(ForeignKey("areas.id"), index=True)
    name: Mapped[str]
    address: Mapped[str]
    phone: Mapped[str] = mapped_column(default="")  # the station's own, public
    latitude: Mapped[float]
    longitude: Mapped[float]
    radius_m: Mapped[int]


class Well(Base):
    """A well or manhole under a street, with its cover."""

    __tablename__ = "wells"

    id: Mapped[str] = mapped_column(primary_key=True)
    area_id: Mapped[str] = mapped_column(ForeignKey("areas.id"), index=True)
    name: Mapped[str]
    address: Mapped[str]
    owner: Mapped[str] = mapped_column(default="")
    depth_m: Mapped[float | None]
    mount_height_m: Mapped[float | None]  # of the level sensor above the bottom
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]


class WellUpstream(Base):
    """Water runs from `upstream_id` to `well_id`."""

    __tablename__ = "well_upstream"

    well_id: Mapped[str] = mapped_column(ForeignKey("wells.id"), primary_key=True)
    upstream_id: Mapped[str] = mapped_column(ForeignKey("wells.id"), primary_key=True)


class Position(Base):
    """装位: the installed place of a sensor. Outlives the hardware; history, rules and tasks hang on it."""

    __tablename__ = "positions"
    __table_args__ = (
        CheckConstraint("resident_id IS NULL OR well_id IS NULL", name="one_subject"),
        Index("ix_positions_resident_id", "resident_id"),
        Index("ix_positions_well_id", "well_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    area_id: Mapped[str] = mapped_column(ForeignKey("areas.id"), index=True)
    name: Mapped[str]
    resident_id: Mapped[str | None] = mapped_column(ForeignKey("residents.id"))
    well_id: Mapped[str | None] = mapped_column(ForeignKey("wells.id"))
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    created_at: Mapped[datetime]

    resident: Mapped[Resident | None] = relationship(lazy="raise")
    well: Mapped[Well | None] = relationship(lazy="raise")
