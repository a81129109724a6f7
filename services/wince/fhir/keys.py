"""Keys that sign Wince in at an EHR: private ones in files, public ones as a JSON Web Key Set (RFC 7517) for the EHR to know."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from wince.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, the algorithm with which it signs, and the id under which the EHR knows it."""

    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(repr=False)
    algorithm: str
    """ES384 or RS384: what SMART asks every server to take."""
    kid: str

    @staticmethod
    def of(pem: bytes, kid: str) -> SigningKey:
        """Raises ConfigError where SMART does not allow the key."""
        return SigningKey(*usable_key(pem), kid)

    def public_jwk(self) -> dict[str, Any]:
        """The public half."""
        public = self.private.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            made = ECAlgorithm.to_jwk(public, as_dict=True)
        else:
            made = RSAAlgorithm.to_jwk(public, as_dict=True)
        kept = {name: value for name, value in made.items() if name in ("kty", "crv", "x", "y", "n", "e")}
        return {**kept, "kid": self.kid, "alg": self.algorithm, "use": "sig", "key_ops": ["verify"]}


def key_set(keys: Sequence[SigningKey]) -> str:
    """The public halves as a JSON Web Key Set. Raises ConfigError where two have one id."""
    if len({key.kid for key in keys}) < len(keys):
        raise ConfigError("two keys have one id (kid)", field="ehr_next_key_id", remedy="give the next key another id than ehr_key_id")
    return json.dumps({"keys": [key.public_jwk() for key in keys]}, indent=2)


def usable_key(key_pem: bytes) -> tuple[ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, str]:
    """The private key and the algorithm with which it signs. Raises ConfigError where SMART does not allow it."""
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError("the SMART private key can't be read", field="key", remedy="an unencrypted PEM, EC P-384 or RSA") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp384r1":
        return key, "ES384"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return key, "RS384"
    raise ConfigError("the SMART private key is of a kind that SMART does not allow", field="key", remedy="EC P-384 or RSA 2048")
