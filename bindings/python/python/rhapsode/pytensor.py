"""Models as PyTensor operations, for PyMC: `curves(model, times, by)` is a symbolic function with a gradient."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import ArrayLike
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from ._core import Model
from ._gradients import Curves


class _Pull(Op):
    """The gradient of Σ weights · values."""

    def __init__(self, solver):
        self.solver = solver

    def make_node(self, p, weights):
        return Apply(self, [pt.as_tensor_variable(p), pt.as_tensor_variable(weights)], [pt.dvector()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = self.solver.pull(*inputs)


class CurvesOp(Op):
    """States and outputs at fixed times as a function of a vector of parameters and initial values."""

    def __init__(self, solver):
        self.solver = solver
        self.backward = _Pull(solver)

    def make_node(self, p):
        return Apply(self, [pt.as_tensor_variable(p).astype("float64")], [pt.dmatrix()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.ascontiguousarray(self.solver.values(inputs[0]))

    def pullback(self, inputs, outputs, cotangents):
        return [self.backward(inputs[0], cotangents[0])]

    # What it is called before PyTensor 3.
    def grad(self, inputs, output_gradients):
        return self.pullback(inputs, None, output_gradients)

    def infer_shape(self, fgraph, node, shapes):
        return [tuple(pt.constant(n) for n in self.solver.shape)]


def curves(
    model: Model,
    times: ArrayLike,
    by: Sequence[str],
    span: Sequence[float] | None = None,
    params: Mapping[str, Any] | None = None,
    **options: Any,
) -> CurvesOp:
    """A function of a vector of parameters and initial values `by` that gives states and outputs at `times`, as a matrix of
    shape (len(times), states + outputs) in the order of `model.states + model.outputs`. `params` are fixed values of other parameters,
    `options` those of `Model.solve`.
    """
    return CurvesOp(Curves(model, times, by, span, params, **options))
