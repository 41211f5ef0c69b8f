"""Rhapsode: models of differential equations, compiled to native code.

>>> import rhapsode
>>> model = rhapsode.compile('''
... model decay
... param k = 2
... init x = 1
... x' = -k*x
... ''')
>>> solution = model.solve((0, 1), k=3, rtol=1e-8)
>>> abs(float(solution["x"][-1]) - 0.049787068367863944) < 1e-7
True

`rhapsode.solve_ivp` has SciPy's signature: the function it is given is traced into equations and compiled.
"""

from ._core import Model, Objective, Solution, __version__, compile, load, methods
from ._ensemble import Ensemble
from ._errors import InputError, ModelError, RhapsodeError, SolveError, TraceWarning, UnknownNameError
from ._ivp import OdeResult, solve_ivp, trace

__all__ = [
    "Ensemble",
    "InputError",
    "Model",
    "ModelError",
    "Objective",
    "OdeResult",
    "RhapsodeError",
    "Solution",
    "SolveError",
    "TraceWarning",
    "UnknownNameError",
    "__version__",
    "compile",
    "load",
    "methods",
    "solve_ivp",
    "trace",
]
