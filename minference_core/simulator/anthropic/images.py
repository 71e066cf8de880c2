"""What the Messages API refuses as an image, in its own words."""

from minference_core.simulator.anthropic.refusals import bad, required
from minference_core.simulator.images import MEDIA_TYPES, is_base64, is_web_url
from minference_core.simulator.wire import JsonObject

__all__ = ["TOKENS_PER_IMAGE", "check_image"]

TOKENS_PER_IMAGE = 1500


def check_image(where: str, block: JsonObject) -> None:
    """
    Raises:
        Refused: Its source is neither an image in base64 nor an address on the web.
    """
    where = f"{where}.image.source"
    if (source := block.get("source")) is None:
        raise required(where)
    if "type" not in source:
        raise required(f"{where}.type")
    match source["type"]:
        case "base64":
            _check_base64(f"{where}.base64", source)
        case "url":
            if "url" not in source:
                raise required(f"{where}.url.url")
            if not is_web_url(source["url"]):
                raise bad(f"{where}.url.url: Only HTTPS URLs are supported.")
        case kind:
            tags = "'base64', 'url'"
            found = f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
            raise bad(f"{where}: {found}")


def _check_base64(where: str, source: JsonObject) -> None:
    for field in ("media_type", "data"):
        if field not in source:
            raise required(f"{where}.{field}")
    if source["media_type"] not in MEDIA_TYPES:
        *most, last = (f"'{kind}'" for kind in MEDIA_TYPES)
        raise bad(f"{where}.media_type: Input should be {', '.join(most)} or {last}")
    if not is_base64(source["data"]):
        raise bad(f"{where}.data: Invalid base64 data")
