"""Objectives in words: `fire8^2 + 0.5*fire5:12 - 0.1*tv`.

    wish   = ["-"] share (("+" | "-") share)*
    share  = (NUMBER "*")* piece ("*" NUMBER)*
    piece  = "(" wish ")" | "tv" | LAYER [":" CHANNEL ["@" [Y "," X]]] ["^" POWER]

`LAYER` is the mean of a layer, `LAYER^2` the mean of its squares, `LAYER:CHANNEL` one channel, `LAYER:CHANNEL@` the
neuron in the middle, `LAYER:CHANNEL@Y,X` the one at that place of the layer's grid, `tv` the total variation. A layer
whose name looks like something else is put in double quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reverie.errors import SettingsError, WordingError
from reverie.objectives import PLAIN_NAME, POWERS, Objective, channel, layer, neuron, total_variation

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
        if (token.kind, token.text) == ("name", "tv"):
            return total_variation()
        return self.of_layer(token.text)

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
