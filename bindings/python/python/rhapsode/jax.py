"""Models as JAX functions: `curves(model, times, by)` works under `jit`, `grad` and `vmap`.

>>> import jax, numpy as np, rhapsode, rhapsode.jax                                               # doctest: +SKIP
>>> jax.config.update("jax_enable_x64", True)                                                     # doctest: +SKIP
>>> model = rhapsode.compile("model decay\\nparam k = 2\\ninit x = 1\\nx' = -k*x\\n")                # doctest: +SKIP
>>> f = rhapsode.jax.curves(model, np.linspace(0, 1, 5), ["k", "x"], rtol=1e-8)                   # doctest: +SKIP
>>> jax.grad(lambda p: f(p)[-1, 0])(jax.numpy.array([2.0, 1.0]))                                  # doctest: +SKIP
Array([-0.13533528,  0.13533528], dtype=float64)
"""

import ctypes
import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from . import _core, _gradients


@functools.cache
def _registered():
    """Whether compiled computations can call the library by address; without it they call Python."""
    try:
        for name, address in zip(("rhapsode_values", "rhapsode_pull"), _core.xla_handlers(), strict=True):
            handler = jax.ffi.pycapsule(ctypes.c_void_p(address))
            jax.ffi.register_ffi_target(name, handler, platform="cpu", api_version=1)
    except Exception:
        return False
    return True


class _Number(np.int64):
    """What a computation calls curves by. It is part of the computation, and they are kept as long as it is."""


def curves(
    model: _core.Model,
    times: ArrayLike,
    by: Sequence[str],
    span: Sequence[float] | None = None,
    params: Mapping[str, Any] | None = None,
    **options: Any,
) -> Callable[[jax.Array], jax.Array]:
    """A function of an array of parameters and initial values `by`, shape (len(by),), that gives states and outputs at
    `times`, shape (len(times), states + outputs) in the order of `model.states + model.outputs`.

    The gradient is exact for the steps of its own run at the same tolerances. Of 64-bit numbers on a CPU compiled
    computations call the library without Python; hold on to this function as long as to what `.lower().compile()` made of it.
    `params` are fixed values of other parameters, `options` those of `Model.solve`.
    """
    solver = _gradients.Curves(model, times, by, span, params, **options)

    @functools.cache
    def kept():
        options = solver.options | {"save": solver.times}
        places = [(kind == 1, place) for kind, place in solver.places]
        number = _Number(_core.keep_curves(solver.model, list(solver.by), places, solver.span, solver.fixed, options))
        weakref.finalize(number, _core.drop_curves, int(number)).atexit = False
        return number

    def called(target, callback, shape, p, *others):
        shape = jax.ShapeDtypeStruct(shape, p.dtype)
        if p.dtype == np.float64 and jax.default_backend() == "cpu" and _registered():
            return jax.ffi.ffi_call(target, shape, vmap_method="sequential")(p, *others, id=kept())
        call = lambda *arrays: callback(*map(np.asarray, arrays)).astype(p.dtype)  # noqa: E731
        return jax.pure_callback(call, shape, p, *others, vmap_method="sequential")

    def values(p):
        return called("rhapsode_values", solver.values, solver.shape, p)

    @jax.custom_vjp
    def function(p):
        return values(p)

    def forward(p):
        return values(p), p

    def backward(p, weights):
        return (called("rhapsode_pull", solver.pull, (len(solver.by),), p, weights),)

    function.defvjp(forward, backward)
    return function
