"""The parser of objectives in words, such as `fire8^2 + 0.5*fire5:12 - 0.1*tv`.

    sum      = ["-"] weighted (("+" | "-") weighted)*
    weighted = (NUMBER "*")* piece ("*" NUMBER)*
    piece    = "(" sum ")" | "tv" | "l1" | "l2" | "keep" | "class:" (NUMBER | WORD+)
             | ("dot" | "cos") "(" (sum | vector) ")" ["*" "cos" "^" POWER] ["@" [PLACE]]
             | ("guide" | "guide_mean" | "inversion" | "style") ":" FILE "@" LAYER
             | "caricature" ":" FILE "@" LAYER ["^" POWER] | "interpolate" "(" sum "," sum ")"
             | ("diversity" | "alignment") ":" LAYER | "blur" | "boundary" [":" WIDTH] | vector
             | WORD "(" [ARGUMENT ("," ARGUMENT)*] ")" | LAYER [":" CHANNEL] ["@" [PLACE]] ["^" POWER]
    vector   = "dir" ":" FILE [":" TENSOR] [":" NUMBER] ["@" LAYER]
    PLACE    = Y "," X ["," HEIGHT "," WIDTH]

`LAYER` is the mean of a layer, `LAYER^2` the mean of its squares, `LAYER:CHANNEL` one channel. An `@` says where in the
layer's grid: `LAYER:CHANNEL@` is the neuron in the middle, `LAYER:CHANNEL@Y,X` the one at that place, and with a height
and a width the mean of a rectangle. `class:` (or `logit:`) is a class of the network's classifier, by number or name.
`guide:` is the best match to a picture's features, `guide_mean:` the match to their mean, `caricature:` more of what a
layer sees in a picture (the power is that of the cosine), `inversion:` nearness to its activations, `style:` to their
Gram matrix. `dot` and `cos` take a weighted sum of channels of one layer for a direction, `dir:` one of a file.
`keep` is nearness to the photograph; `diversity:`, `alignment:` and `interpolate` are of a batch of images; `tv`, `l1`,
`l2`, `blur` and `boundary` are to be subtracted. A layer, class or file whose name looks like something else is put in
double quotes.

`WORD(...)` is an objective of one's own, see `registered`; its `ARGUMENT`s are names (of layers) and numbers.
"""

from __future__ import annotations

from dataclasses import replace

from reverie.errors import SettingsError
from reverie.objectives.base import ChannelTerm, Objective, channel, layer, neuron
from reverie.objectives.batch_terms import alignment, diversity, interpolate
from reverie.objectives.checks import ALLOWED_POWERS
from reverie.objectives.classes import logit
from reverie.objectives.direction_files import FileDirectionTerm, file_direction, place_direction
from reverie.objectives.directions import ALLOWED_COSINE_POWERS, DirectionTerm, make_direction
from reverie.objectives.guides import guide
from reverie.objectives.penalties import blur_penalty, boundary_complexity, contrast, keep, total_variation
from reverie.objectives.pictures import caricature, inversion, style
from reverie.objectives.places import Place
from reverie.objectives.registered import Argument, make_registered
from reverie.objectives.tokens import Token, TokenReader, split_tokens

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


BARE_WORDS = {
    "tv": total_variation,
    "l1": lambda: contrast(1),
    "l2": lambda: contrast(2),
    "keep": keep,
    "blur": blur_penalty,
}
"""Words that are a whole piece, and what makes its objective."""

NAMED_PIECES = {
    "class": "parse_class",
    "logit": "parse_class",
    "guide": "parse_picture",
    "guide_mean": "parse_picture",
    "caricature": "parse_picture",
    "inversion": "parse_picture",
    "style": "parse_picture",
    "diversity": "parse_batch_term",
    "alignment": "parse_batch_term",
    "boundary": "parse_boundary",
    "dir": "parse_vector",
}
"""Words that a colon and a name follow, and the method of `ObjectiveParser` that reads those."""


class ObjectiveParser(TokenReader):
    """A recursive descent parser: it reads tokens from left to right, with a method for each rule of the grammar."""

    def __init__(self, words: str, tokens: list[Token]) -> None:
        super().__init__(words, tokens)
        self.depth = 0  # of open parentheses

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
            number = self.take_token()
            weight *= float(number.text)
            if not self.take_sign("*"):
                raise self.make_error(f'* and a layer after a weight (a layer of this name in quotes: "{number.text}")')
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
        if token.kind == "name" and token.text == "boundary" and (self.next.kind, self.next.text) != ("sign", ":"):
            return boundary_complexity()
        if token.kind == "name" and token.text in NAMED_PIECES and self.take_sign(":"):
            named: Objective = getattr(self, NAMED_PIECES[token.text])(token.text)
            return named
        if token.kind == "name" and token.text in ("dot", "cos") and self.take_sign("("):
            return self.parse_direction(cosine=token.text == "cos")
        if token.kind == "name" and token.text == "interpolate" and self.take_sign("("):
            return self.parse_interpolation()
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

    def parse_picture(self, kind: str) -> Objective:
        """Parses what follows "guide:" and the like (`kind`): a file, @ and a layer, of a caricature also a power."""
        picture = self.take_name("a picture's file")
        if not self.take_sign("@"):
            raise self.make_error("@ and a layer")
        name = self.take_name("a layer")
        if kind == "caricature":
            return caricature(picture, name, self.parse_power(ALLOWED_COSINE_POWERS))
        if kind in ("inversion", "style"):
            return (inversion if kind == "inversion" else style)(picture, name)
        return guide(picture, name, mean=kind == "guide_mean")

    def parse_batch_term(self, kind: str) -> Objective:
        """Parses what follows "diversity:" or "alignment:" (`kind`), a layer."""
        return (diversity if kind == "diversity" else alignment)(self.take_name("a layer"))

    def parse_boundary(self, _: str) -> Objective:
        """Parses what follows "boundary:", a width in pixels."""
        return boundary_complexity(self.take_whole_number("a width in pixels", range(1, 10**9)))

    def parse_interpolation(self) -> Objective:
        """Parses what follows "interpolate(", two sums with a comma between them, and ")"."""
        start = self.position
        first = self.parse_nested_sum()
        if not self.take_sign(","):
            raise self.make_error(", and another objective")
        last = self.parse_group()
        try:
            return interpolate(first, last)
        except SettingsError:
            self.position = start
            raise self.make_error("objectives without keep, which is added outside") from None

    def parse_vector(self, _: str) -> Objective:
        """Parses what follows "dir:": a file, a tensor's name and a row, both of them optional, @ and a layer."""
        file, tensor, number = self.take_name("a safetensors file"), "", None
        colon = self.take_sign(":")
        if colon and self.next.kind != "number":
            tensor = self.take_name("a tensor's name or a number")
            colon = self.take_sign(":")
        if colon:
            number = self.take_whole_number("a number")
        return file_direction(file, number, self.take_name("a layer") if self.take_sign("@") else "", tensor)

    def parse_direction(self, cosine: bool) -> Objective:
        """Parses what follows "dot(" or "cos(": a direction, a power of the cosine and a place."""
        start = self.position
        inner = self.parse_group()
        end, power = self.position, 0
        if not cosine and self.take_sign("*"):
            if (self.next.kind, self.next.text) == ("name", "cos"):
                self.take_token()
                power = self.parse_power(range(1, 9))
            else:
                self.position = end  # a weight
        place = self.parse_place()
        term = inner.terms[0][1]
        if inner.terms == ((1.0, term),) and isinstance(term, FileDirectionTerm) and term.plain:
            return place_direction(replace(term, cosine=cosine, cosine_power=power), place)
        layers = {(type(each), each.layer, getattr(each, "power", 1)) for _, each in inner.terms}
        if len(layers) != 1 or next(iter(layers))[0::2] != (ChannelTerm, 1):
            self.position = start
            raise self.make_error("a sum of channels of one layer, such as 0.5*fire8:3 - fire8:7")
        parts = tuple((each.channel, weight) for weight, each in inner.terms if isinstance(each, ChannelTerm))
        return make_direction(DirectionTerm(inner.layers[0], parts, cosine, power), place)

    def parse_group(self) -> Objective:
        """Parses what follows "(", a sum and ")"."""
        inner = self.parse_nested_sum()
        if not self.take_sign(")"):
            raise self.make_error(")")
        return inner

    def parse_nested_sum(self) -> Objective:
        """Parses a sum within parentheses, up to what ends it."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.make_error("fewer parentheses within each other")
        inner = self.parse_sum()
        self.depth -= 1
        return inner

    def parse_layer(self, name: str) -> Objective:
        """Parses what follows the name of a layer: a channel, a place, a power, each of them optional."""
        number = self.take_whole_number("a channel") if self.take_sign(":") else None
        place = self.parse_place()
        power = self.parse_power()
        if number is None:
            return layer(name, power, place)
        return channel(name, number, power) if place is None else neuron(name, number, place or None, power)

    def parse_place(self) -> Place | None:
        """Parses "@" and a place, if they are there: nothing for the middle, a neuron, or a rectangle of neurons."""
        if not self.take_sign("@"):
            return None
        if self.next.kind != "number":
            return ()
        numbers = [self.take_whole_number("a row"), self.take_further_number("a column")]
        if (self.next.kind, self.next.text) == ("sign", ",") and self.tokens[self.position + 1].kind == "number":
            numbers += [self.take_further_number("a height", 1), self.take_further_number("a width", 1)]
        return tuple(numbers)

    def take_further_number(self, what: str, least: int = 0) -> int:
        """Parses a comma and a whole number."""
        if not self.take_sign(","):
            raise self.make_error(f", and {what}")
        return self.take_whole_number(what, range(least, 10**9))

    def parse_power(self, among: range = ALLOWED_POWERS) -> int:
        """Parses "^" and a power, if they are there; else the power is 1."""
        return self.take_whole_number("a power", among) if self.take_sign("^") else 1
