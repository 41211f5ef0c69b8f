"""Arrays of expressions, and what NumPy's functions do to them.

An array is an object array of `Expr`s, `Cond`s and numbers, so that indexing, slicing, broadcasting, reshaping and joining are
NumPy's own. Elementwise functions are looked up in `UFUNCS`; what NumPy can only do with numbers is in `FUNCTIONS`.
"""

import functools
import types

import numpy as np


from ._expr import Cond, Expr, Untraceable, call, compare, invert, join, select


class Traced(np.ndarray):
    """An array of expressions."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return apply(ufunc, method, inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        return dispatch(func, args, kwargs)

    def __setitem__(self, key, value):
        if isinstance(key, Cond) or (isinstance(key, np.ndarray) and key.dtype == object):
            # A mask that is not known yet: each element is chosen.
            chosen = where(key, value, self)
            self.view(np.ndarray)[...] = plain(chosen)
            return
        self.view(np.ndarray)[key] = plain(value)

    def __getitem__(self, key):
        if isinstance(key, np.ndarray) and key.dtype == object:
            if any(isinstance(element, (Expr, Cond)) for element in key.flat):
                raise Untraceable("it picks elements by values")
            key = key.astype(bool)
        return super().__getitem__(key)

    def astype(self, *_, **__):
        return self.copy()

    def __bool__(self):
        return bool(self.reshape(-1)[0]) if self.size == 1 else super().__bool__()

    def __float__(self):
        return float(self.item())

    @property
    def real(self):
        return self


def traced(values):
    """An array of what may be expressions."""
    if isinstance(values, np.ndarray):
        return values.astype(object).view(Traced)
    return np.array(values, dtype=object).view(Traced)


def plain(value):
    """Without the class, so that NumPy does the work itself."""
    return value.view(np.ndarray) if isinstance(value, Traced) else value


def is_known(value):
    """Whether it has no expression in it."""
    if isinstance(value, (Expr, Cond)):
        return False
    if isinstance(value, Traced):
        return not any(isinstance(element, (Expr, Cond)) for element in value.flat)
    if isinstance(value, (list, tuple)):
        return all(is_known(element) for element in value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return is_known(value.view(Traced))
    return True


def known(value):
    """The numbers of what has no expression in it."""
    if isinstance(value, Traced):
        kind = bool if value.size and all(isinstance(element, (bool, np.bool_)) for element in value.flat) else float
        return value.view(np.ndarray).astype(kind)
    if isinstance(value, (list, tuple)):
        return type(value)(known(element) for element in value)
    return value


def _wrap(result):
    if isinstance(result, tuple):
        return tuple(_wrap(part) for part in result)
    if isinstance(result, np.ndarray) and result.dtype != bool:
        return traced(result)
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Elementwise functions


def _named(name):
    return lambda *x: call(name, *x)


def _larger(a, b):
    return call("max", a, b)


def _smaller(a, b):
    return call("min", a, b)


UFUNCS = {
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a - b,
    np.multiply: lambda a, b: a * b,
    np.true_divide: lambda a, b: a / b,
    np.floor_divide: lambda a, b: a // b,
    np.remainder: lambda a, b: a % b,
    np.fmod: lambda a, b: a - b * _truncated(a / b),
    np.power: lambda a, b: a**b,
    np.float_power: lambda a, b: a**b,
    np.negative: lambda a: -a,
    np.positive: lambda a: a,
    np.absolute: abs,
    np.fabs: abs,
    np.square: lambda a: a * a,
    np.reciprocal: lambda a: 1.0 / a,
    np.conjugate: lambda a: a,
    np.maximum: _larger,
    np.minimum: _smaller,
    np.fmax: _larger,
    np.fmin: _smaller,
    np.sign: _named("sign"),
    np.floor: _named("floor"),
    np.ceil: _named("ceil"),
    np.trunc: lambda a: _truncated(a),
    np.heaviside: lambda a, middle: select(a < 0, 0.0, select(a > 0, 1.0, middle)),
    np.hypot: _named("hypot"),
    np.arctan2: _named("atan2"),
    np.exp2: lambda a: 2.0**a,
    np.deg2rad: lambda a: a * (np.pi / 180.0),
    np.radians: lambda a: a * (np.pi / 180.0),
    np.rad2deg: lambda a: a * (180.0 / np.pi),
    np.degrees: lambda a: a * (180.0 / np.pi),
    np.logaddexp: lambda a, b: call("max", a, b) + call("log1p", call("exp", -abs(a - b))),
    np.less: lambda a, b: compare("lt", a, b),
    np.less_equal: lambda a, b: compare("le", a, b),
    np.greater: lambda a, b: compare("gt", a, b),
    np.greater_equal: lambda a, b: compare("ge", a, b),
    np.equal: lambda a, b: compare("eq", a, b),
    np.not_equal: lambda a, b: compare("ne", a, b),
    np.logical_and: functools.partial(join, "and"),
    np.bitwise_and: functools.partial(join, "and"),
    np.logical_or: functools.partial(join, "or"),
    np.bitwise_or: functools.partial(join, "or"),
    np.logical_not: invert,
    np.invert: invert,
}
UFUNCS |= {
    getattr(np, name): _named(ours)
    for name, ours in {
        "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "log10": "log10", "log2": "log2", "sqrt": "sqrt",
        "cbrt": "cbrt", "sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
        "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    }.items()
}  # fmt: skip
#: Functions of `scipy.special`, by name: SciPy need not be there.
SPECIAL = {
    "erf": _named("erf"),
    "erfc": _named("erfc"),
    "gamma": _named("gamma"),
    "gammaln": _named("lgamma"),
    "loggamma": _named("lgamma"),
    "psi": _named("digamma"),
    "expit": lambda a: 1.0 / (1.0 + call("exp", -a)),
    "logit": lambda a: call("log", a / (1.0 - a)),
    "xlogy": lambda a, b: select(compare("eq", a, 0.0), 0.0, a * call("log", b)) if not is_known(a) else a * call("log", b),
}
IDENTITY = {np.add: 0.0, np.multiply: 1.0, np.logical_and: True, np.logical_or: False}


def _truncated(a):
    return select(compare("lt", a, 0.0), call("ceil", a), call("floor", a))


def _elementwise(ufunc):
    """The function of expressions that belongs to a ufunc; of numbers the ufunc itself."""
    function = UFUNCS.get(ufunc) or SPECIAL.get(ufunc.__name__)
    if function is None:
        raise Untraceable(f"it calls `{ufunc.__name__}`")

    def element(*values):
        return ufunc(*values) if all(is_known(value) for value in values) else function(*values)

    return element


def apply(ufunc, method, inputs, kwargs):
    """What a ufunc, or a reduction by one, gives."""
    out = kwargs.pop("out", None)
    kwargs.pop("dtype", None)
    kwargs.pop("casting", None)
    if kwargs.pop("where", True) is not True:
        raise Untraceable(f"it calls `{ufunc.__name__}` with `where`")
    if all(is_known(value) for value in inputs):
        result = getattr(ufunc, method)(*(known(value) for value in inputs), **kwargs)
    elif ufunc is np.matmul:
        result = np.matmul(*(np.asarray(plain(value), dtype=object) for value in inputs))
    elif ufunc is np.clip:
        result = clip(*inputs)
    elif ufunc is np.divmod:
        result = (apply(np.floor_divide, method, inputs, {}), apply(np.remainder, method, inputs, {}))
    elif method == "at":
        raise Untraceable(f"it calls `{ufunc.__name__}.at`")
    else:
        identity = {"identity": IDENTITY[ufunc]} if ufunc in IDENTITY else {}
        ours = np.frompyfunc(_elementwise(ufunc), ufunc.nin, ufunc.nout, **identity)
        # An axis is taken away even where the array has none.
        arrays = [np.asarray(plain(value), dtype=object) for value in inputs]
        if method in ("reduce", "accumulate", "reduceat"):
            arrays[1:] = inputs[1:]
        result = getattr(ours, method)(*arrays, **kwargs)
    if out is not None:
        target = out[0] if isinstance(out, tuple) else out
        if target is not None:
            if target.dtype != object:
                raise Untraceable("it writes values into an array of numbers made outside")
            target.view(np.ndarray)[...] = plain(result)
            return target
    return _wrap(result)


# ---------------------------------------------------------------------------------------------------------------------
# Other functions

FUNCTIONS = {}


def _replaces(*functions):
    def register(ours):
        for function in functions:
            FUNCTIONS[function] = ours
        return ours

    return register


def dispatch(func, args, kwargs):
    """What one of NumPy's other functions gives."""
    if func in FUNCTIONS:
        return FUNCTIONS[func](*args, **kwargs)
    if is_known(args) and is_known(tuple(kwargs.values())):
        result = func(*known(args), **{name: known(value) for name, value in kwargs.items()})
        return _wrap(result)

    if func.__module__ in ("numpy.linalg", "numpy.fft"):
        raise Untraceable(f"it calls `{func.__module__}.{func.__name__}` of values")
    try:
        # NumPy's own code, whose parts come back to `apply` and `dispatch`.
        result = func._implementation(*map(_lower, args), **{name: _lower(value) for name, value in kwargs.items()})
    except TypeError as error:
        raise Untraceable(f"it calls `numpy.{func.__name__}`: {error}") from None
    return _wrap(result)


def _lower(value):
    """Arrays in the place of single expressions."""
    if isinstance(value, (Expr, Cond)):
        return traced(value)
    if isinstance(value, (list, tuple)) and not is_known(value):
        return [_lower(element) for element in value]
    return value


@_replaces(np.where)
def where(condition, *choices):
    if len(choices) != 2:
        raise Untraceable("it asks where a condition of values holds")
    chosen = np.frompyfunc(select, 3, 1)(*(np.asarray(plain(value), dtype=object) for value in (condition, *choices)))
    return _wrap(chosen)


@_replaces(np.clip)
def clip(a, a_min=None, a_max=None, *, min=None, max=None, out=None):
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is not None:
        a = np.maximum(a, low)
    if high is not None:
        a = np.minimum(a, high)
    if out is not None:
        out[...] = a
        return out
    return a


@_replaces(np.select)
def choose(condlist, choicelist, default=0):
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist)):
        result = where(condition, choice, result)
    return result


@_replaces(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    x = traced(x)
    if ord is None or (ord == 2 and (x.ndim == 1 or isinstance(axis, int))):
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    if ord == 1 and (x.ndim == 1 or isinstance(axis, int)):
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == np.inf and (x.ndim == 1 or isinstance(axis, int)):
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    raise Untraceable(f"it calls `numpy.linalg.norm` with ord = {ord}")


@_replaces(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    """Straight lines between points: a table of the model."""
    if not (is_known((xp, fp)) and left is None and right is None and period is None):
        raise Untraceable("it calls `numpy.interp` with points that depend on values, or beyond its plain use")
    xp, fp = np.asarray(known(xp), dtype=float), np.asarray(known(fp), dtype=float)
    text = "".join(f"{x!r},{y!r}\n" for x, y in zip(xp.tolist(), fp.tolist()))

    def lookup(x):
        if is_known(x):
            return float(np.interp(float(x), xp, fp))
        name = x.graph.tables.setdefault(text, f"table{len(x.graph.tables) + 1}")
        return call(name, x)

    return _wrap(np.frompyfunc(lookup, 1, 1)(np.asarray(plain(x), dtype=object)))


@_replaces(np.gradient)
def gradient(f, *spacing, axis=None, edge_order=1):
    f = traced(f)
    if f.ndim != 1 or len(spacing) > 1 or (spacing and np.ndim(spacing[0])) or edge_order != 1:
        raise Untraceable("it calls `numpy.gradient` beyond arrays of one dimension with even spacing")
    h = spacing[0] if spacing else 1.0
    inner = (f[2:] - f[:-2]) / (2.0 * h)
    return np.concatenate([f[1:2] - f[:1], inner * h, f[-1:] - f[-2:-1]]) / h


@_replaces(np.linalg.solve)
def solve(a, b):
    """Gauss–Jordan by Cramer's rule for two and three unknowns; larger systems need pivots, which depend on values."""
    a, b = traced(a), traced(b)
    if a.shape not in ((2, 2), (3, 3)) or b.ndim != 1:
        raise Untraceable("it solves a linear system of values with more than three unknowns")
    whole = det(a)
    parts = []
    for k in range(len(b)):
        replaced = a.copy()
        replaced[:, k] = b
        parts.append(det(replaced) / whole)
    return traced(parts)


@_replaces(np.linalg.det)
def det(a):
    a = traced(a)
    if a.shape == (2, 2):
        return a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    if a.shape == (3, 3):
        return sum(
            a[0, k] * (a[1, (k + 1) % 3] * a[2, (k + 2) % 3] - a[1, (k + 2) % 3] * a[2, (k + 1) % 3]) for k in range(3)
        )
    raise Untraceable("it calls `numpy.linalg.det` of values beyond three by three")


@_replaces(np.zeros_like, np.empty_like)
def zeros_like(a, dtype=None, **_):
    return traced(np.zeros(np.shape(a)))


@_replaces(np.ones_like)
def ones_like(a, dtype=None, **_):
    return traced(np.ones(np.shape(a)))


@_replaces(np.full_like)
def full_like(a, fill_value, dtype=None, **_):
    result = zeros_like(a)
    result[...] = fill_value
    return result


@_replaces(np.real)
def real(a):
    return a


@_replaces(np.copy)
def copy(a, **_):
    return a.copy()


# ---------------------------------------------------------------------------------------------------------------------
# NumPy and math as a traced function sees them: arrays it makes can hold expressions


def _holds_numbers(dtype):
    return dtype is None or dtype is _float or (dtype is not object and np.dtype(dtype).kind == "f")


def _made(function):
    def make(*args, dtype=None, **kwargs):
        args = [value for value in args]
        # The type may stand behind the shape.
        position = 2 if function is np.full else 1
        if len(args) > position:
            dtype = args.pop(position)
        if not _holds_numbers(dtype):
            return function(*args, dtype=dtype, **kwargs)
        if function is np.full:
            result = traced(np.zeros(args[0]))
            result[...] = args[1] if len(args) > 1 else kwargs["fill_value"]
            return result
        return traced((np.zeros if function is np.empty else function)(*args))

    return make


def array(value, dtype=None, *args, **kwargs):
    if is_known(value):
        result = np.array(known(value), dtype=None if dtype is _float else dtype, **kwargs)
        return traced(result) if result.dtype.kind == "f" else result
    return np.array(value, dtype=object).view(Traced)


def asarray(value, dtype=None, *args, **kwargs):
    return value if isinstance(value, Traced) else array(value, dtype)


def _float(value=0.0):
    return value if isinstance(value, (Expr, Cond)) else (value[()] if isinstance(value, Traced) else float(value))


def _extreme(name, builtin):
    def extreme(*values, **kwargs):
        items = list(values[0]) if len(values) == 1 else list(values)
        if kwargs or all(is_known(item) for item in items):
            return builtin(*values, **kwargs)
        return functools.reduce(lambda a, b: call(name, a, b), items)

    return extreme


#: What stands in for functions of NumPy, of `math` and of Python, wherever a traced function has them from.
STAND_INS = {
    np.zeros: _made(np.zeros),
    np.ones: _made(np.ones),
    np.empty: _made(np.empty),
    np.full: _made(np.full),
    np.array: array,
    np.asarray: asarray,
    np.asanyarray: asarray,
    np.ascontiguousarray: asarray,
    np.float64: _float,
    np.vectorize: lambda function, **_: lambda *x: _wrap(np.frompyfunc(function, len(x), 1)(*map(plain, x))),
    float: _float,
    max: _extreme("max", max),
    min: _extreme("min", min),
}


def _of_math():
    import math

    same = "exp expm1 log1p log10 log2 sqrt cbrt sin cos tan sinh cosh tanh hypot floor ceil fabs fmod degrees radians trunc"
    pairs = {name: getattr(np, name) for name in same.split()}
    pairs |= {
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh,
        "atanh": np.arctanh, "atan2": np.arctan2, "pow": np.power,
    }  # fmt: skip
    for name, ufunc in pairs.items():
        if function := getattr(math, name, None):
            STAND_INS[function] = _unless_known(function, functools.partial(apply, ufunc, "__call__"))
    for name, ours in (("erf", "erf"), ("erfc", "erfc"), ("gamma", "gamma"), ("lgamma", "lgamma")):
        STAND_INS[getattr(math, name)] = _unless_known(getattr(math, name), lambda x, kwargs, ours=ours: call(ours, *x))
    STAND_INS[math.log] = _unless_known(
        math.log, lambda x, kwargs: call("log", x[0]) if len(x) == 1 else call("log", x[0]) / np.log(x[1])
    )


def _unless_known(function, ours):
    return lambda *x: function(*known(x)) if is_known(x) else ours(x, {})


_of_math()


def stand_in(value):
    """What a traced function gets for a function of a library."""
    try:
        if value in STAND_INS:
            return STAND_INS[value]
    except TypeError:
        return value
    if isinstance(value, np.ufunc) or hasattr(value, "_implementation"):
        STAND_INS[value] = _of_lists(value)
        return STAND_INS[value]
    return value


def _of_lists(function):
    """A function of NumPy that sees lists of expressions as arrays."""

    @functools.wraps(function, updated=())
    def call(*args, **kwargs):
        return function(*(_joined(value) for value in args), **kwargs)

    if isinstance(function, np.ufunc):
        for method in ("reduce", "accumulate", "outer", "at", "reduceat"):
            setattr(call, method, getattr(function, method))
    return call


def _joined(value):
    if isinstance(value, (list, tuple)) and any(isinstance(element, (Expr, Cond)) for element in value):
        return traced(value)
    return value


class Module:
    """A module whose functions are those of `STAND_INS` where there is one."""

    def __init__(self, module):
        self.__dict__["_module"] = module

    def __getattr__(self, name):
        value = getattr(self._module, name)
        if isinstance(value, types.ModuleType):
            return Module(value)
        return stand_in(value)

    def __setattr__(self, name, value):
        raise Untraceable(f"it changes the module {self._module.__name__}")


