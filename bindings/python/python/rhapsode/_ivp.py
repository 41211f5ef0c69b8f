"""`solve_ivp` with SciPy's signature."""

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core, _trace
from ._errors import InputError, TraceWarning
from ._expr import Untraceable
from ._inputs import number, numbers

#: SciPy's names of methods, and ours for the same purpose. Rodas5P needs exact derivatives, which only equations have.
METHODS = {"RK23": "Bosh3", "RK45": "Tsit5", "DOP853": "DOP853", "Radau": "Rodas5P", "BDF": "BDF", "LSODA": "auto"}
CALLED_METHODS = METHODS | {"Radau": "RadauIIA5"}
#: Options of SciPy's solvers that there is no use for: the structure of the Jacobian is known, its entries are exact.
IDLE_OPTIONS = {"jac_sparsity", "lband", "uband", "min_step"}
_Function: TypeAlias = Callable[..., Any]

#: So many models of traced functions are kept.
MOST_MODELS = 256


class OdeResult(dict):
    """What a run gives: its items are attributes too.

    `t`, `y`, `sol`, `t_events`, `y_events`, `nfev`, `njev`, `nlu`, `status`, `message`, `success` as in SciPy; `traced` says
    whether the function became equations.
    """

    t: NDArray[np.float64]
    y: NDArray[Any]
    sol: _Function | None
    t_events: list[NDArray[np.float64]] | None
    y_events: list[NDArray[Any]] | None
    nfev: int
    njev: int
    nlu: int
    status: int
    message: str
    success: bool
    traced: bool

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    __setattr__ = dict.__setitem__
    __delattr__ = dict.__delitem__

    def __dir__(self):
        return list(self)

    def __repr__(self):
        width = max(map(len, self), default=0) + 1
        return "\n".join(f"{name:>{width}}: {value!r}" for name, value in self.items())


class _Models:
    """The models of traced functions, by what was surveyed of them and by their texts."""

    def __init__(self):
        self.by_key = OrderedDict()
        self.by_text = OrderedDict()

    def compiled(self, tracing):
        key = (tracing.text, tuple(tracing.files.items()))
        if key not in self.by_text:
            model = _core.compile(tracing.text, name="traced", files=tracing.files)
            _keep(self.by_text, key, model)
        self.by_text.move_to_end(key)
        return self.by_text[key]


def _keep(table, key, value):
    table[key] = value
    while len(table) > MOST_MODELS:
        table.popitem(last=False)


_models = _Models()
_warned = set()


class _Refusal:
    """That a function cannot be traced, and why."""

    def __init__(self, reason):
        self.reason = reason


def trace(
    fun: _Function, y0: ArrayLike, args: Iterable[Any] = (), t_span: Sequence[float] | NDArray[Any] = (0.0, 1.0)
) -> _core.Model:
    """The model that `fun(t, y, *args)` is traced into, with states `y1`, `y2`, …

    Raises `InputError` with the reason where it cannot be traced.

    >>> import numpy as np, rhapsode
    >>> model = rhapsode.trace(lambda t, y, k: -k * np.sin(y), [1.0], args=(2.0,))
    >>> print(model.show("equations"))
    y1' = -p1*sin(y1)
    """
    _callable("fun", fun)
    y0 = numbers("`y0`", y0)
    if y0.ndim != 1 or not len(y0):
        raise InputError(f"`y0` must be 1-dimensional and not empty, found an array of shape {y0.shape}")
    found = _model((fun,), _arguments(args), _span(t_span), y0, False)
    if isinstance(found, _Refusal):
        raise InputError(f"`{_name(fun)}` cannot be traced: {found.reason}")
    return found[0]


def _model(functions, args, span, y0, vectorized):
    """The model of functions and the values of its parameters, or why there is none."""
    reason = None
    for lift in (True, False):
        try:
            survey = _trace.Survey(functions, args, lift)
            key = (lift, len(y0), vectorized, survey.key)
            hash(key)
        except (TypeError, RecursionError):
            continue
        known = _models.by_key.get(key) if survey.complete else None
        if known is None:
            known = _traced(functions, args, span, y0, vectorized, survey)
            if survey.complete:
                _keep(_models.by_key, key, known)
        if not isinstance(known, _Refusal):
            return known, survey.values
        reason = known
    return reason or _Refusal("what it reads from outside cannot be looked through")


def _traced(functions, args, span, y0, vectorized, survey):
    try:
        tracing = _trace.run(functions, args, len(y0), survey, vectorized)
        model = _models.compiled(tracing)
    except Untraceable as refused:
        return _Refusal(str(refused))
    except ValueError as error:
        return _Refusal(f"its model is refused: {error}")
    if not _agrees(model, functions[0], args, span, y0, vectorized, survey):
        return _Refusal("its equations give other values than it does (it may depend on something that changes)")
    return model


def _agrees(model, fun, args, span, y0, vectorized, survey):
    """Whether the equations are the function, at the start and beside it."""
    parameters = {f"p{k + 1}": value for k, value in enumerate(survey.values)}
    t0, tf = span
    for t, y in ((t0, y0), (t0 + 0.3141 * (tf - t0), y0 * (1 + 2**-7) + 2**-8)):
        try:
            with np.errstate(all="ignore"):
                wanted = np.asarray(fun(t, y.reshape(-1, 1) if vectorized else y.copy(), *args), dtype=float).ravel()
        except Exception:
            if t == t0:
                raise
            continue
        found = model.rhs(t, y, **parameters)
        size = np.max(np.abs(wanted[np.isfinite(wanted)]), initial=1e-300)
        if len(wanted) != len(found) or not np.allclose(found, wanted, rtol=1e-8, atol=1e-11 * size, equal_nan=True):
            return False
    return True


def _name(fun):
    return getattr(fun, "__name__", type(fun).__name__)


def solve_ivp(
    fun: _Function,
    t_span: Sequence[float] | NDArray[Any],
    y0: ArrayLike,
    method: str | type = "RK45",
    t_eval: ArrayLike | None = None,
    dense_output: bool = False,
    events: _Function | Iterable[_Function] | None = None,
    vectorized: bool = False,
    args: Iterable[Any] | None = None,
    **options: Any,
) -> OdeResult:
    """Solves an initial value problem: `scipy.integrate.solve_ivp`, with `fun` traced into compiled equations.

    `fun(t, y, *args)` is written in NumPy. It is run once with expressions in the place of numbers, compiled, and the result kept:
    later calls with the same function run compiled code only. Where that cannot be, as with control flow that depends on
    values, the function is called as SciPy does, after one `TraceWarning` that says why.

    `method` takes SciPy's names (`RK23`, `RK45`, `DOP853`, `Radau`, `BDF`, `LSODA`), or any of `rhapsode.methods()`. `jac` is needed only
    where `fun` is called: the derivatives of equations are exact. Everything else is as in SciPy.

    >>> import numpy as np, rhapsode
    >>> def lotka_volterra(t, y, a, b, c, d):
    ...     prey, predator = y
    ...     return [a * prey - b * prey * predator, -c * predator + d * prey * predator]
    >>> result = rhapsode.solve_ivp(lotka_volterra, (0, 15), [10, 5], args=(1.5, 1, 3, 1), rtol=1e-8)
    >>> result.success, result.traced, result.y.shape[0]
    (True, True, 2)
    """
    _callable("fun", fun)
    t0, tf = _span(t_span)
    y0 = numbers("`y0`", y0, or_complex=True)
    if y0.ndim != 1:
        raise InputError("`y0` must be 1-dimensional.")
    if not np.isfinite(y0).all():
        raise InputError("All components of the initial state `y0` must be finite.")
    args = _arguments(args)
    vectorized = _truth("vectorized", vectorized)
    run = _Run(t0, tf, y0, method, t_eval, dense_output, options)
    watched, kinds = _events(events)
    if run.is_complex or not len(y0) or t0 == tf:
        found = None
    else:
        found = _model((fun,), args, run.span, run.start, vectorized) if not watched else _with_events(
            fun, watched, args, run.span, run.start, vectorized
        )
    if found is None:
        result = run.called(fun, args, watched, kinds, vectorized, options.get("jac"))
    elif isinstance(found, _Refusal):
        _warn(fun, found.reason)
        result = run.called(fun, args, watched, kinds, vectorized, options.get("jac"))
    else:
        (model, values), sources = found if watched else (found, [])
        result = run.traced(model, values, [(source, *kind) for source, kind in zip(sources, kinds)])
    if events is None:
        result["t_events"] = result["y_events"] = None
    return result


def _callable(name, value):
    if not callable(value):
        raise InputError(f"`{name}` must be a function, found {value!r}")


def _truth(name, value):
    try:
        return bool(value)
    except ValueError:
        raise InputError(f"`{name}` must be true or false, found {value!r}") from None


def _span(t_span):
    try:
        t0, tf = t_span
    except (TypeError, ValueError):
        raise InputError(f"`t_span` must be a pair of numbers, found {t_span!r}") from None
    t0, tf = number("`t_span`", t0), number("`t_span`", tf)
    if not np.isfinite(t0) or np.isnan(tf):
        raise InputError(f"`t_span` must be a pair of numbers, found {t_span!r}")
    return t0, tf


def _arguments(args):
    try:
        return () if args is None else tuple(args)
    except TypeError:
        raise TypeError(f"Supplied 'args' cannot be unpacked: it is {args!r}; write `args=({args!r},)`.") from None


def _with_events(fun, watched, args, span, y0, vectorized):
    """The model with event functions as outputs, or with those called that cannot be traced."""
    found = _model((fun, *watched), args, span, y0, vectorized)
    if not isinstance(found, _Refusal):
        return found, list(range(len(watched)))
    found = _model((fun,), args, span, y0, vectorized)
    if isinstance(found, _Refusal):
        return found
    return found, [_with_args(event, args) for event in watched]


def _with_args(function, args):
    return function if not args else lambda t, y: function(t, y, *args)


def _events(events):
    """Event functions, and direction and terminal count of each."""
    try:
        watched = () if events is None else (events,) if callable(events) else tuple(events)
    except TypeError:
        raise InputError(f"`events` must be a function or a list of functions, found {events!r}") from None
    kinds = []
    for event in watched:
        _callable("events", event)
        terminal = getattr(event, "terminal", None)
        if not terminal:
            count = 0
        elif int(terminal) == terminal and terminal > 0:
            count = int(terminal)
        else:
            raise ValueError("The `terminal` attribute of each event must be a boolean or positive integer.")
        kinds.append((number("`direction`", getattr(event, "direction", 0)), count))
    return watched, kinds


def _warn(fun, reason):
    known = getattr(fun, "__code__", fun)
    try:
        if known in _warned:
            return
        _warned.add(known)
    except TypeError:
        pass
    warnings.warn(
        f"`{_name(fun)}` is called at every evaluation instead of being compiled: {reason}", TraceWarning, stacklevel=3
    )


class _Run:
    """A run's options, looked at."""

    def __init__(self, t0, tf, y0, method, t_eval, dense_output, options):
        self.span = t0, tf
        self.is_complex = np.issubdtype(y0.dtype, np.complexfloating)
        # Complex numbers are pairs to the core.
        self.start = y0.astype(complex).view(float) if self.is_complex else y0.astype(float)
        self.n = len(y0)
        self.method, self.called_method = _method(method)
        self.t_eval = _times(t_eval, t0, tf)
        self.dense_output = _truth("dense_output", dense_output)
        options = dict(options)
        # The core has one relative tolerance for all.
        rtol = float(np.min(numbers("`rtol`", options.pop("rtol", 1e-3)), initial=np.inf))
        floor = 100 * np.finfo(float).eps
        if rtol < floor:
            warnings.warn(f"At least one element of `rtol` is too small. Setting `rtol = {floor}`.", stacklevel=3)
            rtol = floor
        self.rtol = rtol
        atol = numbers("`atol`", options.pop("atol", 1e-6))
        if atol.ndim > 0 and atol.shape != (self.n,):
            raise InputError("`atol` has wrong shape.")
        if not np.all(atol >= 0):
            raise InputError("`atol` must be positive.")
        atol = np.broadcast_to(atol, (self.n,))
        self.atol = np.repeat(atol, 2) if self.is_complex else atol
        self.first_step = options.pop("first_step", None)
        if self.first_step is not None:
            self.first_step = number("`first_step`", self.first_step)
            if not self.first_step > 0:
                raise InputError("`first_step` must be positive.")
            if self.first_step > abs(tf - t0):
                raise InputError("`first_step` exceeds bounds.")
        self.max_step = number("`max_step`", options.pop("max_step", np.inf))
        if not self.max_step > 0:
            raise InputError("`max_step` must be positive.")
        if self.max_step < np.spacing(max(abs(t0), abs(tf))):
            raise InputError("`max_step` is less than the spacing between numbers.")
        options.pop("jac", None)
        idle = ", ".join(f"`{name}`" for name in options if name not in IDLE_OPTIONS)
        if idle:
            warnings.warn(f"The following arguments have no effect for a chosen solver: {idle}", stacklevel=3)

    def arguments(self, method):
        return {
            "t0": self.span[0],
            "t1": self.span[1],
            "method": method,
            "rtol": self.rtol,
            "atol": self.atol.tolist(),
            "first_step": self.first_step,
            "max_step": self.max_step,
            "t_eval": None if self.t_eval is None else self.t_eval.tolist(),
            "dense": self.dense_output,
        }

    def traced(self, model, values, events):
        result = _core.solve_traced(model, self.start.tolist(), values, self.arguments(self.method), events)
        return self.result(result, True)

    def called(self, fun, args, watched, kinds, vectorized, jac):
        fun = _with_args(fun, args)
        if self.n == 0 or self.span[0] == self.span[1]:
            return self.nothing(fun, len(watched))
        make = self.complex_or_real
        called = make(_single(fun) if vectorized else fun)
        events = [(make(_with_args(event, args), False), *kind) for event, kind in zip(watched, kinds)]
        jac = None if jac is None else self.jacobian(jac, args)
        result = _core.solve_called(called, jac, self.start.tolist(), self.arguments(self.called_method), events)
        return self.result(result, False)

    def complex_or_real(self, function, is_state=True):
        """A function of real numbers that does what `function` does."""
        if not self.is_complex:
            return function
        if not is_state:
            return lambda t, y: np.real(function(t, y.view(complex)))
        return lambda t, y: np.asarray(function(t, y.view(complex)), dtype=complex).ravel().view(float)

    def jacobian(self, jac, args):
        """`jac(t, y)` as a function that gives a dense real matrix."""
        def dense(matrix):
            return matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)

        if not callable(jac):
            constant = self.real_matrix(dense(jac))
            return lambda t, y: constant
        jac = _with_args(jac, args)
        return lambda t, y: self.real_matrix(dense(jac(t, y.view(complex) if self.is_complex else y)))

    def real_matrix(self, matrix):
        if matrix.shape != (self.n, self.n):
            raise ValueError(f"`jac` is expected to have shape {(self.n, self.n)}, but actually has {matrix.shape}.")
        if not self.is_complex:
            return np.ascontiguousarray(matrix, dtype=float).ravel()
        pairs = np.empty((self.n, 2, self.n, 2))
        pairs[:, 0, :, 0] = pairs[:, 1, :, 1] = matrix.real
        pairs[:, 1, :, 0] = matrix.imag
        pairs[:, 0, :, 1] = -matrix.imag
        return pairs.reshape(-1)

    def result(self, result, traced):
        if self.is_complex:
            result["y"] = np.ascontiguousarray(result["y"].T).view(complex).T
            result["y_events"] = [states.view(complex) for states in result["y_events"]]
            if (sol := result["sol"]) is not None:
                result["sol"] = _Complex(sol)
        if self.t_eval is not None and result["status"] == 1 and len(result["t"]) and result["t"][-1] not in self.t_eval:
            # The end that an event makes is not among the points asked for.
            result["t"], result["y"] = result["t"][:-1], result["y"][:, :-1]
        if self.t_eval is not None and not len(result["t"]):
            # As in SciPy.
            result["t"], result["y"] = [], []
        return OdeResult(result, traced=traced)

    def nothing(self, fun, events):
        """Without a state, or without time, nothing happens."""
        if self.n:
            fun(self.span[0], np.array(self.start.view(complex) if self.is_complex else self.start))
        y0 = self.start.view(complex) if self.is_complex else self.start
        t = np.array(self.span) if self.t_eval is None else self.t_eval
        sol = (lambda t: np.broadcast_to(y0.reshape(-1, *[1] * np.ndim(t)), (self.n, *np.shape(t)))) if self.dense_output else None
        return OdeResult(
            t=t, y=np.repeat(y0[:, None], len(t), axis=1), sol=sol, t_events=[np.array([])] * events,
            y_events=[np.empty((0, self.n))] * events, nfev=0, njev=0, nlu=0, status=0,
            message="The solver successfully reached the end of the integration interval.", success=True, traced=False,
        )  # fmt: skip


class _Complex:
    """A solution of complex numbers between the points."""

    def __init__(self, sol):
        self.sol = sol
        self.ts, self.t_min, self.t_max, self.n_segments = sol.ts, sol.t_min, sol.t_max, sol.n_segments

    def __call__(self, t):
        pairs = self.sol(t)
        return pairs[0::2] + 1j * pairs[1::2]


def _single(fun):
    """A vectorised function, called with one state."""
    return lambda t, y: np.asarray(fun(t, y[:, None])).ravel()


def _method(method):
    name = method.__name__ if inspect.isclass(method) else method
    if not isinstance(name, str) or (name not in METHODS and name.lower() not in map(str.lower, _core.methods())):
        raise InputError(f"`method` must be one of {list(METHODS)} or of rhapsode.methods(), found {method!r}")
    return METHODS.get(name, name), CALLED_METHODS.get(name, name)


def _times(t_eval, t0, tf):
    if t_eval is None:
        return None
    t_eval = numbers("`t_eval`", t_eval)
    if t_eval.ndim != 1:
        raise InputError("`t_eval` must be 1-dimensional.")
    if not (np.all(t_eval >= min(t0, tf)) and np.all(t_eval <= max(t0, tf))):
        raise InputError("Values in `t_eval` are not within `t_span`.")
    steps = np.diff(t_eval)
    if (tf > t0 and np.any(steps <= 0)) or (tf < t0 and np.any(steps >= 0)):
        raise InputError("Values in `t_eval` are not properly sorted.")
    return t_eval
