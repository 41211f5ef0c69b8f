"""Models as JAX functions: `curves(model, times, by)` works under `jit`, `grad` and `vmap`.

>>> import jax, numpy as np, rhapsode, rhapsode.jax                                               # doctest: +SKIP
>>> jax.config.update("jax_enable_x64", True)                                                     # doctest: +SKIP
>>> model = rhapsode.compile("model decay\\nparam k = 2\\ninit x = 1\\nx' = -k*x\\n")                # doctest: +SKIP
>>> f = rhapsode.jax.curves(model, np.linspace(0, 1, 5), ["k", "x"], rtol=1e-8)                   # doctest: +SKIP
>>> jax.grad(lambda p: f(p)[-1, 0])(jax.numpy.array([2.0, 1.0]))                                  # doctest: +SKIP
Array([-0.13533528,  0.13533528], dtype=float64)
"""

import jax
import numpy as np

from . import _gradients


def curves(model, times, by, span=None, params=None, **options):
    """A function of an array of parameters and initial values `by`, shape (len(by),), that gives states and outputs at
    `times`, shape (len(times), states + outputs) in the order of `model.states + model.outputs`.

    The gradient is exact for the steps of its own run at the same tolerances, carried along with the run for few parameters and computed backwards through its
    steps for many. `params` are fixed values of other
    parameters, `options` those of `Model.solve`.
    """
    solver = _gradients.Curves(model, times, by, span, params, **options)

    def values(p):
        call = lambda p: solver.values(p).astype(p.dtype)  # noqa: E731
        return jax.pure_callback(call, jax.ShapeDtypeStruct(solver.shape, p.dtype), p, vmap_method="sequential")

    @jax.custom_vjp
    def function(p):
        return values(p)

    def carried(p):
        call = lambda p: tuple(part.astype(p.dtype) for part in solver.tangents(p))  # noqa: E731
        shapes = (solver.shape, (*solver.shape, len(solver.by)))
        shapes = tuple(jax.ShapeDtypeStruct(shape, p.dtype) for shape in shapes)
        return jax.pure_callback(call, shapes, p, vmap_method="sequential")

    def combined(derivatives, weights):
        return (jax.numpy.einsum("tk,tkn->n", weights, derivatives),)

    def forward(p):
        return values(p), p

    def backward(p, weights):
        call = lambda p, weights: solver.pull(np.asarray(p), weights).astype(p.dtype)  # noqa: E731
        shape = jax.ShapeDtypeStruct((len(solver.by),), p.dtype)
        return (jax.pure_callback(call, shape, p, weights, vmap_method="sequential"),)

    if len(solver.by) <= _gradients.FEW:
        forward, backward = carried, combined
    function.defvjp(forward, backward)
    return function
