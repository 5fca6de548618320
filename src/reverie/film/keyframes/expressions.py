"""Arithmetic over the frames of a film, such as `0.5 + 0.5*sin(2*pi*s/4)`: a small parser, and nothing is run.

    comparison = sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
    sum        = product (("+" | "-") product)*
    product    = sign (("*" | "/" | "%") sign)*
    sign       = ("-" | "+") sign | power
    power      = piece ["**" sign]
    piece      = NUMBER | VARIABLE | FUNCTION "(" comparison ("," comparison)* ")" | "(" comparison ")"

The precedence is Python's, and `%` too: its result has the divisor's sign. A comparison is 1 or 0. A variable is a
number for each frame; what has no value at a frame (a division by zero, a root of -1) is NaN there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from reverie.errors import SettingsError, UnknownName
from reverie.film.keyframes.arithmetic import (
    COMPARISONS,
    CONSTANTS,
    FUNCTIONS,
    VARIABLES,
    Formula,
    Variables,
    call_function,
    combine_in_turn,
    repeat_number,
    take_variable,
)
from reverie.film.keyframes.curves import Values

LONGEST = 2000
"""The most letters of an expression, or of a schedule."""
DEEPEST = 20
"""The deepest nesting: each level is several calls, and Python's stack is limited."""

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)(?![\w.])"
    r"|(?P<name>[A-Za-z_]\w*(?:\.\w+)?)|(?P<sign>\*\*|[<>=!]=|[-+*/%<>(),:]))"
)


@dataclass(frozen=True)
class Expression:
    """Arithmetic that was parsed: a formula, and the variables that it reads."""

    words: str
    formula: Formula
    names: frozenset[str]

    @property
    def constant(self) -> bool:
        """Whether it is the same at every frame, whatever the film."""
        return self.names <= set(CONSTANTS)

    def evaluate(self, variables: Variables) -> Values:
        """The value at each frame; raises `SettingsError` that names the first frame without one."""
        for name in sorted(self.names - set(variables)):
            raise SettingsError(f"{name} in {self.words!r} is a film's sound, and there is no film to hear")
        values = self.formula(variables)
        if np.isnan(values).any():
            frame = int(variables["t"][int(np.isnan(values).argmax())])
            raise SettingsError(
                f"{self.words!r} has no value at frame {frame}: a division by zero, or beyond all numbers"
            )
        return values


def parse_expression(words: str) -> Expression:
    """Parses arithmetic; raises `SettingsError` that says the column, and `UnknownName`."""
    parser = ExpressionParser(words)
    expression = parser.parse_expression()
    if parser.text:
        raise parser.make_error("an operator or the end")
    return expression


class ExpressionParser:
    """A recursive descent parser: it reads tokens from left to right, with a method for each rule of the grammar."""

    def __init__(self, words: str) -> None:
        self.words, self.depth, self.position = words, 0, 0
        self.names: set[str] = set()
        """The variables that were read."""
        self.kind, self.text, self.column = "", "", 0
        """The next token; its text is empty at the end."""
        if len(words) > LONGEST:
            raise SettingsError(f"an expression of {len(words)} letters; expected at most {LONGEST}")
        self.advance()

    def advance(self) -> None:
        """Goes on to the next token."""
        rest = self.words[self.position :]
        self.column = self.position + len(rest) - len(rest.lstrip()) + 1
        match = TOKEN.match(self.words, self.position)
        if match is None:
            self.kind, self.text = "end", rest.strip()[:1]
            if self.text:
                hint = "** for a power" if self.text == "^" else "a number, a variable or an operator"
                raise self.make_error(hint)
            return
        self.kind = match.lastgroup or ""
        self.text, self.position = match[self.kind], match.end()

    def make_error(self, expected: str) -> SettingsError:
        """The error for the next token, where something else was expected."""
        got = repr(self.text) if self.text else "the end"
        return SettingsError(f"cannot read {self.words!r} at column {self.column}: expected {expected}, got {got}")

    def take(self, *signs: str) -> str:
        """The next token if it is one of these signs, and goes on; else nothing."""
        found = self.text if self.kind == "sign" and self.text in signs else ""
        if found:
            self.advance()
        return found

    def parse_expression(self) -> Expression:
        """Parses all arithmetic up to what ends it."""
        start, self.names = self.column - 1, set()
        formula = self.parse_comparison()
        return Expression(self.words[start : self.column - 1].strip(), formula, frozenset(self.names))

    def parse_comparison(self) -> Formula:
        """Parses a sum, or two with a comparison between them."""
        first = self.parse_sum()
        sign = self.take(*COMPARISONS)
        return partial(combine_in_turn, first, ((sign, self.parse_sum()),)) if sign else first

    def parse_sum(self) -> Formula:
        """Parses products with + and - between them."""
        return self.parse_chain(self.parse_product, "+", "-")

    def parse_product(self) -> Formula:
        """Parses signed pieces with *, / and % between them."""
        return self.parse_chain(self.parse_sign, "*", "/", "%")

    def parse_chain(self, parse: Callable[[], Formula], *signs: str) -> Formula:
        """Parses what stands between operators of one precedence."""
        first, further = parse(), []
        while sign := self.take(*signs):
            further.append((sign, parse()))
        return partial(combine_in_turn, first, tuple(further)) if further else first

    def parse_sign(self) -> Formula:
        """Parses a piece with any count of signs before it, and a power after it."""
        sign = self.take("-", "+")
        if not sign:
            return self.parse_power()
        inner = self.parse_deeper(self.parse_sign)
        return partial(call_function, np.negative, (inner,)) if sign == "-" else inner

    def parse_power(self) -> Formula:
        """Parses a piece, and its power if there is one."""
        base = self.parse_piece()
        if not self.take("**"):
            return base
        return partial(combine_in_turn, base, (("**", self.parse_deeper(self.parse_sign)),))

    def parse_piece(self) -> Formula:
        """Parses a number, a variable, a function of something, or what is in parentheses."""
        kind, text, column = self.kind, self.text, self.column
        if kind == "number" and float(text) < float("inf"):
            self.advance()
            return partial(repeat_number, float(text))
        if kind == "name":
            self.advance()
            return self.parse_call(text, column) if self.take("(") else self.make_variable(text, column)
        if self.take("("):
            inner = self.parse_deeper(self.parse_comparison)
            self.require(")")
            return inner
        raise self.make_error("a number, a variable such as t, or (")

    def make_variable(self, name: str, column: int) -> Formula:
        """The formula of a variable."""
        if name not in VARIABLES:
            raise UnknownName(f"variable (column {column} of {self.words!r})", name, VARIABLES, FUNCTIONS)
        self.names.add(name)
        return partial(take_variable, name)

    def parse_call(self, name: str, column: int) -> Formula:
        """Parses what follows a function's name and "(": numbers with commas between them, and ")"."""
        if name not in FUNCTIONS:
            raise UnknownName(f"function (column {column} of {self.words!r})", name, FUNCTIONS, VARIABLES)
        function, parts = FUNCTIONS[name], [self.parse_deeper(self.parse_comparison)]
        while self.take(","):
            parts.append(self.parse_deeper(self.parse_comparison))
        if not function.least <= len(parts) <= function.most:
            count = str(function.least) if function.least == function.most else f"{function.least} or more"
            raise SettingsError(
                f"{name} at column {column} of {self.words!r} has {len(parts)} numbers; expected {count}"
            )
        self.require(")")
        return partial(call_function, function.compute, tuple(parts))

    def parse_deeper(self, parse: Callable[[], Formula]) -> Formula:
        """Parses what is one level further in."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.make_error("less within each other")
        found = parse()
        self.depth -= 1
        return found

    def require(self, sign: str) -> None:
        """Goes on past a sign, which must be there."""
        if not self.take(sign):
            raise self.make_error(sign)
