"""Gradients: objectives of a model, and curves of a model as functions that other packages differentiate."""

import os

import numpy as np

from . import _core
from ._errors import InputError
from ._inputs import numbers


def _file(data):
    """Name and text of a file of data: a path, or columns by name (a dict, a DataFrame)."""
    if data is None:
        return None
    if isinstance(data, (str, os.PathLike)):
        try:
            with open(data, encoding="utf-8") as file:
                return os.fspath(data), file.read()
        except (OSError, ValueError) as error:
            raise InputError(f"data: cannot read {data!r}: {error}") from error
    if isinstance(data, type) or not hasattr(data, "keys"):
        raise InputError(f"data must be a path, a dict of columns or a DataFrame, found {data!r}")
    names = list(data.keys())
    columns = [numbers(f"data[{name!r}]", data[name]).reshape(-1).tolist() for name in names]
    if len({len(column) for column in columns}) > 1:
        raise InputError(f"data must have columns of one length, found {[len(column) for column in columns]}")
    rows = [",".join('"' + str(name).replace('"', '""') + '"' for name in names)]
    rows += [",".join(map(repr, row)) for row in zip(*columns)]
    return "data", "\n".join(rows) + "\n"


def objective(model, by, name, data, span, options):
    return _core.objective(model, by, name, _file(data), span, options or {})


def value_and_grad(model, name, params, data, span, options):
    if not all(isinstance(by, str) for by in params):
        raise InputError(f"params must be a dict of values by parameter, found {params!r}")
    made = objective(model, list(params), name, data, span, options)
    value, gradient = made.value_and_grad([params[name] for name in params])
    return value, dict(zip(made.by, gradient.tolist()))


class Curves:
    """States and outputs of a model at fixed times as a function of a vector of parameters and initial values.

    `values(p)` has shape (len(times), states + outputs), in the order of `names`; `pull(p, weights)` is the gradient of
    Σ weights · values by p, exact for the steps of its own run at the same tolerances, at a cost that does not depend on how many parameters there are.
    """

    def __init__(self, model, times, by, span=None, params=None, **options):
        if not isinstance(model, _core.Model):
            raise InputError(f"model must be a rhapsode.Model, found {model!r}")
        self.model = model
        try:
            self.by = () if isinstance(by, str) else tuple(by)
        except TypeError:
            self.by = ()
        if not self.by or not all(isinstance(name, str) for name in self.by):
            raise InputError(f"by must be a list of names, found {by!r}")
        self.times = numbers("times", times)
        if self.times.ndim != 1 or not len(self.times):
            raise InputError(f"times must be 1-dimensional and not empty, found an array of shape {self.times.shape}")
        self.names = model.states + model.outputs
        self.span = (0.0, float(self.times[-1])) if span is None and model.span is None else span
        try:
            self.fixed = dict(params or {})
        except (TypeError, ValueError):
            raise InputError(f"params must be a dict of values by parameter, found {params!r}") from None
        self.options = options
        known = list(model.parameters)
        states = model.states
        self.places = []
        for name in self.by:
            if name in known:
                self.places.append((0, known.index(name)))
            elif name in states:
                self.places.append((1, states.index(name)))
            else:
                model.solve((0.0, 1.0), {name: 0.0})  # Says what it says of unknown names.

    @property
    def shape(self):
        return len(self.times), len(self.names)

    def _params(self, p):
        p = np.asarray(p, dtype=float)
        if p.shape != (len(self.by),):
            shape = p.size if p.ndim == 1 else f"an array of shape {p.shape}"
            raise InputError(f"expected {len(self.by)} values, one for each of {', '.join(self.by)}, found {shape}")
        return self.fixed | dict(zip(self.by, p.tolist()))

    def values(self, p):
        return self.model.solve(self.span, self._params(p), save=self.times, **self.options).rows

    def pull(self, p, weights):
        weights = np.ascontiguousarray(weights, dtype=float)
        gradients = self.model.vjp(weights, self.span, self._params(p), save=self.times, **self.options)
        return np.array([gradients[kind][place] for kind, place in self.places])
