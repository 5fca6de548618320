"""Objectives in words: `fire8^2 + 0.5*fire5:12 - 0.1*tv`.

    wish   = ["-"] share (("+" | "-") share)*
    share  = (NUMBER "*")* piece ("*" NUMBER)*
    piece  = "(" wish ")" | "tv" | "l1" | "l2" | "keep" | "class:" (NUMBER | WORD+) | ("dot" | "cos") "(" wish ")"
           | ("guide" | "guide_mean") ":" FILE "@" LAYER | "diversity:" LAYER
           | LAYER [":" CHANNEL ["@" [Y "," X]]] ["^" POWER]

`LAYER` is the mean of a layer, `LAYER^2` the mean of its squares, `LAYER:CHANNEL` one channel, `LAYER:CHANNEL@` the
neuron in the middle, `LAYER:CHANNEL@Y,X` the one at that place of the layer's grid. `class:` (or `logit:`) is what the
network's classifier calls so. `guide:` is the best match to a picture's features, `guide_mean:` to their mean. `dot`
and `cos` hold a weighted sum of channels of one layer and take it for a direction. `keep` is nearness to the
photograph, `diversity:` how unlike the pictures of a batch are; `tv`, `l1` and `l2` (total variation, distance from
gray) are to be subtracted. A layer, class or file whose name looks like something else is put in double quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reverie.errors import SettingsError, WordingError
from reverie.objectives.base import PLAIN_NAME, POWERS, ChannelTerm, Objective, channel, layer, neuron
from reverie.objectives.batch import diversity
from reverie.objectives.classes import logit
from reverie.objectives.directions import along
from reverie.objectives.guides import guide
from reverie.objectives.penalties import contrast, keep, total_variation

TOKEN = re.compile(rf"""\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)(?![\w/])
    |(?P<name>{PLAIN_NAME.pattern})|"(?P<quoted>[^"]+)"|(?P<sign>[-+*^:@,()]))""", re.VERBOSE)  # fmt: skip

DEEPEST = 50  # parentheses within each other; each is a few calls deep


def objective(words: str) -> Objective:
    """The objective that the words say; raises `WordingError` that says up to where they could be read."""
    return Reader(words, tokens_of(words)).whole()


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int


def tokens_of(words: str) -> list[Token]:
    found, place = [], 0
    while words[place:].strip():
        match = TOKEN.match(words, place)
        if match is None:
            raise WordingError(f"cannot read the objective {words!r} after {words[:place].strip()!r}: {EXAMPLE}")
        kind = match.lastgroup or ""
        found.append(Token(kind, match[kind], match.start(kind)))
        place = match.end()
    return [*found, Token("end", "", len(words))]


EXAMPLE = 'expected something like "fire8^2 + 0.5*fire5:12 - 0.1*tv"'


ALONE = {
    "tv": total_variation,
    "l1": lambda: contrast(1),
    "l2": lambda: contrast(2),
    "keep": keep,
}
WITH_A_NAME = {
    "class": "of_class",
    "logit": "of_class",
    "guide": "of_guide",
    "guide_mean": "of_guide",
    "diversity": "of_batch",
}


class Reader:
    """Reads tokens from left to right, one method for each line of the grammar."""

    def __init__(self, words: str, tokens: list[Token]) -> None:
        self.words, self.tokens, self.at, self.depth = words, tokens, 0, 0

    def whole(self) -> Objective:
        wish = self.wish()
        if self.tokens[self.at].kind != "end":
            raise self.error("+, - or the end")
        return wish

    def wish(self) -> Objective:
        total = -self.share() if self.take("-") else self.share()
        while True:
            if self.take("+"):
                total = total + self.share()
            elif self.take("-"):
                total = total - self.share()
            else:
                return total

    def share(self) -> Objective:
        weight = 1.0
        while self.tokens[self.at].kind == "number":
            weight *= float(self.next().text)
            if not self.take("*"):
                raise self.error("* and a layer after a weight")
        wish = self.piece()
        while self.take("*"):
            weight *= float(self.number("a weight"))
        try:
            return weight * wish
        except SettingsError:
            raise self.error("smaller weights before it") from None

    def piece(self) -> Objective:
        if self.take("("):
            return self.inner()
        token = self.tokens[self.at]
        if token.kind not in ("name", "quoted"):
            raise self.error("a layer, tv or (")
        self.next()
        if token.kind == "name" and token.text in ALONE:
            return ALONE[token.text]()
        if token.kind == "name" and token.text in WITH_A_NAME and self.take(":"):
            named: Objective = getattr(self, WITH_A_NAME[token.text])(token.text)
            return named
        if token.kind == "name" and token.text in ("dot", "cos") and self.take("("):
            return self.direction(cosine=token.text == "cos")
        return self.of_layer(token.text)

    def of_class(self, _: str) -> Objective:
        if self.tokens[self.at].kind == "number":
            return logit(self.whole_number("a class"))
        words = [self.name("a class, a number or a word")]
        while self.tokens[self.at].kind == "name":  # golden retriever: a shell may have taken the quotes
            words.append(self.next().text)
        return logit(" ".join(words))

    def of_guide(self, kind: str) -> Objective:
        picture = self.name("a picture's file")
        if not self.take("@"):
            raise self.error("@ and a layer")
        return guide(picture, self.name("a layer"), mean=kind == "guide_mean")

    def of_batch(self, _: str) -> Objective:
        return diversity(self.name("a layer"))

    def direction(self, cosine: bool) -> Objective:
        start = self.at
        inner = self.inner()
        layers = {(type(term), term.layer, getattr(term, "power", 1)) for _, term in inner.terms}
        if len(layers) != 1 or next(iter(layers))[0::2] != (ChannelTerm, 1):
            self.at = start
            raise self.error("a sum of channels of one layer, such as 0.5*fire8:3 - fire8:7")
        parts = [(term.channel, weight) for weight, term in inner.terms if isinstance(term, ChannelTerm)]
        return along(inner.layers[0], parts, cosine)

    def name(self, what: str) -> str:
        if self.tokens[self.at].kind not in ("name", "quoted"):
            raise self.error(what)
        return self.next().text

    def inner(self) -> Objective:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error("fewer parentheses within each other")
        inner = self.wish()
        if not self.take(")"):
            raise self.error(")")
        self.depth -= 1
        return inner

    def of_layer(self, name: str) -> Objective:
        if not self.take(":"):
            return layer(name, self.power())
        number = self.whole_number("a channel")
        if not self.take("@"):
            return channel(name, number, self.power())
        place = None
        if self.tokens[self.at].kind == "number":
            y = self.whole_number("a row")
            if not self.take(","):
                raise self.error(", and a column")
            place = (y, self.whole_number("a column"))
        return neuron(name, number, place, self.power())

    def power(self) -> int:
        return self.whole_number("a power", POWERS) if self.take("^") else 1

    def whole_number(self, what: str, among: range = range(10**9)) -> int:
        text = self.number(what)
        if not (text.isdigit() and len(text) < 10 and int(text) in among):
            self.at -= 1
            raise self.error(f"{what}, a whole number from {among[0]} to {among[-1]}")
        return int(text)

    def number(self, what: str) -> str:
        if self.tokens[self.at].kind != "number":
            raise self.error(what)
        return self.next().text

    def take(self, sign: str) -> bool:
        found = (self.tokens[self.at].kind, self.tokens[self.at].text) == ("sign", sign)
        self.at += found
        return found

    def next(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def error(self, expected: str) -> WordingError:
        token = self.tokens[self.at]
        got = f"{token.text!r}" if token.kind != "end" else "the end"
        read = self.words[: token.start].strip()
        return WordingError(f"cannot read the objective {self.words!r} after {read!r}: expected {expected}, got {got}")
