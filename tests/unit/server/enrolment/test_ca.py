"""Certificates: who is named, for how long, for what, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.enrolment import keys
from server.enrolment import ca

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
LIFE = timedelta(days=90)
AUTHORITY = ca.make_authority(now=NOW)


def gateway_certificate(name: str = "gw-1") -> x509.Certificate:
    csr = ca.read_request(keys.make_request(keys.make_key(), "administrator"))
    return ca.gateway_certificate(AUTHORITY, csr, gateway=name, life=LIFE, now=NOW)


def test_a_gateway_gets_its_own_name_whatever_it_asked_for() -> None:
    certificate = gateway_certificate()
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "gw-1"
    certificate.verify_directly_issued_by(AUTHORITY.certificate)


def test_it_can_only_be_a_client() -> None:
    certificate = gateway_certificate()
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert [*usage.value] == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert usage.critical
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints.ca is False


def test_it_ends_when_its_life_is_over_and_is_renewed_before() -> None:
    pem = ca.pem_of(gateway_certificate())
    ends = datetime.fromtimestamp(keys.valid_until_ms(pem) / 1000, UTC)
    due = datetime.fromtimestamp(keys.renewal_due_ms(pem) / 1000, UTC)
    assert ends == NOW + LIFE
    assert NOW + LIFE * 0.6 < due < NOW + LIFE * 0.7


@pytest.mark.parametrize("boot", [datetime(1970, 1, 2, tzinfo=UTC), datetime(2021, 5, 7, tzinfo=UTC)])
def test_a_pi_without_a_clock_can_still_trust_its_server(boot: datetime) -> None:
    server = ca.server_certificate(AUTHORITY, ca.new_key(), names=["broker.example.org"], now=NOW)
    for certificate in (server, AUTHORITY.certificate):
        assert certificate.not_valid_before_utc <= boot < certificate.not_valid_after_utc
    assert server.not_valid_after_utc - NOW > timedelta(days=365 * 9)


def test_a_server_is_found_under_its_names_and_addresses() -> None:
    names = ["broker.example.org", "10.0.0.1", "[fd00::1]"]
    server = ca.server_certificate(AUTHORITY, ca.new_key(), names=names, now=NOW)
    found = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["broker.example.org"]
    assert [str(one) for one in found.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "fd00::1"]


def request_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no request",
        request_of(ec.generate_private_key(ec.SECP384R1())),
        request_of(rsa.generate_private_key(65537, 2048)),
    ],
)
def test_odd_requests_are_refused(pem: str) -> None:
    with pytest.raises(ca.RequestError):
        ca.read_request(pem)


def test_a_request_that_was_changed_is_refused() -> None:
    csr = x509.load_pem_x509_csr(keys.make_request(keys.make_key(), "x").encode())
    der = csr.public_bytes(serialization.Encoding.DER)
    forged = x509.load_der_x509_csr(der.replace(b"\x0c\x01x", b"\x0c\x01y"))  # another name, as asked for
    with pytest.raises(ca.RequestError, match="signed with its own key"):
        ca.read_request(forged.public_bytes(serialization.Encoding.PEM).decode())


def test_a_signature_counts_for_its_key_and_text_only() -> None:
    key, other = keys.make_key(), keys.make_key()
    public = ca.public_pem(ca.read_request(keys.make_request(key, "x")))
    assert ca.is_signed_by(public, keys.sign(key, b"text"), b"text")
    assert not ca.is_signed_by(public, keys.sign(key, b"text"), b"other")
    assert not ca.is_signed_by(public, keys.sign(other, b"text"), b"text")
    assert not ca.is_signed_by(public, b"nonsense", b"text")


def test_an_authority_is_read_back_and_only_with_its_own_key() -> None:
    again = ca.read_authority(AUTHORITY.pem, ca.key_pem(AUTHORITY.key))
    assert again.der == AUTHORITY.der
    with pytest.raises(ValueError, match="does not belong"):
        ca.read_authority(AUTHORITY.pem, ca.key_pem(ca.new_key()))
