"""
How many tokens a text has, near enough: no vocabulary is loaded, the same text always has the same number.

4.5 bytes a token is what cl100k_base makes of English prose; code and Chinese have more than this says.
"""

__all__ = ["count_tokens", "cut"]


def count_tokens(text: str) -> int:
    """Tokens in `text`: 0 for nothing, else at least 1."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return (2 * size + 8) // 9


def cut(text: str, tokens: int) -> str:
    """The first `tokens` tokens of `text`, which may end inside a word as a real reply does."""
    size = tokens * 9 // 2
    if len(text) <= size and text.isascii():
        return text
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")
