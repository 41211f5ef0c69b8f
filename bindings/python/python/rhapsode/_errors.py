"""What can go wrong, as exceptions. Their texts are those of the command `rhapsode`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._core import Solution


class RhapsodeError(Exception):
    """Any error of this package."""


class ModelError(RhapsodeError, ValueError):
    """A model's text has errors: all of them, each with its place underlined.

    `diagnostics` has them one by one, as dicts with `code`, `message`, `file`, `line`, `column` and `help`.

    >>> import rhapsode
    >>> try:
    ...     rhapsode.compile("model m\\nparam rate = 1\\ninit x = 1\\nx' = -rat*x\\n")
    ... except rhapsode.ModelError as error:
    ...     print(error.diagnostics[0]["message"], "->", error.diagnostics[0]["help"])
    unknown name `rat` -> did you mean `rate`?
    """

    diagnostics: list[dict[str, Any]] = []


class InputError(RhapsodeError, ValueError):
    """An argument makes no sense: the sentence names it."""


class UnknownNameError(RhapsodeError, KeyError):
    """A model has no such parameter, state or output."""

    def __str__(self) -> str:
        # KeyError would put the sentence in quotes.
        return str(self.args[0]) if self.args else ""


class SolveError(RhapsodeError, RuntimeError):
    """A run could not reach its end.

    `partial` is the solution so far, `time` how far it came, `kind` a word: "not_finite", "step_too_small",
    "too_many_steps", "too_much_time", "inconsistent", "delay", "events", "not_steady", "no_derivative", "memory".
    """

    kind: str = ""
    time: float = float("nan")
    partial: Solution | None = None


class TraceWarning(UserWarning):
    """A function could not be traced, and is called at every evaluation instead."""
