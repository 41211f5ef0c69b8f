"""A Python function of (t, y, *args) becomes a model.

The function is run once, with expressions in the place of numbers. What it reads from outside — its arguments, its closure,
globals, defaults — is surveyed first: numbers and arrays among it become parameters of the model, so that the same function
with other numbers is the same model; everything else is part of what the model is known by (`Survey.key`). A function runs
with copies of the names it reads, in which NumPy, `math` and a few builtins make and take expressions (`_arrays`).
"""

import builtins
import dis
import functools
import math
import types

import numpy as np

from ._arrays import STAND_INS, Module, Traced, plain, stand_in, traced
from ._expr import Cond, Expr, Graph, Untraceable

#: Arrays of more elements than this are not parameters but part of the model.
MOST_PARAMETERS = 10_000
#: Modules whose functions do not depend on what a program does.
FIXED_MODULES = ("numpy", "scipy", "math", "cmath", "functools", "itertools", "operator", "builtins")
#: What a function must not do: keep something for its next call.
KEEPS = {"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR"}


def _is_fixed(name):
    return bool(name) and name.split(".")[0] in FIXED_MODULES


def _codes(code):
    """The code of a function and of those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


@functools.lru_cache(maxsize=1024)
def _names(code):
    """The global names that a function may read."""
    return tuple(dict.fromkeys(name for inner in _codes(code) for name in inner.co_names))


@functools.lru_cache(maxsize=1024)
def _keeps(code):
    """What the function does that outlives its call, if anything."""
    free = set(code.co_freevars)
    for inner in _codes(code):
        for step in dis.get_instructions(inner):
            if step.opname in KEEPS:
                return f"it sets `{step.argval}`, which outlives its call"
            if step.opname == "STORE_DEREF" and step.argval in free:
                return f"it sets `{step.argval}`, which outlives its call"
            if step.opname in ("YIELD_VALUE", "SEND"):
                return "it is or has a generator" if inner is code else None
    return None


class Survey:
    """What a function reads from outside.

    `key` tells models apart; `values` are the numbers to give to the model's parameters, `first` and `shape` of each by where
    it was found. With `lift` off, numbers are part of the key.
    """

    def __init__(self, functions, args, lift=True):
        self.lift = lift
        self.key = []
        self.values = []
        self.found = {}
        #: Whether the key tells everything.
        self.complete = True
        self.seen = {}
        for k, function in enumerate(functions):
            self.look(function, ("f", k))
        for k, value in enumerate(args):
            self.look(value, ("a", k))
        self.key = tuple(self.key)

    def parameter(self, path, values, shape):
        self.found[path] = (len(self.values), shape)
        self.values.extend(values)

    def look(self, value, path):
        kind = type(value)
        if kind is float or kind is np.float64:
            if self.lift and math.isfinite(value):
                self.key.append(float)
                self.parameter(path, (float(value),), None)
            else:
                self.key.append(("float", repr(float(value))))
        elif kind in (int, bool, str, type(None), complex, bytes):
            self.key.append((kind, value))
        elif kind is types.FunctionType:
            self.look_at_function(value, path)
        elif kind is types.ModuleType:
            self.key.append(value.__name__)
            self.complete &= _is_fixed(value.__name__)
        elif kind is np.ndarray:
            if value.dtype.kind == "f" and self.lift and value.size <= MOST_PARAMETERS and np.isfinite(value).all():
                self.key.append((np.ndarray, value.shape))
                self.parameter(path, value.ravel().tolist(), value.shape)
            elif value.dtype != object and value.size <= MOST_PARAMETERS:
                self.key.append((np.ndarray, value.shape, value.dtype.str, value.tobytes()))
            else:
                self.complete = False
        elif kind in (list, tuple):
            self.key.append((kind, len(value)))
            for k, element in enumerate(value):
                self.look(element, (*path, k))
        elif kind is dict:
            self.key.append((dict, tuple(value)))
            for name, element in value.items():
                self.look(element, (*path, name))
        elif kind is functools.partial:
            self.key.append(functools.partial)
            self.look(value.func, (*path, "func"))
            self.look(value.args, (*path, "args"))
            self.look(dict(value.keywords), (*path, "keywords"))
        elif kind in (types.BuiltinFunctionType, np.ufunc, type) or _is_fixed(getattr(value, "__module__", None)):
            self.key.append(value)
            # A method of an object knows what the object holds.
            self.complete &= isinstance(getattr(value, "__self__", None), (types.ModuleType, type(None)))
        elif kind is types.MethodType:
            self.complete = False
            self.look(value.__func__, (*path, "method"))
        elif isinstance(value, (np.floating, np.integer, np.bool_)):
            self.key.append((kind, value.item()))
        else:
            # An object: what it holds may change, and is not looked at.
            self.complete = False
            self.key.append(kind)

    def look_at_function(self, function, path):
        function = getattr(function, "py_func", function)
        place = self.seen.setdefault(function, len(self.seen))
        code = function.__code__
        self.key.append((place, code))
        if place != len(self.seen) - 1 or _is_fixed(function.__module__):
            return
        names = function.__globals__
        for name in _names(code):
            if name in names:
                self.look(names[name], (*path, "g", name))
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            try:
                self.look(cell.cell_contents, (*path, "c", name))
            except ValueError:
                self.key.append("empty")
        self.look(function.__defaults__, (*path, "d"))
        self.look(function.__kwdefaults__, (*path, "k"))


class Stage:
    """The world a function is traced in: what it reads from outside, with parameters in the place of numbers."""

    def __init__(self, survey, graph):
        self.survey = survey
        self.graph = graph
        self.made = {}
        #: Lists, dicts and arrays that were handed over as copies, with what was in them.
        self.lent = []

    def stand_in(self, value, path):
        """What the function gets for a value."""
        if path in self.survey.found:
            first, shape = self.survey.found[path]
            if shape is None:
                return self.graph.leaf(f"p{first + 1}")
            size = math.prod(shape)
            leaves = np.empty(size, dtype=object)
            leaves[:] = [self.graph.leaf(f"p{first + k + 1}") for k in range(size)]
            array = leaves.reshape(shape).view(Traced)
            self.lent.append((array, array.copy()))
            return array
        kind = type(value)
        if kind is types.ModuleType:
            return Module(value) if _is_fixed(value.__name__) else value
        if kind is types.FunctionType:
            return self.function(value, path)
        if kind is types.MethodType:
            return types.MethodType(self.function(value.__func__, (*path, "method")), value.__self__)
        if kind is functools.partial:
            return functools.partial(
                self.stand_in(value.func, (*path, "func")),
                *self.stand_in(value.args, (*path, "args")),
                **self.stand_in(dict(value.keywords), (*path, "keywords")),
            )
        if kind in (list, tuple):
            copy = kind(self.stand_in(element, (*path, k)) for k, element in enumerate(value))
            if kind is list:
                self.lent.append((copy, list(copy)))
            return copy
        if kind is dict:
            copy = {name: self.stand_in(element, (*path, name)) for name, element in value.items()}
            self.lent.append((copy, dict(copy)))
            return copy
        if kind is np.ndarray and value.dtype.kind == "f":
            copy = traced(value)
            self.lent.append((copy, copy.copy()))
            return copy
        if hasattr(value, "py_func"):
            return self.function(value.py_func, path)
        return stand_in(value)

    def function(self, function, path):
        """The same function in this world."""
        function = getattr(function, "py_func", function)
        if function in self.made:
            return self.made[function]
        if _is_fixed(function.__module__):
            return stand_in(function)
        if reason := _keeps(function.__code__):
            raise Untraceable(reason)
        names = {"__builtins__": self.builtins(), "__name__": function.__module__}
        code = function.__code__
        cells = tuple(types.CellType() for _ in code.co_freevars)
        copy = types.FunctionType(code, names, function.__name__, None, cells)
        self.made[function] = copy
        for name in _names(code):
            if name in function.__globals__:
                names[name] = self.stand_in(function.__globals__[name], (*path, "g", name))
        for name, cell, own in zip(code.co_freevars, cells, function.__closure__ or ()):
            try:
                cell.cell_contents = self.stand_in(own.cell_contents, (*path, "c", name))
            except ValueError:
                pass
        copy.__defaults__ = self.stand_in(function.__defaults__, (*path, "d"))
        copy.__kwdefaults__ = self.stand_in(function.__kwdefaults__, (*path, "k"))
        return copy

    @staticmethod
    @functools.cache
    def builtins():
        def imported(*args, **kwargs):
            module = builtins.__import__(*args, **kwargs)
            return Module(module) if _is_fixed(module.__name__) else module

        names = dict(vars(builtins))
        names |= {"float": STAND_INS[float], "max": STAND_INS[max], "min": STAND_INS[min], "__import__": imported}
        names["print"] = _refuse("print")
        names["open"] = _refuse("open")
        names["input"] = _refuse("input")
        return names

    def check(self):
        """Nothing that was lent may have been changed."""
        for lent, before in self.lent:
            same = len(lent) == len(before)
            pairs = zip(lent.flat, before.flat) if isinstance(lent, np.ndarray) else zip(lent, before)
            if same and isinstance(lent, dict):
                pairs = ((lent.get(name), value) for name, value in before.items())
            if not same or any(a is not b for a, b in pairs):
                raise Untraceable("it changes a list, dict or array that outlives its call")


def _refuse(name):
    def refused(*_, **__):
        raise Untraceable(f"it calls `{name}`")

    return refused


class Tracing:
    """A traced function: the text of its model and the files that it uses."""

    def __init__(self, text, files):
        self.text = text
        self.files = files


def run(functions, args, n, survey, vectorized=False):
    """Traces functions of (t, y, *args): the first gives dy/dt, the others are watched. Raises `Untraceable`."""
    graph = Graph()
    stage = Stage(survey, graph)
    made = [stage.stand_in(function, ("f", k)) for k, function in enumerate(functions)]
    own = tuple(stage.stand_in(value, ("a", k)) for k, value in enumerate(args))
    y = np.empty(n, dtype=object)
    y[:] = [graph.leaf(f"y{k + 1}") for k in range(n)]
    places = []
    for k, function in enumerate(made):
        state = y.reshape(n, 1) if vectorized and k == 0 else y
        try:
            result = function(graph.leaf("t"), state.copy().view(Traced), *own)
        except Untraceable:
            raise
        except RecursionError:
            raise Untraceable("it recurses too deeply") from None
        except Exception as error:
            raise Untraceable(f"with expressions for numbers it raised {type(error).__name__}: {error}") from None
        values = _flat(result)
        wanted = n if k == 0 else 1
        if len(values) != wanted:
            raise Untraceable(f"it returned {len(values)} values, expected {wanted}")
        try:
            places.extend(graph.place(value) for value in values)
        except (TypeError, ValueError):
            raise Untraceable("it returned what is neither numbers nor an array of them") from None
    stage.check()
    return write(graph, places, n, len(survey.values))


def _flat(result):
    """What a function returned, as a list of numbers and expressions."""
    if isinstance(result, (Expr, Cond)):
        return [result]
    if isinstance(result, np.ndarray):
        return list(plain(result).reshape(-1))
    if isinstance(result, (list, tuple)):
        return [value for part in result for value in _flat(part)]
    return [result]


def write(graph, places, n, parameters):
    """The model of the nodes, the first `n` of which are derivatives, the others outputs."""
    texts, definitions = graph.texts(places)
    lines = ["model traced"]
    files = {}
    for text, name in graph.tables.items():
        files[f"{name}.csv"] = text
        lines.append(f'input {name}(x) = csv("{name}.csv") linear extrapolate hold')
    lines += [f"param p{k + 1} = 0" for k in range(parameters)]
    lines += [f"init y{k + 1} = 0" for k in range(n)]
    lines += definitions
    lines += [f"y{k + 1}' = {text}" for k, text in enumerate(texts[:n])]
    lines += [f"output g{k + 1} = {text}" for k, text in enumerate(texts[n:])]
    return Tracing("\n".join(lines) + "\n", files)
