"""Many certificates in little time: one key for all of them, signed by an authority made for the run."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from harness.certs import Authority


class Certificates:
    def __init__(self, folder):
        self._authority = Authority("bench")
        self.authority_file = folder / "authority.pem"
        self.authority_file.write_text(self._authority.crt)
        # The same curve and hash as the authority's own; making a key each would take longer than the measurement.
        self._signer = ec.generate_private_key(ec.SECP256R1())
        self._key = self._signer.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()).decode()

    def issue(self, name):
        """(certificate, key) as PEM."""
        certificate = self._authority.sign(self._signer.public_key(), [name])
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), self._key
