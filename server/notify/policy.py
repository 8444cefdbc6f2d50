"""The numbers of telling people. Each is bounded: a manager may be stricter, and switch nothing off."""

from datetime import timedelta
from typing import ClassVar, Final

from server.policies.model import Policy, rule

SEND_S: Final = 10
"""A message that its channel has not taken by then is given up, so that nobody waits for a program that
hangs. The libraries themselves give up after 2 s without a connection and 2 s without an answer."""


class DispatchPolicy(Policy):
    """How messages are sent, and when dispatch counts as late."""

    NAME: ClassVar = "dispatch"
    TITLES: ClassVar = {"zh": "派单与发送", "en": "Dispatch and sending"}

    rate: int = rule(
        10, zh="每人在一段时间内最多收到的消息（危急的不限）",
        en="Most messages to one person within a time (critical ones always go)", ge=5, le=200,
        source="our choice: more than one a minute is no longer read",
    )  # fmt: skip
    rate_minutes: int = rule(10, zh="这段时间", en="That time", unit="min", ge=1, le=60, source="our choice")
    first_retry_s: int = rule(
        2, zh="发送失败后，第一次重试前等待", en="Wait before the first retry", unit="s", ge=1, le=30,
        source="our choice: what fails for a moment is over then",
    )  # fmt: skip
    second_retry_s: int = rule(
        8, zh="第二次重试前等待；再失败就换下一个渠道",
        en="Wait before the second retry; then the next channel has its turn", unit="s", ge=1, le=60,
        source="our choice: with the first, within the 60 s in which an emergency should be answered",
    )  # fmt: skip
    claim_s: int = rule(
        15, zh="发送进程中断后，多久由另一进程重发", unit="s", ge=SEND_S + 2, le=60,
        en="Another process sends a message again when its sender has not said what came of it for",
        source=f"our choice: longer than any send may take ({SEND_S} s), shorter than the first 60 s",
    )  # fmt: skip
    overdue_s: int = rule(
        30, zh="步骤或消息晚了多久即报警“派单延误”",
        en="A step or message that is late by this raises “Dispatch is late”", unit="s", ge=10, le=30,
        source="half of the field's first answer time (60 s, TSA / TEC Quality) would be gone",
    )  # fmt: skip
    held_s: int = rule(
        60, zh="做晚了的步骤，报警保留多久", en="What was done too late keeps that alarm open for", unit="s",
        ge=30, le=600, source="our choice: twelve rounds of the auditor",
    )  # fmt: skip
    still_s: int = rule(
        30, zh="监督员、派单、发送或巡检多久没有动静即报警",
        en="The auditor, the steps, the sending or the sweeps silent for this long raise an alarm", unit="s",
        ge=15, le=60, source="six rounds of the auditor missed",
    )  # fmt: skip
    link_hours: int = rule(
        24, zh="消息里的接单链接有效", en="Links in messages work for", unit="h", ge=1, le=72,
        source="our choice: a task that nobody has taken for a day is no longer this message's",
    )  # fmt: skip

    @property
    def retries(self) -> tuple[timedelta, ...]:
        """The waits before each further try."""
        return timedelta(seconds=self.first_retry_s), timedelta(seconds=self.second_retry_s)


class ChannelPolicy(Policy):
    """How channels are watched."""

    NAME: ClassVar = "channels"
    TITLES: ClassVar = {"zh": "通知渠道", "en": "Channels"}

    probe_minutes: int = rule(
        60, zh="空闲多久后试发一条", en="Try a channel that was idle for", unit="min", ge=0, le=10_080,
        source="our choice: an hour without a way to tell people is the most that goes unnoticed; 0: never",
    )  # fmt: skip
    failures: int = rule(
        3, zh="连续失败几次即报“通知渠道失败”", ge=1, le=10,
        en="Failures one after the other that raise “A channel fails”",
        source="our choice: one person's number may be wrong, three in a row are the channel's",
    )  # fmt: skip
