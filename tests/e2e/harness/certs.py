"""Certificates made for a test: an authority, and pairs that it signed."""

import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Pair:
    """A certificate and its key, as PEM."""

    def __init__(self, certificate, key):
        self.certificate = certificate
        self.crt = _pem(certificate)
        self.key = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption()).decode()

    @property
    def serial(self):
        return f"{self.certificate.serial_number:X}"


class Authority:
    def __init__(self, name="test authority"):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        now = datetime.datetime.now(datetime.timezone.utc)
        self.certificate = (
            x509.CertificateBuilder().subject_name(self._name).issuer_name(self._name)
            .public_key(self._key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256()))
        self.crt = _pem(self.certificate)

    def issue(self, *names, expired=False):
        key = ec.generate_private_key(ec.SECP256R1())
        return Pair(self.sign(key.public_key(), names, expired), key)

    def sign(self, public_key, names, expired=False):
        """The certificate of a key that somebody else made."""
        now = datetime.datetime.now(datetime.timezone.utc)
        end = now - datetime.timedelta(days=1) if expired else now + datetime.timedelta(days=20)
        return (
            x509.CertificateBuilder().subject_name(_name(names[0][:60])).issuer_name(self._name)
            .public_key(public_key).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2)).not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256()))


def server_tls(pair, folder, alpn=()):
    """The context of a server with this certificate; its files go into the folder."""
    (folder / "server.crt").write_text(pair.crt)
    (folder / "server.key").write_text(pair.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
