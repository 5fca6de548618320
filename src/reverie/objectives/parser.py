"""The parser of objectives in words, such as `fire8^2 + 0.5*fire5:12 - 0.1*tv`.

    sum      = ["-"] weighted (("+" | "-") weighted)*
    weighted = (NUMBER "*")* piece ("*" NUMBER)*
    piece    = "(" sum ")" | "tv" | "l1" | "l2" | "keep" | "class:" (NUMBER | WORD+) | ("dot" | "cos") "(" sum ")"
             | ("guide" | "guide_mean") ":" FILE "@" LAYER | "diversity:" LAYER
             | WORD "(" [ARGUMENT ("," ARGUMENT)*] ")" | LAYER [":" CHANNEL ["@" [Y "," X]]] ["^" POWER]

`LAYER` is the mean of a layer, `LAYER^2` the mean of its squares, `LAYER:CHANNEL` one channel, `LAYER:CHANNEL@` the
neuron in the middle, `LAYER:CHANNEL@Y,X` the one at that place of the layer's grid. `class:` (or `logit:`) is a class
of the network's classifier, by number or name. `guide:` is the best match to a picture's features, `guide_mean:` the
match to their mean. `dot` and `cos` take a weighted sum of channels of one layer for a direction. `keep` is nearness
to the photograph, `diversity:` the difference between the images of a batch; `tv`, `l1` and `l2` (total variation,
distance from gray) are to be subtracted. A layer, class or file whose name looks like something else is put in double
quotes.

`WORD(...)` is an objective of one's own, see `registered`; its `ARGUMENT`s are names (of layers) and numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reverie.errors import SettingsError, WordingError
from reverie.objectives.base import ChannelTerm, Objective, channel, layer, neuron
from reverie.objectives.batch import diversity
from reverie.objectives.checks import ALLOWED_POWERS
from reverie.objectives.classes import logit
from reverie.objectives.directions import make_direction
from reverie.objectives.guides import guide
from reverie.objectives.penalties import contrast, keep, total_variation
from reverie.objectives.registered import Argument, make_registered
from reverie.objectives.wording import UNQUOTED_NAME

TOKEN_PATTERN = re.compile(rf"""\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)(?![\w/])
    |(?P<name>{UNQUOTED_NAME.pattern})|"(?P<quoted>[^"]+)"|(?P<sign>[-+*^:@,()]))""", re.VERBOSE)  # fmt: skip

MAX_NESTING = 50
"""The deepest nesting of parentheses: each level is several calls, and Python's stack is limited."""


def objective(words: str) -> Objective:
    """Parses an objective such as "fire8^2 + 0.5*fire5:12 - 0.1*tv"; the module's docstring has the grammar.

    `str` of the result is such text again. Raises `WordingError` that says up to where the words could be read. Whether
    the layers exist is seen only when a model is given.

    >>> import reverie as rv
    >>> rv.objective("fire8^2 + 0.5*fire5:12") == rv.layer("fire8", power=2) + 0.5 * rv.channel("fire5", 12)
    True
    """
    return ObjectiveParser(words, split_tokens(words)).parse_all()


@dataclass(frozen=True)
class Token:
    """A piece of text that the grammar does not divide further."""

    kind: str
    """ "number", "name", "quoted", "sign", or "end" after the last."""
    text: str
    """Without quotes."""
    start: int
    """Where in the whole text it begins."""


def split_tokens(words: str) -> list[Token]:
    """Splits text into tokens, the last of them "end"; raises `WordingError` at a character that begins none."""
    found, place = [], 0
    while words[place:].strip():
        match = TOKEN_PATTERN.match(words, place)
        if match is None:
            raise WordingError(
                f"cannot read the objective {words!r} after {words[:place].strip()!r}: {EXAMPLE_WORDING}"
            )
        kind = match.lastgroup or ""
        found.append(Token(kind, match[kind], match.start(kind)))
        place = match.end()
    return [*found, Token("end", "", len(words))]


EXAMPLE_WORDING = 'expected something like "fire8^2 + 0.5*fire5:12 - 0.1*tv"'
"""The end of the message about text that cannot be split into tokens."""

BARE_WORDS = {
    "tv": total_variation,
    "l1": lambda: contrast(1),
    "l2": lambda: contrast(2),
    "keep": keep,
}
"""Words that are a whole piece, and what makes its objective."""

NAMED_PIECES = {
    "class": "parse_class",
    "logit": "parse_class",
    "guide": "parse_guide",
    "guide_mean": "parse_guide",
    "diversity": "parse_diversity",
}
"""Words that a colon and a name follow, and the method of `ObjectiveParser` that reads those."""


class ObjectiveParser:
    """A recursive descent parser: it reads tokens from left to right, with a method for each rule of the grammar."""

    def __init__(self, words: str, tokens: list[Token]) -> None:
        self.words, self.tokens, self.position, self.depth = words, tokens, 0, 0  # depth: of open parentheses

    def parse_all(self) -> Objective:
        """Parses a sum that ends where the text does."""
        parsed = self.parse_sum()
        if self.tokens[self.position].kind != "end":
            raise self.make_error("+, - or the end")
        return parsed

    def parse_sum(self) -> Objective:
        """Parses weighted pieces with + and - between them."""
        total = -self.parse_weighted() if self.take_sign("-") else self.parse_weighted()
        while True:
            if self.take_sign("+"):
                total = total + self.parse_weighted()
            elif self.take_sign("-"):
                total = total - self.parse_weighted()
            else:
                return total

    def parse_weighted(self) -> Objective:
        """Parses a piece with any count of weights before and after it."""
        weight = 1.0
        while self.tokens[self.position].kind == "number":
            weight *= float(self.take_token().text)
            if not self.take_sign("*"):
                raise self.make_error("* and a layer after a weight")
        parsed = self.parse_piece()
        while self.take_sign("*"):
            weight *= float(self.take_number("a weight"))
        try:
            return weight * parsed
        except SettingsError:
            raise self.make_error("smaller weights before it") from None

    def parse_piece(self) -> Objective:
        """Parses a sum in parentheses, a word of the grammar with what follows it, or a layer."""
        if self.take_sign("("):
            return self.parse_group()
        token = self.tokens[self.position]
        if token.kind not in ("name", "quoted"):
            raise self.make_error("a layer, tv or (")
        self.take_token()
        if token.kind == "name" and token.text in BARE_WORDS:
            return BARE_WORDS[token.text]()
        if token.kind == "name" and token.text in NAMED_PIECES and self.take_sign(":"):
            named: Objective = getattr(self, NAMED_PIECES[token.text])(token.text)
            return named
        if token.kind == "name" and token.text in ("dot", "cos") and self.take_sign("("):
            return self.parse_direction(cosine=token.text == "cos")
        if token.kind == "name" and self.take_sign("("):
            return self.parse_registered(token.text)
        return self.parse_layer(token.text)

    def parse_registered(self, word: str) -> Objective:
        """Parses what follows `word` and "(", names and numbers with commas between them, and ")"."""
        arguments: list[Argument] = []
        if not self.take_sign(")"):
            arguments.append(self.parse_argument())
            while self.take_sign(","):
                arguments.append(self.parse_argument())
            if not self.take_sign(")"):
                raise self.make_error(", or )")
        return make_registered(word, arguments)

    def parse_argument(self) -> Argument:
        """Parses a name, or a number that may be negative."""
        negative = self.take_sign("-")
        if self.tokens[self.position].kind in ("name", "quoted") and not negative:
            return self.take_token().text
        text = self.take_number("a number" if negative else "a layer or a number")
        return (-1 if negative else 1) * (int(text) if text.isdigit() else float(text))

    def parse_class(self, _: str) -> Objective:
        """Parses what follows "class:", a number or one or more words."""
        if self.tokens[self.position].kind == "number":
            return logit(self.take_whole_number("a class"))
        words = [self.take_name("a class, a number or a word")]
        while self.tokens[self.position].kind == "name":  # golden retriever: a shell may have taken the quotes
            words.append(self.take_token().text)
        return logit(" ".join(words))

    def parse_guide(self, kind: str) -> Objective:
        """Parses what follows "guide:" or "guide_mean:" (`kind`), a file, @ and a layer."""
        picture = self.take_name("a picture's file")
        if not self.take_sign("@"):
            raise self.make_error("@ and a layer")
        return guide(picture, self.take_name("a layer"), mean=kind == "guide_mean")

    def parse_diversity(self, _: str) -> Objective:
        """Parses what follows "diversity:", a layer."""
        return diversity(self.take_name("a layer"))

    def parse_direction(self, cosine: bool) -> Objective:
        """Parses what follows "dot(" or "cos(", a weighted sum of channels of one layer without powers."""
        start = self.position
        inner = self.parse_group()
        layers = {(type(term), term.layer, getattr(term, "power", 1)) for _, term in inner.terms}
        if len(layers) != 1 or next(iter(layers))[0::2] != (ChannelTerm, 1):
            self.position = start
            raise self.make_error("a sum of channels of one layer, such as 0.5*fire8:3 - fire8:7")
        parts = [(term.channel, weight) for weight, term in inner.terms if isinstance(term, ChannelTerm)]
        return make_direction(inner.layers[0], parts, cosine)

    def take_name(self, what: str) -> str:
        """The next token, which must be a name; `what` says in the error which one was expected."""
        if self.tokens[self.position].kind not in ("name", "quoted"):
            raise self.make_error(what)
        return self.take_token().text

    def parse_group(self) -> Objective:
        """Parses what follows "(", a sum and ")"."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.make_error("fewer parentheses within each other")
        inner = self.parse_sum()
        if not self.take_sign(")"):
            raise self.make_error(")")
        self.depth -= 1
        return inner

    def parse_layer(self, name: str) -> Objective:
        """Parses what follows the name of a layer: a channel, a place, a power, each of them optional."""
        if not self.take_sign(":"):
            return layer(name, self.parse_power())
        number = self.take_whole_number("a channel")
        if not self.take_sign("@"):
            return channel(name, number, self.parse_power())
        place = None
        if self.tokens[self.position].kind == "number":
            y = self.take_whole_number("a row")
            if not self.take_sign(","):
                raise self.make_error(", and a column")
            place = (y, self.take_whole_number("a column"))
        return neuron(name, number, place, self.parse_power())

    def parse_power(self) -> int:
        """Parses "^" and a power, if they are there; else the power is 1."""
        return self.take_whole_number("a power", ALLOWED_POWERS) if self.take_sign("^") else 1

    def take_whole_number(self, what: str, among: range = range(10**9)) -> int:
        """The next token, which must be a whole number in a range."""
        text = self.take_number(what)
        if not (text.isdigit() and len(text) < 10 and int(text) in among):
            self.position -= 1
            raise self.make_error(f"{what}, a whole number from {among[0]} to {among[-1]}")
        return int(text)

    def take_number(self, what: str) -> str:
        """The text of the next token, which must be a number."""
        if self.tokens[self.position].kind != "number":
            raise self.make_error(what)
        return self.take_token().text

    def take_sign(self, sign: str) -> bool:
        """Whether the next token is this sign; if so, goes on to the one after it."""
        found = (self.tokens[self.position].kind, self.tokens[self.position].text) == ("sign", sign)
        self.position += found
        return found

    def take_token(self) -> Token:
        """The next token; goes on to the one after it."""
        self.position += 1
        return self.tokens[self.position - 1]

    def make_error(self, expected: str) -> WordingError:
        """The error for the next token, where something else was expected."""
        token = self.tokens[self.position]
        got = f"{token.text!r}" if token.kind != "end" else "the end"
        read = self.words[: token.start].strip()
        return WordingError(f"cannot read the objective {self.words!r} after {read!r}: expected {expected}, got {got}")
