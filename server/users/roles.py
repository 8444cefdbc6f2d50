"""Roles, and what each may do. Access by area comes on top of this."""

from enum import StrEnum
from typing import Final

from gateway.rules.model import TaskKind


class Role(StrEnum):
    """What somebody is to Sunwell."""

    CARER = "carer"
    DISPATCHER = "dispatcher"
    INSTALLER = "installer"
    MAINTENANCE = "maintenance"
    MANAGER = "manager"
    ADMINISTRATOR = "administrator"
    WALL = "wall"
    VOLUNTEER = "volunteer"  # a neighbour who helps when asked: by links in messages alone
    RELATIVE = "relative"  # family or neighbour of one resident: by links alone, and theirs only


class Right(StrEnum):
    """One thing that a role may do."""

    VIEW_TASKS = "view_tasks"
    WORK_TASKS = "work_tasks"  # acknowledge, depart, arrive, resolve, close, note
    ASSIGN_TASKS = "assign_tasks"  # reassign, cancel, send back to the community
    REVIEW_TASKS = "review_tasks"  # look at ended tasks again, and say how it was done
    VIEW_DEVICES = "view_devices"
    REGISTER = "register"  # areas, residents, wells, positions, gateways, devices
    ENROL = "enrol"  # make codes for gateways, and revoke gateways
    COMMAND = "command"  # tell gateways and devices to do something
    VIEW_RESIDENTS = "view_residents"  # outside a live task, with a reason, audited
    EDIT_RESIDENTS = "edit_residents"  # residents with their contacts, and stations
    EDIT_AREAS = "edit_areas"  # the tree of areas: add, rename, move, remove
    PRIVACY = "privacy"  # export and erase everything about a resident
    EDIT_PEOPLE = "edit_people"  # who works here, with area, skills and place; administrators excepted
    MANAGE_USERS = "manage_users"  # administrators, and programs' tokens
    VIEW_AUDIT = "view_audit"
    PLAYBOOKS = "playbooks"  # who is told of what, who can be called, and who is on duty when


R = Right
_ALL_KINDS = frozenset(TaskKind)

RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.CARER: frozenset({R.VIEW_TASKS, R.WORK_TASKS, R.VIEW_RESIDENTS}),
    Role.DISPATCHER: frozenset(
        {
            R.VIEW_TASKS,
            R.WORK_TASKS,
            R.ASSIGN_TASKS,
            R.VIEW_DEVICES,
            R.VIEW_RESIDENTS,
            R.EDIT_RESIDENTS,
        }
    ),
    Role.INSTALLER: frozenset(
        {
            R.VIEW_TASKS,
            R.VIEW_DEVICES,
            R.REGISTER,
            R.ENROL,
            R.COMMAND,
            R.VIEW_RESIDENTS,
            R.EDIT_RESIDENTS,
        }
    ),
    Role.MAINTENANCE: frozenset({R.VIEW_TASKS, R.WORK_TASKS, R.VIEW_DEVICES, R.REGISTER, R.COMMAND}),
    Role.MANAGER: frozenset(
        {
            R.VIEW_TASKS,
            R.WORK_TASKS,
            R.ASSIGN_TASKS,
            R.REVIEW_TASKS,
            R.VIEW_DEVICES,
            R.VIEW_RESIDENTS,
            R.EDIT_RESIDENTS,
            R.EDIT_AREAS,
            R.PRIVACY,
            R.VIEW_AUDIT,
            R.PLAYBOOKS,
            R.EDIT_PEOPLE,
        }
    ),
    Role.ADMINISTRATOR: frozenset(Right),
    Role.WALL: frozenset({R.VIEW_TASKS, R.VIEW_DEVICES}),
    Role.VOLUNTEER: frozenset({R.WORK_TASKS}),
    Role.RELATIVE: frozenset({R.WORK_TASKS}),
}

TASK_KINDS: Final[dict[Role, frozenset[TaskKind]]] = {
    Role.CARER: frozenset({TaskKind.CARE, TaskKind.PUBLIC_HEALTH}),
    Role.DISPATCHER: _ALL_KINDS,
    Role.INSTALLER: frozenset({TaskKind.MAINTENANCE}),
    Role.MAINTENANCE: frozenset({TaskKind.MAINTENANCE, TaskKind.WELL}),
    Role.MANAGER: _ALL_KINDS,
    Role.ADMINISTRATOR: _ALL_KINDS,
    Role.WALL: _ALL_KINDS,
    Role.VOLUNTEER: frozenset({TaskKind.CARE}),
    Role.RELATIVE: frozenset({TaskKind.CARE}),
}
"""The kinds of task that each role sees. Well crews never see residents' tasks."""

UNMASKED: Final = frozenset({Role.CARER, Role.DISPATCHER, Role.MANAGER, Role.ADMINISTRATOR})
"""Who sees a resident's name, address and access in a live task. Others see an initial and the area."""

LINKS_ONLY: Final = frozenset({Role.VOLUNTEER, Role.RELATIVE})
"""Who has no pages and no API: only the links in messages, and the tasks that `server.users.reach` allows."""

WORKERS: Final = frozenset(role for role in Role if R.WORK_TASKS in RIGHTS[role]) - LINKS_ONLY
"""The roles that work on tasks as their duty: who can be told by role and given a task."""
