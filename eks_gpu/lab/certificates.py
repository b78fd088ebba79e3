"""Certificates for programs on loopback, each its own authority: nothing outside the lab trusts them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from eks_gpu.lab.ports import LOOPBACK

AUTHORITY, CERTIFICATE, KEY = "ca.crt", "tls.crt", "tls.key"
"""The files, as a Secret with a certificate has them."""


def write_certificate(folder: Path, names: Iterable[str] = (), owner: str = LOOPBACK) -> bytes:
    """Writes a key and a certificate for loopback and these names of hosts into the folder; returns the certificate.

    `owner` is its common name, by which the API server's front proxy is known.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner)]), datetime.now(UTC)
    hosts = [x509.IPAddress(ip_address(LOOPBACK)), *(x509.DNSName(each) for each in ("localhost", *names))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    for file in (AUTHORITY, CERTIFICATE):
        (folder / file).write_bytes(pem)
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / KEY).touch(mode=0o600)
    (folder / KEY).write_bytes(key.private_bytes(*private))
    return pem
