"""The demo's people: one a role, and a colleague where there is a roster.

Their passwords are known to everybody and good for nothing else.
"""

from pathlib import Path
from typing import Final

from server.clock import now
from server.context import Context
from server.users import service, sessions
from server.users.roles import Role

PASSWORD: Final = "sunwell-demo"  # noqa: S105 - the demo's, shown at its start
PEOPLE: Final = {
    Role.CARER: ("carer", "李护工"),
    Role.DISPATCHER: ("dispatcher", "周调度"),
    Role.INSTALLER: ("installer", "陈安装"),
    Role.MAINTENANCE: ("maintenance", "赵维护"),
    Role.MANAGER: ("manager", "孙主任"),
    Role.ADMINISTRATOR: ("administrator", "管理员"),
    Role.WALL: ("wall", "指挥大屏"),
}
COLLEAGUES: Final = {
    Role.CARER: ("carer2", "吴护工"),
    Role.DISPATCHER: ("dispatcher2", "郑调度"),
}
"""They have the other half of each day."""
TOKEN_FILE: Final = "api-token"  # noqa: S105 - a file's name


def settle(context: Context) -> str:
    """Adds the people who are not there yet; returns an administrator's API token, kept in a file."""
    file = context.settings.data / TOKEN_FILE
    with context.database.write() as session:
        for role, (login, name) in (*PEOPLE.items(), *COLLEAGUES.items()):
            if service.by_login(session, login) is None:
                service.add(session, login=login, name=name, role=role, password=PASSWORD, now=now())
        if file.exists():
            return file.read_text(encoding="utf-8").strip()
        administrator = service.by_login(session, PEOPLE[Role.ADMINISTRATOR][0])
        assert administrator is not None
        token = sessions.new_token(session, administrator, name="demo", expires_at=None, now=now())
    return _keep(file, token)


def _keep(file: Path, token: str) -> str:
    file.touch(mode=0o600)
    file.write_text(f"{token}\n", encoding="utf-8")
    return token
