"""
Text that matches a regular expression, for the expressions people write in JSON schemas.

Literals, classes, groups, alternatives, repeats and anchors; no look-around and no back-references.
"""

import string
from collections.abc import Callable
from random import Random

__all__ = ["UnsupportedPattern", "matching_text"]

_DIGITS = string.digits
_LETTERS = string.ascii_letters
_WORD = _LETTERS + _DIGITS + "_"
_SPACE = " "
_PRINTABLE = _LETTERS + _DIGITS + " .,;:!?_-+*/=()[]{}<>@#$%&'\"|~^`\\"
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_UNICODE = {
    "L": _LETTERS,
    "Lu": string.ascii_uppercase,
    "Ll": string.ascii_lowercase,
    "N": _DIGITS,
    "Nd": _DIGITS,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_SPARE_REPEATS = 4  # how much more than it must an open repeat does

_Node = Callable[[Random, int], str]


class UnsupportedPattern(ValueError):
    """The expression uses something that is not read here."""


def matching_text(pattern: str, rng: Random, *, stretch: int = 1) -> str:
    """
    A text that `pattern` matches as a whole.

    Args:
        stretch: Open repeats (`+`, `*`, `{3,}`) may go on this many times longer.

    Raises:
        UnsupportedPattern: The expression is out of reach.
    """
    reader = _Reader(pattern)
    node = reader.alternatives()
    if reader.more():
        raise UnsupportedPattern(pattern)
    return node(rng, stretch)


class _Reader:
    """A recursive descent over the expression; each node is a function that makes text."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def more(self) -> bool:
        return self.at < len(self.pattern)

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        if not self.more():
            raise UnsupportedPattern(self.pattern)
        self.at += 1
        return self.pattern[self.at - 1]

    def skip(self, text: str) -> bool:
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def alternatives(self) -> _Node:
        options = [self.sequence()]
        while self.skip("|"):
            options.append(self.sequence())
        return options[0] if len(options) == 1 else lambda rng, stretch: rng.choice(options)(rng, stretch)

    def sequence(self) -> _Node:
        parts: list[_Node] = []
        while self.more() and self.peek() not in "|)":
            if self.peek() in "^$":
                self.at += 1
                continue
            parts.append(self.repeated(self.atom()))
        return lambda rng, stretch: "".join([part(rng, stretch) for part in parts])

    def atom(self) -> _Node:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return _one_of(self.char_class())
        if char == ".":
            return _one_of(_LETTERS + _DIGITS)
        if char == "\\":
            return self.escape()
        if char in "*+?":
            raise UnsupportedPattern(self.pattern)
        return _one_of(char)

    def group(self) -> _Node:
        if self.skip("?"):
            if self.skip("P<") or (self.skip("<") and self.peek() not in "=!"):
                while self.take() != ">":
                    pass
            elif not self.skip(":"):
                raise UnsupportedPattern(self.pattern)
        node = self.alternatives()
        if not self.skip(")"):
            raise UnsupportedPattern(self.pattern)
        return node

    def escape(self) -> _Node:
        if self.peek() in ("b", "A", "Z", "z"):  # places, not characters
            self.at += 1
            return lambda rng, stretch: ""
        return _one_of(self.escaped())

    def escaped(self) -> str:
        """The characters that a backslash and what follows stand for."""
        char = self.take()
        if char in _CLASSES:
            return _CLASSES[char]
        if char.lower() in _CLASSES:
            return "".join(c for c in _PRINTABLE if c not in _CLASSES[char.lower()])
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "p" and self.skip("{"):
            name = ""
            while (letter := self.take()) != "}":
                name += letter
            if name in _UNICODE:
                return _UNICODE[name]
        if char in "xu":
            digits = "".join(self.take() for _ in range(2 if char == "x" else 4))
            return chr(int(digits, 16))
        if char.isalnum():
            raise UnsupportedPattern(self.pattern)
        return char

    def char_class(self) -> str:
        negated = self.skip("^")
        chars = ""
        while self.peek() != "]" or not chars:
            low = self.member()
            if len(low) == 1 and self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] != "]":
                self.at += 1
                high = self.member()
                last = min(ord(high), ord(low) + 0x7F)  # of a wide range the beginning is enough
                chars += "".join(map(chr, range(ord(low), last + 1)))
            else:
                chars += low
        self.at += 1
        if negated:
            chars = "".join(c for c in _PRINTABLE if c not in chars)
        if not chars:
            raise UnsupportedPattern(self.pattern)
        return chars

    def member(self) -> str:
        char = self.take()
        return self.escaped() if char == "\\" else char

    def repeated(self, node: _Node) -> _Node:
        least, most = self.quantifier()
        if (least, most) == (1, 1):
            return node
        self.skip("?")

        def repeat(rng: Random, stretch: int) -> str:
            longest = least + _SPARE_REPEATS * stretch
            times = rng.randint(least, longest if most is None else min(most, longest))
            return "".join([node(rng, stretch) for _ in range(times)])

        return repeat

    def quantifier(self) -> tuple[int, int | None]:
        if self.skip("*"):
            return 0, None
        if self.skip("+"):
            return 1, None
        if self.skip("?"):
            return 0, 1
        if self.peek() != "{":
            return 1, 1
        close = self.pattern.find("}", self.at)
        least, comma, most = self.pattern[self.at + 1 : close].partition(",")
        if not least.isdigit() or (most and not most.isdigit()):
            return 1, 1  # a brace that is only a brace
        self.at = close + 1
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None


def _one_of(chars: str) -> _Node:
    return lambda rng, stretch: rng.choice(chars)
