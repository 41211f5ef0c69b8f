"""Gradients: objectives of a model, and curves of a model as functions that other packages differentiate."""

import os

import numpy as np

from . import _core


def _file(data):
    """Name and text of a file of data: a path, or columns by name (a dict, a DataFrame)."""
    if data is None:
        return None
    if isinstance(data, (str, os.PathLike)):
        with open(data, encoding="utf-8") as file:
            return os.fspath(data), file.read()
    names = list(data.keys())
    columns = [np.asarray(data[name], dtype=float).tolist() for name in names]
    rows = [",".join('"' + str(name).replace('"', '""') + '"' for name in names)]
    rows += [",".join(map(repr, row)) for row in zip(*columns, strict=True)]
    return "data", "\n".join(rows) + "\n"


def objective(model, by, name, data, span, options):
    return _core.objective(model, by, name, _file(data), span, options or {})


def value_and_grad(model, name, params, data, span, options):
    made = objective(model, list(params), name, data, span, options)
    value, gradient = made.value_and_grad([params[name] for name in params])
    return value, dict(zip(made.by, gradient.tolist()))


class Curves:
    """States and outputs of a model at fixed times as a function of a vector of parameters and initial values.

    `values(p)` has shape (len(times), states + outputs), in the order of `names`; `pull(p, weights)` is the gradient of
    Σ weights · values by p, exact for the steps of its own run at the same tolerances, at a cost that does not depend on how many parameters there are.
    """

    def __init__(self, model, times, by, span=None, params=None, **options):
        self.model = model
        self.by = tuple(by)
        self.times = np.asarray(times, dtype=float)
        self.names = model.states + model.outputs
        self.span = (0.0, float(self.times[-1])) if span is None and model.span is None else span
        self.fixed = dict(params or {})
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
        return self.fixed | dict(zip(self.by, np.asarray(p, dtype=float).tolist()))

    def values(self, p):
        return self.model.solve(self.span, self._params(p), save=self.times, **self.options).rows

    def pull(self, p, weights):
        weights = np.ascontiguousarray(weights, dtype=float)
        gradients = self.model.vjp(weights, self.span, self._params(p), save=self.times, **self.options)
        return np.array([gradients[kind][place] for kind, place in self.places])
