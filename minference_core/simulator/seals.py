"""
Marks on what a client must hand back unchanged: a signature, an encrypted text.

Every simulator can check what any other has issued: a run that goes on after a restart is not refused.
"""

import base64
import binascii
from hashlib import blake2b

__all__ = ["opened", "sealed", "signature", "signed"]

_KEY = b"minference simulator"
_DIGEST = 24  # bytes
_NONCE = 18


def signature(text: str, nonce: bytes) -> str:
    """A signature for `text`; another nonce gives another."""
    nonce = nonce[:_NONCE].ljust(_NONCE, b"\0")
    return base64.b64encode(nonce + _digest(nonce + _bytes(text))).decode()


def signed(text: str, signature: str) -> bool:
    """Whether a simulator made `signature` for just this text."""
    raw = _unbase64(signature)
    return (
        raw is not None
        and len(raw) == _NONCE + _DIGEST
        and raw[_NONCE:] == _digest(raw[:_NONCE] + _bytes(text))
    )


def sealed(text: str, prefix: str) -> str:
    """`text` so that only a simulator can have written it, beginning with `prefix`."""
    raw = _bytes(text)
    return prefix + base64.urlsafe_b64encode(_digest(raw) + raw).decode()


def opened(sealed: str, prefix: str) -> str | None:
    """The text in what `sealed` made; None for anything else."""
    raw = _unbase64(sealed.removeprefix(prefix), altchars=b"-_")
    if not sealed.startswith(prefix) or raw is None or raw[:_DIGEST] != _digest(raw[_DIGEST:]):
        return None
    return raw[_DIGEST:].decode("utf-8", "replace")


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=_DIGEST, key=_KEY).digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _unbase64(text: str, altchars: bytes | None = None) -> bytes | None:
    try:
        return base64.b64decode(text, altchars, validate=True)
    except (binascii.Error, ValueError):
        return None
