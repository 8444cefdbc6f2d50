"""Trying the channels that were idle: one message to the place that the file of addresses names for it."""

from datetime import datetime
from functools import partial

from server.db.database import Database
from server.notify import health, texts
from server.notify.channels import AddressBook, Carrier, outcome
from server.notify.policy import ChannelPolicy
from server.policies import service as policies


def try_idle(database: Database, book: AddressBook, carry: Carrier, *, now: datetime) -> list[str]:
    """Tries what was idle for as long as the policy says; gives the channels that were tried."""
    addresses = book.current()
    if not addresses.probes:
        return []
    with database.write() as session:
        policy = policies.current(session, ChannelPolicy)
        words = policies.current(session, texts.MessagePolicy)
        wanted = health.idle(session, addresses, minutes=policy.probe_minutes, now=now)
    title, body = texts.probe(words)
    for channel in wanted:
        url = addresses.probes[channel].get_secret_value()
        error = outcome(partial(carry, url, title, body))
        with database.write() as session:
            health.note(session, channel, error, now=now)
    return wanted
