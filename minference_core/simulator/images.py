"""Images in a request: whether they can be one at all. Nobody looks at them."""

import base64
import binascii
import re
from urllib.parse import urlsplit

__all__ = ["MEDIA_TYPES", "is_base64", "is_web_url", "of_data_uri"]

MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w-]+=[\w.-]+)*;base64,", re.ASCII)


def is_base64(data: str) -> bool:
    """Whether `data` is something in base64."""
    try:
        return bool(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return False


def is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket without its partner
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def of_data_uri(uri: str) -> tuple[str, str] | None:
    """The media type and the data of a `data:` URI in base64; None if it is not one."""
    begun = _DATA_URI.match(uri)
    return (begun[1], uri[begun.end() :]) if begun else None
