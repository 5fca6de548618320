"""The words of an objective as tokens, and a reader that takes them one after the other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reverie.errors import WordingError
from reverie.objectives.wording import UNQUOTED_NAME

TOKEN_PATTERN = re.compile(rf"""\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)(?![\w/])
    |(?P<name>{UNQUOTED_NAME.pattern})|"(?P<quoted>[^"]+)"|(?P<sign>[-+*^:@,()]))""", re.VERBOSE)  # fmt: skip


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
                f"cannot read the objective {words!r} after {words[:place].strip()!r}: {EXAMPLE_WORDING}; "
                'a path goes in quotes, as in guide:"/photos/sky.jpg"@fire5'
            )
        kind = match.lastgroup or ""
        found.append(Token(kind, match[kind], match.start(kind)))
        place = match.end()
    return [*found, Token("end", "", len(words))]


EXAMPLE_WORDING = 'expected something like "fire8^2 + 0.5*fire5:12 - 0.1*tv"'
"""The end of the message about text that cannot be split into tokens."""


class TokenReader:
    """Reads tokens from left to right."""

    def __init__(self, words: str, tokens: list[Token]) -> None:
        self.words, self.tokens, self.position = words, tokens, 0

    @property
    def next(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.position]

    def take_name(self, what: str) -> str:
        """The next token, which must be a name; `what` says in the error which one was expected."""
        if self.tokens[self.position].kind not in ("name", "quoted"):
            raise self.make_error(what)
        return self.take_token().text

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
