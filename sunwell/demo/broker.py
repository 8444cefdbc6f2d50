"""The embedded broker: amqtt, for the demo only. It is slow and forgets what it has queued when it stops;
Sunwell's own acknowledgements make that harmless between gateway and server."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext, BrokerConfig, ListenerConfig
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

OURS = "sunwell"


class DemoAccess(BaseAuthPlugin, BaseTopicPlugin):
    """Devices need no log-in and reach everything but Sunwell's own topics; a gateway reaches its own of
    those, the server all."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)

    @dataclass
    class Config:
        """Passwords by user."""

        passwords: dict[str, str] = field(default_factory=dict)

    async def authenticate(self, *, session: Session) -> bool | None:
        """Whether the log-in is right; without one, the client is a device."""
        if not session.username:
            return True
        known = self.config.passwords.get(session.username)
        return known is not None and known == session.password

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        """Whether this client may use this topic."""
        user = session.username if session else None
        parts = (topic or "").split("/")
        if user == "server":
            return True
        if parts[0] in ("#", "+", OURS):
            return user is not None and len(parts) > 2 and parts[:3] == [OURS, "v1", user]
        return True


@asynccontextmanager
async def running_broker(*, host: str, port: int, passwords: Mapping[str, str]) -> AsyncIterator[None]:
    """An embedded broker on host:port, with a user for the server and for each gateway."""
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"{host}:{port}")},
        plugins={"sunwell.demo.broker.DemoAccess": {"passwords": dict(passwords)}},
    )
    broker = Broker(config)
    await broker.start()
    try:
        yield
    finally:
        await broker.shutdown()
