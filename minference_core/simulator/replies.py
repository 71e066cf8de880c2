"""
What the model says: a few plausible sentences made from the words of the question.

The same random source gives the same words. Nothing here knows a wire format.
"""

import re
from random import Random

__all__ = ["keywords", "refusal_text", "reply_text"]

_WORD = re.compile(r"[^\W_](?:[\w'’-]{0,22}[^\W_])?")
_EDGES = "\"'`.,;:!?()[]{}<>*_/\\|…–—“”„‘’«»¿¡。、，！？「」（）-"
_INNER = str.maketrans("", "", "-'’")
_MOST_WORDS = 60
_READ_CHARACTERS = 1000  # of a long prompt only the end is read: that is where the question is

_FILLERS = """
about above after again also and any are because been before being between both but can could did does doing
each for from give had has have here how into its just like make many may might more most much must name not
now off one only other our out over please same shall she should some such tell than that the their them
then there these they this those through too under until use very was well were what when where which while
who whom why will with would write you your
"""
_COMMON = frozenset(_FILLERS.split())

_SHORT = (
    "Yes: {a} first, then {b}.",
    "In short, {a} comes down to {b}.",
    "I would choose {a} over {b}.",
    "That depends on {a}, not on {b}.",
    "{A} and {b}, in that order.",
    "No, {a} alone is not enough.",
)
_OPENINGS = (
    "The short answer is that {a} matters more here than {b}.",
    "There are two sides to this: {a} and {b}.",
    "Let us start with {a}, because everything else follows from it.",
    "You asked about {a}, so I will be specific.",
    "Most people begin with {a} and only later think of {b}.",
    "{A} is easier to understand once {b} is settled.",
    "It helps to separate {a} from {b} before deciding anything.",
    "Happy to help with {a}.",
    "A good way to look at {a} is to ask what {b} would change.",
)
_FOLLOW_UPS = (
    "Going back to what you said about {e}, the next step is {a}.",
    "As before with {e}, the point to watch is {a}.",
    "That fits with {e}, and it makes {a} simpler.",
)
_MIDDLES = (
    "When {a} changes, {b} usually changes with it, so plan for both.",
    "Keep {a} small at first and measure what happens to {b}.",
    "For {a} I would set aside {n} minutes, no more.",
    "In practice {a} takes about {n} per cent of the effort.",
    "If {a} is not available, {b} does nearly as well.",
    "Note that {a} has a cost which {b} does not.",
    "One common mistake is to treat {a} as if it were {b}.",
    "The difference shows when {a} is repeated {n} times.",
    "Here {b} is the constraint and {a} is the choice.",
    "First check {a}; then compare it with {b}; finally write down what you found.",
    "Someone who knows {a} well will notice {b} at once.",
    "It is worth saying that {a} and {b} are often confused.",
    "A simple example: take {a}, leave out {b}, and see what remains.",
    "Two or three attempts at {a} are normal before {b} feels right.",
    "None of this needs special tools, only {a} and a little patience.",
    "Where {a} meets {b}, prefer the plainer option.",
)
_CLOSINGS = (
    "So: {a} now, {b} later.",
    "If you tell me more about {a}, I can be more precise.",
    "That should be enough to begin with {a}.",
    "In the end, {a} decides.",
    "Would you like an example with {b}?",
    "All in all, I would trust {a}.",
)
_REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I can't assist with that.",
    "I'm sorry, I can't assist with that request.",
)


def reply_text(rng: Random, topic: str, earlier: str = "") -> str:
    """
    Some 5 to 120 words about `topic`.

    Args:
        rng: Where the choices come from; it alone decides which answer this is.
        topic: What was asked.
        earlier: What was asked before that, or nothing; a later turn then refers to it.
    """
    words = keywords(topic) or ["that", "this"]
    length = int(4 + 116 * rng.random() ** 1.7)  # mostly short, sometimes long
    if length < 12:
        return _fill(rng, rng.choice(_SHORT), words, "")
    echoes = keywords(earlier)
    first = rng.choice(_FOLLOW_UPS) if echoes and rng.random() < 0.7 else rng.choice(_OPENINGS)
    echo = rng.choice(echoes) if echoes else ""
    said = [_fill(rng, first, words, echo)]
    spoken = said[0].count(" ") + 1
    middles = rng.sample(_MIDDLES, len(_MIDDLES))
    while spoken < length - 12 and middles:
        said.append(_fill(rng, middles.pop(), words, ""))
        spoken += said[-1].count(" ") + 1
    if spoken < length:
        said.append(_fill(rng, rng.choice(_CLOSINGS), words, ""))
    return _paragraphs(rng, said)


def refusal_text(rng: Random) -> str:
    return rng.choice(_REFUSALS)


def _paragraphs(rng: Random, sentences: list[str]) -> str:
    if len(sentences) < 6:
        return " ".join(sentences)
    half = rng.randrange(2, len(sentences) - 2)
    return " ".join(sentences[:half]) + "\n\n" + " ".join(sentences[half:])


def _fill(rng: Random, template: str, words: list[str], echo: str) -> str:
    first = rng.choice(words)
    second = rng.choice(words)
    if second == first and len(words) > 1:
        second = words[(words.index(first) + 1) % len(words)]
    return template.format(a=first, b=second, A=first[:1].upper() + first[1:], n=rng.randrange(2, 60), e=echo)


def keywords(text: str) -> list[str]:
    """The telling words of a text, each once, in their order."""
    text = text[-_READ_CHARACTERS:]
    words = dict.fromkeys([word.strip(_EDGES) for word in dict.fromkeys(text.split())])
    telling = [word for word in words if _tells(word)]
    # Without spaces, as in Chinese, or with nothing but small words: whatever there is.
    return (telling or list(dict.fromkeys(_WORD.findall(text))))[-_MOST_WORDS:]


def _tells(word: str) -> bool:
    if len(word) > 24 or (len(word) < 4 and word.isascii()):
        return False
    return word.lower() not in _COMMON and word.translate(_INNER).isalnum()
