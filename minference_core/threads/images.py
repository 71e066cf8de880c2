"""Pictures in messages: where one is, or what it is."""

import base64
import binascii
import re
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

__all__ = ["Image", "ImageInput", "MediaType"]

# What OpenAI and Anthropic both take.
MediaType = Literal["image/jpeg", "image/png", "image/gif", "image/webp"]

_DATA_URI = re.compile(r"data:(?P<media>[\w/+.-]+);base64,(?P<data>.*)", re.DOTALL)
_WEB_ADDRESS = re.compile(r"https?://\S+")
_SIGNATURES: tuple[tuple[bytes, MediaType], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class Image(BaseModel):
    """
    One picture that is shown to the model.

    Attributes:
        url: Where it is, http or https; a `data:` URI is taken apart into the other two.
        data: Or what it is, in base64.
        media_type: Of `data`; read from its first bytes where it is not said.
        detail: How closely OpenAI's models look at it; the others do not know it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    data: str | None = None
    media_type: MediaType | None = None
    detail: Literal["low", "high", "auto"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _taken_apart(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        found = _DATA_URI.fullmatch(str(given.get("url") or ""))
        if found is not None:
            given = {**given, "url": None, "data": found["data"], "media_type": found["media"]}
        if isinstance(given.get("data"), bytes):
            given = {**given, "data": base64.b64encode(given["data"]).decode()}
        if given.get("data") and not given.get("media_type"):
            given = {**given, "media_type": _media_type(_decoded(given["data"]))}
        return given

    @model_validator(mode="after")
    def _is_one_picture(self) -> Self:
        if (self.url is None) == (self.data is None):
            raise ValueError("an image has either url or data: set one of them")
        if self.url is not None and not _WEB_ADDRESS.fullmatch(self.url):
            raise ValueError("url is no http(s) address and no data URI in base64")
        if self.data is not None:
            _decoded(self.data)
        return self

    @property
    def as_url(self) -> str:
        """Its address, or a `data:` URI that holds it."""
        return self.url or f"data:{self.media_type};base64,{self.data}"


def _given(value: object) -> object:
    """An image as people write it: its address, a `data:` URI, or its bytes."""
    if isinstance(value, str):
        return {"url": value}
    return {"data": value} if isinstance(value, bytes) else value


ImageInput = Annotated[Image, BeforeValidator(_given)]


def _decoded(data: str) -> bytes:
    try:
        found = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError(f"data is not base64: {exc}") from exc
    if not found:
        raise ValueError("data is empty")
    return found


def _media_type(picture: bytes) -> MediaType:
    for signature, media_type in _SIGNATURES:
        if picture.startswith(signature):
            return media_type
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    raise ValueError(f"it is none of {', '.join(get_args(MediaType))}: convert it, or set media_type")
