"""One connection to a broker, used once: subscriptions, bounded messages, acknowledgement by hand.

It stands on paho's own hooks for event loops. aiomqtt, which does the same, acknowledges on receipt, hides
the DUP flag and discards messages when its queue is full; each of these loses or doubles a press.
"""

import asyncio
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.core.envelopes import MAXIMUM_BODY_BYTES
from edge.drivers.mqtt.broker import (
    Broker,
    BrokerError,
    Message,
    PublishError,
    VersionRefusedError,
    tls_context,
)

CONNECT_S: Final = 3.0
"""Bounds both steps of connecting, so that a stop never waits longer than 5 s."""
SUBSCRIBE_S: Final = 30.0
"""Long, since the answer waits behind messages while the socket is left unread."""
PUBLISH_S: Final = 5.0
NO_SUBSCRIBERS: Final = 0x10
"""The MQTT 5 broker took the message and had nobody to give it to."""
KEEPALIVE_S: Final = 30
SESSION_EXPIRY_S: Final = 3 * 86_400
"""How long the broker keeps presses for a gateway that is down: a long weekend."""
RECEIVE_MAXIMUM: Final = 256
"""Unacknowledged messages that the broker may send. They are handled in turn, so more gains nothing."""
MOST_WAITING: Final = 512
"""With this many waiting the socket is left unread until half is done: the broker keeps the rest."""
MAXIMUM_PACKET_BYTES: Final = 16 * 1_048_576
"""What is larger the broker drops (MQTT 5): a message is in memory whole before it can be judged."""
TOPICS_A_PACKET: Final = 200
_NO_SUCH_VERSION: Final = "Unsupported protocol version"


@asynccontextmanager
async def connect(
    broker: Broker,
    *,
    client_id: str,
    lasting: bool,
    version: int = MQTTProtocolVersion.MQTTv5,
    most_bytes: int = MAXIMUM_BODY_BYTES,
) -> AsyncIterator["Connection"]:
    """A connection, closed at the end. `lasting` has the broker keep the session and queue for it.
    Payloads larger than `most_bytes` come empty.

    Raises BrokerError or VersionRefusedError.
    """
    password = None
    if broker.password_file is not None:
        password = (await asyncio.to_thread(broker.password_file.read_text)).strip()
    tls = await asyncio.to_thread(tls_context, broker) if broker.ca_file is not None else None
    connection = Connection(
        broker,
        client_id=client_id,
        lasting=lasting,
        version=version,
        password=password,
        tls=tls,
        most_bytes=most_bytes,
    )
    try:
        await connection.open()
        yield connection
    finally:
        connection.close()


class Connection:
    """Made by `connect`. `resumed` tells whether the broker still had our session."""

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        lasting: bool,
        version: int,
        password: str | None,
        tls: ssl.SSLContext | None,
        most_bytes: int,
    ) -> None:
        self._most_bytes = most_bytes
        self._broker = broker
        self._lasting = lasting
        self._version = version
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[bool] = self._loop.create_future()
        self._lost: str | None = None
        self._waiting: deque[Message] = deque()
        self._news = asyncio.Event()
        self._answers: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._reading: int | None = None
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self.resumed = False
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion(version),
            clean_session=None if self._v5 else not lasting,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_S
        client.username = broker.username
        client.password = password
        if tls is not None:
            client.tls_set_context(tls)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_answer
        client.on_unsubscribe = self._on_answer
        client.on_publish = self._on_published
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write
        self._client = client

    @property
    def _v5(self) -> bool:
        return self._version == MQTTProtocolVersion.MQTTv5

    async def open(self) -> None:
        """Connect and log in. Raises BrokerError."""
        # paho connects blocking. The thread is waited for even when we are cancelled: it is bounded, and a
        # socket that opens after the end would have no owner.
        connecting = self._loop.run_in_executor(None, self._connect)
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            await asyncio.wait((connecting,))
            raise
        except (OSError, ValueError) as error:
            raise BrokerError(f"{self._place}: {error}") from error
        socket: Any = self._client.socket()
        if socket is None:
            raise BrokerError(f"{self._place}: closed at once")
        socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._reading = socket.fileno()
        self._loop.add_reader(self._reading, self._read)
        self._on_register_write(self._client, None, socket)
        self._tick()
        try:
            async with asyncio.timeout(CONNECT_S):
                self.resumed = await self._connected
        except TimeoutError:
            kind = VersionRefusedError if self._v5 else BrokerError
            raise kind(f"{self._place}: no answer to the log-in within {CONNECT_S} s") from None

    def close(self) -> None:
        """Leave; the broker keeps a lasting session. Nothing waits for the broker."""
        if self._timer is not None:
            self._timer.cancel()
        self._client.disconnect()
        if self._client.socket() is not None:
            self._client.loop_write()
        socket = self._client.socket()
        if socket is not None:
            self._on_socket_close(self._client, None, socket)
            socket.close()
        self._end("closed")
        if self._connected.done() and not self._connected.cancelled():
            self._connected.exception()  # retrieved: the caller may have been cancelled before it looked

    async def subscribe(self, topics: Iterable[str], *, qos: int) -> dict[str, str]:
        """Subscribe; returns what was refused, with the broker's reason, by topic. Raises BrokerError."""
        # Retained messages come with a new subscription, not again each time it is renewed.
        options: Any = SubscribeOptions(qos=qos, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        how: Any = options if self._v5 else qos
        return await self._ask(
            topics, lambda chunk: self._client.subscribe([(topic, how) for topic in chunk])
        )

    async def unsubscribe(self, topics: Iterable[str]) -> None:
        """Unsubscribe. Raises BrokerError."""
        await self._ask(topics, self._client.unsubscribe)

    async def messages(self) -> AsyncIterator[Message]:
        """All messages, in order, until the connection ends; then raises BrokerError."""
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self._resume()
                yield message
            if self._lost is not None:
                raise BrokerError(f"{self._place}: {self._lost}")
            self._news.clear()
            await self._news.wait()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1; returns once the broker has it, and somebody who listens.

        Raises PublishError if the broker refuses it or nobody listens (an MQTT 5 broker tells), BrokerError
        if it does not answer.
        """
        sent = self._client.publish(topic, payload, qos=1)
        if sent.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError(f"{self._place}: {paho.error_string(sent.rc)}")
        answer = self._answers[sent.mid] = self._loop.create_future()
        try:
            async with asyncio.timeout(PUBLISH_S):
                (code,) = await answer
        except TimeoutError:
            raise BrokerError(f"{self._place}: no answer within {PUBLISH_S} s") from None
        finally:
            self._answers.pop(sent.mid, None)
        if code.is_failure:
            raise PublishError(f"the broker refuses to publish on {topic}: {code}")
        if code.value == NO_SUBSCRIBERS:
            raise PublishError(f"nobody listens on {topic}")

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that it may forget the message. Lost if the connection is; then it comes again."""
        if message.qos:
            self._client.ack(message.mid, message.qos)

    async def _ask(
        self,
        topics: Iterable[str],
        send: Callable[[list[str]], tuple[MQTTErrorCode, int | None]],
    ) -> dict[str, str]:
        refused: dict[str, str] = {}
        rest = list(topics)
        while rest:
            chunk, rest = rest[:TOPICS_A_PACKET], rest[TOPICS_A_PACKET:]
            code, mid = send(chunk)
            if code is not MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
                raise BrokerError(f"{self._place}: {paho.error_string(code)}")
            answer = self._answers[mid] = self._loop.create_future()
            try:
                async with asyncio.timeout(SUBSCRIBE_S):
                    codes = await answer
            except TimeoutError:
                raise BrokerError(f"{self._place}: no answer within {SUBSCRIBE_S} s") from None
            finally:
                self._answers.pop(mid, None)
            refused |= {t: str(c) for t, c in zip(chunk, codes, strict=False) if c.is_failure}
        return refused

    def _connect(self) -> None:
        properties: Properties | None = None
        if self._v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho has no types here
            properties.SessionExpiryInterval = SESSION_EXPIRY_S if self._lasting else 0
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
        self._client.connect(
            self._broker.host,
            self._broker.port,
            KEEPALIVE_S,
            clean_start=not self._lasting if self._v5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
        )

    @property
    def _place(self) -> str:
        return f"broker {self._broker.host}:{self._broker.port}"

    def _end(self, why: str) -> None:
        if self._lost is not None:
            return
        self._lost = why
        self._news.set()
        error = BrokerError(f"{self._place}: {why}")
        if not self._connected.done():
            # Closed without a word at the log-in: maybe it does not know this version.
            self._connected.set_exception(VersionRefusedError(str(error)) if self._v5 else error)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(error)

    def _read(self) -> None:
        self._run(self._client.loop_read)
        socket = self._client.socket()
        # TLS may hold decoded bytes that no poll of the socket announces.
        while not self._paused and isinstance(socket, ssl.SSLSocket) and socket.pending():
            self._run(self._client.loop_read)
            socket = self._client.socket()

    def _write(self) -> None:
        self._run(self._client.loop_write)

    def _tick(self) -> None:
        self._run(self._client.loop_misc)
        if self._lost is None:
            self._timer = self._loop.call_later(1, self._tick)

    def _run(self, step: Callable[[], MQTTErrorCode]) -> None:
        try:
            code = step()
        except (OSError, ValueError, IndexError, struct.error, MalformedPacket) as error:
            # A broker that breaks the protocol makes paho's parser raise any of these.
            self._end(f"{type(error).__name__}: {error}")
            return
        if code is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._end(paho.error_string(code))

    def _resume(self) -> None:
        if self._paused and len(self._waiting) <= MOST_WAITING // 2 and self._reading is not None:
            self._paused = False
            self._loop.add_reader(self._reading, self._read)
            self._loop.call_soon(self._read_pending)

    def _read_pending(self) -> None:
        socket = self._client.socket()
        if isinstance(socket, ssl.SSLSocket) and socket.pending():
            self._read()

    def _on_connect(
        self, _client: object, _data: object, flags: paho.ConnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        if self._connected.done():
            return
        if not code.is_failure:
            self._connected.set_result(flags.session_present)
        elif str(code) == _NO_SUCH_VERSION:
            self._connected.set_exception(VersionRefusedError(f"{self._place}: {code}"))
        else:
            self._connected.set_exception(BrokerError(f"{self._place}: refused: {code}"))

    def _on_disconnect(
        self, _client: object, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        self._end(f"disconnected: {code}")

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = None
        size = len(message.payload)
        payload = bytes(message.payload) if size <= self._most_bytes else b""
        self._waiting.append(
            Message(topic, payload, size, message.qos, message.mid, message.dup, message.retain)
        )
        self._news.set()
        if len(self._waiting) >= MOST_WAITING and not self._paused and self._reading is not None:
            self._paused = True
            self._loop.remove_reader(self._reading)

    def _on_answer(
        self, _client: object, _data: object, mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _on_published(
        self, _client: object, _data: object, mid: int, code: ReasonCode, _properties: object
    ) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result([code])

    def _on_socket_close(self, _client: object, _data: object, socket: Any) -> None:
        self._reading = None
        if socket.fileno() >= 0:
            self._loop.remove_reader(socket.fileno())
            self._loop.remove_writer(socket.fileno())

    def _on_register_write(self, _client: object, _data: object, socket: Any) -> None:
        if self._reading is not None:  # not while the connecting thread still has it
            self._loop.add_writer(socket.fileno(), self._write)

    def _on_unregister_write(self, _client: object, _data: object, socket: Any) -> None:
        if self._reading is not None:
            self._loop.remove_writer(socket.fileno())
