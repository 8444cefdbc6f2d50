"""The TLS listener of deploy/mosquitto, with a certificate made for the test."""

import datetime
import ipaddress
import ssl
from functools import partial
from pathlib import Path

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.parts.mosquitto import running_mosquitto
from tests.parts.presence import part_or_skip


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker of a test")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.crt", folder / "server.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.mark.real
async def test_a_gateway_enters_over_tls_and_only_with_the_right_authority(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    with part_or_skip(partial(running_mosquitto, ["gw-1"], certificate=certificate, key=key)) as broker:
        assert broker.tls_port is not None

        def client(trust: ssl.SSLContext) -> aiomqtt.Client:
            return aiomqtt.Client(
                broker.host,
                broker.tls_port or 0,
                username="gw-1",
                password=broker.passwords["gw-1"],
                tls_context=trust,
            )

        async with client(ssl.create_default_context(cafile=str(certificate))) as gateway:
            await gateway.publish("sunwell/v1/gw-1/up/state", b"{}", qos=1)
        with pytest.raises(aiomqtt.MqttError):
            async with client(ssl.create_default_context()):
                pass
