"""The MQTT driver over TLS, with a real Mosquitto and certificates made here."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.drivers.mqtt import Broker, BrokerError, MqttDriver, MqttSettings
from tests.contract.edge_inbox import PATIENCE_S, Inbox, device, running
from tests.parts.processes import Process, find_program, free_port, listens, private_folder


def make_certificate(folder: Path) -> None:
    """A key and a certificate for 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture(scope="module")
def secure() -> Iterator[tuple[int, int, Path]]:
    """A Mosquitto: (TLS port, plain port, folder with cert.pem)."""
    program = find_program("mosquitto", package="mosquitto")
    with private_folder("mosquitto-tls") as folder:
        make_certificate(folder)
        tls, plain = free_port(), free_port()
        configuration = folder / "mosquitto.conf"
        configuration.write_text(
            f"user root\nallow_anonymous true\nlistener {plain} 127.0.0.1\nlistener {tls} 127.0.0.1\n"
            f"certfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n"
            "max_queued_messages 100000\nset_tcp_nodelay true\n"
        )
        process = Process(
            "mosquitto", [program, "-c", str(configuration)], folder=folder, answers=lambda: listens(plain)
        )
        process.start()
        try:
            yield tls, plain, folder
        finally:
            process.stop()


async def test_presses_come_over_tls_also_many_at_once(secure: tuple[int, int, Path]) -> None:
    """TLS holds decoded bytes that no poll of the socket announces; none may be left lying there."""
    tls, plain, folder = secure
    inbox = Inbox()
    broker = Broker(port=tls, ca_file=str(folder / "cert.pem"))
    driver = MqttDriver(
        [device("tuya-ts0215a-sos", "button", topic="t")],
        emit=inbox.emit,
        trouble=inbox.trouble,
        settings=MqttSettings(broker=broker, client_id="tls"),
    )
    async with running(driver.run):
        await asyncio.wait_for(driver.ready.wait(), PATIENCE_S)
        at_once = ((IPPROTO_TCP, TCP_NODELAY, 1),)
        async with aiomqtt.Client("127.0.0.1", plain, socket_options=at_once) as client:
            for number in range(1_000):
                payload = json.dumps({"action": "emergency", "battery": number % 100})
                await client.publish("t", payload, qos=number % 2)
        await inbox.until(lambda: len(inbox.readings) == 1_000)
    assert inbox.said("battery") == [number % 100 for number in range(1_000)]


async def test_a_stranger_broker_is_not_trusted(secure: tuple[int, int, Path]) -> None:
    tls, _, _ = secure
    inbox = Inbox()
    driver = MqttDriver(
        [], emit=inbox.emit, trouble=inbox.trouble, settings=MqttSettings(broker=Broker(port=tls, ca_file=""))
    )
    with pytest.raises(BrokerError, match="certificate verify failed"):
        await driver.run()
