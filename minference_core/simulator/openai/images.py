"""What OpenAI's two APIs refuse as an image, in their own words."""

from minference_core.simulator.images import MEDIA_TYPES, is_base64, is_web_url, of_data_uri
from minference_core.simulator.openai.refusals import bad

__all__ = ["TOKENS_PER_IMAGE", "check_image_url"]

TOKENS_PER_IMAGE = 255
_FORMATS = [kind.removeprefix("image/") for kind in MEDIA_TYPES]


def check_image_url(url: str, where: str) -> None:
    """
    Raises:
        Refused: `url` is neither an address on the web nor a `data:` URI of an image in base64.
    """
    if is_web_url(url):
        return
    if not url.startswith("data:"):
        message = "Expected a valid URL, but got a value with an invalid format."
        raise bad(f"Invalid '{where}'. {message}", where, "invalid_value")
    uri = of_data_uri(url)
    if uri is None or not uri[0].startswith("image/"):
        example = "data:image/png;base64,aW1nIGJ5dGVzIGhlcmU="
        message = f"Expected a base64-encoded data URL with an image MIME type (e.g. '{example}')"
        raise bad(f"Invalid '{where}'. {message}, but got an invalid value.", where, "invalid_value")
    if uri[0] not in MEDIA_TYPES:
        advice = f"Please make sure your image has one of the following formats: {_FORMATS}."
        raise bad(f"You uploaded an unsupported image. {advice}", where, "invalid_image_format")
    if not is_base64(uri[1]):
        raise bad("Invalid base64 image_url.", where, "invalid_base64")
