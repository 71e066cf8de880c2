"""Strings that satisfy a schema: by format, by pattern, or simply words of the question."""

import uuid
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from minference_core.simulator.json_values.patterns import UnsupportedPattern, matching_text
from minference_core.simulator.replies import reply_text

__all__ = ["Unsatisfiable", "string_value"]

# Property names that hold prose rather than a label.
_PROSE = (
    "summary",
    "description",
    "explanation",
    "reason",
    "answer",
    "text",
    "content",
    "comment",
    "note",
    "advice",
)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_TRIES = 12


class Unsatisfiable(ValueError):
    """No value was found that the schema admits; there may be none."""


def string_value(schema: dict[str, Any], rng: Random, words: list[str], name: str) -> str:
    """
    Args:
        words: What to take the words from.
        name: The property the string is for; it decides between a label and a sentence.
    """
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    limit = None if most is None else int(most)
    if limit is not None and least > limit:
        raise Unsatisfiable(f"minLength {least} is above maxLength {limit}")
    if (pattern := schema.get("pattern")) is not None:
        return _by_pattern(pattern, rng, least, limit)
    if (made := _by_format(schema.get("format"), rng)) is not None:
        return _long_enough(made, schema["format"], least)
    text = _prose(rng, words) if any(word in name.lower() for word in _PROSE) else _label(rng, words)
    while len(text) < least:
        text += " " + (rng.choice(words) if words else "word")
    return text if limit is None or len(text) <= limit else _cut(text, limit, least)


def _prose(rng: Random, words: list[str]) -> str:
    return reply_text(rng, " ".join(words)).split("\n")[0]


def _label(rng: Random, words: list[str]) -> str:
    chosen = rng.sample(words, min(len(words), rng.randrange(1, 4)))
    return " ".join(chosen) or "word"


def _cut(text: str, limit: int, least: int) -> str:
    """At the end of a word if that leaves enough."""
    at = text.rfind(" ", 0, limit + 1)
    return text[:at] if at >= max(least, 1) else text[:limit]


def _by_pattern(pattern: str, rng: Random, least: int, limit: int | None) -> str:
    try:
        for attempt in range(_TRIES):
            text = matching_text(pattern, rng, stretch=1 + attempt * max(1, least // 8))
            text = text + "a" * (least - len(text)) if not _anchored(pattern) else text
            if len(text) >= least and (limit is None or len(text) <= limit):
                return text
    except UnsupportedPattern as error:
        raise Unsatisfiable(f"pattern {pattern!r} is not one that can be written from") from error
    raise Unsatisfiable(f"pattern {pattern!r} gave no text of the right length")


def _anchored(pattern: str) -> bool:
    return pattern.endswith("$")


def _long_enough(text: str, kind: str, least: int) -> str:
    missing = least - len(text)
    if missing > 0 and kind in ("email", "idn-email"):
        return "a" * missing + text
    if missing > 0 and kind in ("uri", "iri", "uri-reference", "iri-reference", "url"):
        return text + "a" * missing
    return text


def _by_format(kind: Any, rng: Random) -> str | None:
    if not isinstance(kind, str):
        return None
    moment = _EPOCH + timedelta(seconds=rng.randrange(0, 300 * 86_400))
    made = {
        "date-time": lambda: moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "date": lambda: moment.strftime("%Y-%m-%d"),
        "time": lambda: moment.strftime("%H:%M:%SZ"),
        "duration": lambda: f"PT{rng.randrange(1, 90)}M",
        "email": lambda: f"{_name(rng)}@example.com",
        "idn-email": lambda: f"{_name(rng)}@example.com",
        "hostname": lambda: f"{_name(rng)}.example.com",
        "idn-hostname": lambda: f"{_name(rng)}.example.com",
        "uri": lambda: f"https://example.com/{_name(rng)}",
        "url": lambda: f"https://example.com/{_name(rng)}",
        "iri": lambda: f"https://example.com/{_name(rng)}",
        "uri-reference": lambda: f"/{_name(rng)}/{rng.randrange(100)}",
        "iri-reference": lambda: f"/{_name(rng)}/{rng.randrange(100)}",
        "uri-template": lambda: f"https://example.com/{_name(rng)}/{{id}}",
        "uuid": lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "ipv4": lambda: f"192.0.2.{rng.randrange(1, 255)}",
        "ipv6": lambda: f"2001:db8::{rng.randrange(1, 0xFFFF):x}",
        "json-pointer": lambda: f"/{_name(rng)}/{rng.randrange(10)}",
        "relative-json-pointer": lambda: f"{rng.randrange(3)}/{_name(rng)}",
        "regex": lambda: f"^{_name(rng)}$",
    }.get(kind)
    return None if made is None else made()


def _name(rng: Random) -> str:
    return rng.choice(("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbour"))
