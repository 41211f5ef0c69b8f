"""Expressions that record what is done to them: the numbers a traced function is called with.

A `Graph` holds nodes `(op, *operands)`, each once; `Expr` and `Cond` are handles on them with Python's arithmetic and NumPy's
protocols, `Traced` is an array of them. `Graph.text` writes them in the language of models.
"""

import math

import numpy as np


class Untraceable(BaseException):
    """What a function does cannot be an equation. No `Exception`, so that functions do not catch it."""


#: Expressions nested deeper than this become definitions of their own.
DEEPEST = 40

_BINARY = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}
_COMPARE = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


class Graph:
    """All expressions of one traced function."""

    def __init__(self):
        self.nodes = []
        self.places = {}
        #: Tables that `numpy.interp` has used, by the text of their file.
        self.tables = {}

    def node(self, *node):
        place = self.places.setdefault(node, len(self.nodes))
        if place == len(self.nodes):
            self.nodes.append(node)
        return place

    def leaf(self, name):
        return Expr(self, self.node("name", name))

    def place(self, value):
        """The node of an operand: an expression, a condition as 0 or 1, or a number."""
        if isinstance(value, Cond):
            return self.node("if", value.place, self.node("number", 1.0), self.node("number", 0.0))
        if isinstance(value, Expr):
            return value.place
        if isinstance(value, np.ndarray) and value.size == 1:
            return self.place(value.reshape(-1)[0])
        if isinstance(value, complex):
            raise Untraceable("it computes with complex numbers")
        value = float(value)
        if not math.isfinite(value):
            raise Untraceable(f"it computes with {value}")
        return self.node("number", value)

    def condition(self, value):
        """The node of a condition."""
        if isinstance(value, Cond):
            return value.place
        if isinstance(value, Expr):
            return self.node("ne", value.place, self.node("number", 0.0))
        return self.node("true" if value else "false")

    def texts(self, places):
        """The text of each of these nodes, and the definitions that they need before."""
        uses = [0] * len(self.nodes)
        wanted = set(places)
        for place in range(len(self.nodes) - 1, -1, -1):
            if place in wanted or uses[place]:
                for operand in self.operands(place):
                    uses[operand] += 1
        text, depth, definitions = {}, {}, []
        for place, node in enumerate(self.nodes):
            if not (uses[place] or place in wanted):
                continue
            op, *operands = node
            if op == "name":
                text[place], depth[place] = operands[0], 0
                continue
            if op == "number":
                number = repr(operands[0])
                text[place], depth[place] = f"({number})" if number.startswith("-") else number, 0
                continue
            text[place] = self.spell(op, operands, text)
            depth[place] = 1 + max((depth[k] for k in self.operands(place)), default=0)
            shared = uses[place] > 1 or (depth[place] > DEEPEST and uses[place])
            if shared and not self.is_condition(op):
                definitions.append(f"e{place} = {text[place]}")
                text[place], depth[place] = f"e{place}", 0
        return [text[place] for place in places], definitions

    def operands(self, place):
        op, *operands = self.nodes[place]
        if op in ("name", "number", "true", "false"):
            return ()
        return operands[1:] if op in ("call", "table") else operands

    @staticmethod
    def is_condition(op):
        return op in _COMPARE or op in ("and", "or", "not", "true", "false")

    def spell(self, op, operands, text):
        if op in _BINARY:
            left, right = (text[k] for k in operands)
            return f"({left} {_BINARY[op]} {right})"
        if op in _COMPARE:
            left, right = (text[k] for k in operands)
            return f"({left} {_COMPARE[op]} {right})"
        if op in ("and", "or"):
            return f"({text[operands[0]]} {op} {text[operands[1]]})"
        if op == "not":
            return f"(not {text[operands[0]]})"
        if op == "neg":
            return f"(-{text[operands[0]]})"
        if op == "if":
            condition, yes, no = (text[k] for k in operands)
            return f"(if {condition} then {yes} else {no})"
        if op in ("true", "false"):
            return op
        name, *arguments = operands
        return f"{name}({', '.join(text[k] for k in arguments)})"


def _graph(values):
    for value in values:
        if isinstance(value, (Expr, Cond)):
            return value.graph
    return None


def call(name, *values):
    """A function of the language."""
    graph = _graph(values)
    return Expr(graph, graph.node("call", name, *(graph.place(value) for value in values)))


def select(condition, yes, no):
    """`yes` where the condition holds, else `no`."""
    if not isinstance(condition, (Expr, Cond)):
        return yes if condition else no
    graph = condition.graph
    return Expr(graph, graph.node("if", graph.condition(condition), graph.place(yes), graph.place(no)))


def compare(op, a, b):
    graph = _graph((a, b))
    return Cond(graph, graph.node(op, graph.place(a), graph.place(b)))


def join(op, a, b):
    """`and` or `or` of conditions, some of which may be known."""
    for known, other in ((a, b), (b, a)):
        if not isinstance(known, (Expr, Cond)):
            return other if bool(known) == (op == "and") else bool(known)
    graph = _graph((a, b))
    return Cond(graph, graph.node(op, graph.condition(a), graph.condition(b)))


def invert(a):
    if not isinstance(a, (Expr, Cond)):
        return not a
    return Cond(a.graph, a.graph.node("not", a.graph.condition(a)))


def _arithmetic(op, a, b):
    graph = _graph((a, b))
    # What costs nothing to know here need not be written.
    if not isinstance(b, (Expr, Cond)) and ((op in ("add", "sub") and b == 0) or (op in ("mul", "div", "pow") and b == 1)):
        return a
    if not isinstance(a, (Expr, Cond)) and ((op == "add" and a == 0) or (op == "mul" and a == 1)):
        return b
    if op == "mul" and any(not isinstance(x, (Expr, Cond)) and x == 0 for x in (a, b)):
        return 0.0
    return Expr(graph, graph.node(op, graph.place(a), graph.place(b)))


def _binary(op):
    def forwards(self, other):
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _arithmetic(op, self, other)

    def backwards(self, other):
        return _arithmetic(op, other, self)

    return forwards, backwards


def _comparison(op):
    def method(self, other):
        if isinstance(other, np.ndarray):
            return NotImplemented
        if not isinstance(other, (Expr, Cond, int, float, np.number, np.bool_)):
            return NotImplemented
        return compare(op, self, other)

    return method


def _floordiv(a, b):
    return call("floor", a / b)


def _numbers_only(self, *_):
    raise Untraceable("it makes a plain number of a value (as float(), int(), round() or an index do)")


class _Value:
    """What `Expr` and `Cond` have in common."""

    __slots__ = ("graph", "place")

    def __init__(self, graph, place):
        self.graph = graph
        self.place = place

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("sub")
    __mul__, __rmul__ = _binary("mul")
    __truediv__, __rtruediv__ = _binary("div")
    __pow__, __rpow__ = _binary("pow")

    def __floordiv__(self, other):
        return NotImplemented if isinstance(other, np.ndarray) else _floordiv(self, other)

    def __rfloordiv__(self, other):
        return _floordiv(other, self)

    def __mod__(self, other):
        return NotImplemented if isinstance(other, np.ndarray) else call("mod", self, other)

    def __rmod__(self, other):
        return call("mod", other, self)

    def __neg__(self):
        return Expr(self.graph, self.graph.node("neg", self.graph.place(self)))

    def __pos__(self):
        return self

    def __abs__(self):
        return call("abs", self)

    __lt__ = _comparison("lt")
    __le__ = _comparison("le")
    __gt__ = _comparison("gt")
    __ge__ = _comparison("ge")
    __eq__ = _comparison("eq")
    __ne__ = _comparison("ne")
    __hash__ = object.__hash__

    def __bool__(self):
        raise Untraceable("its control flow depends on values (as `if`, `while`, `and`, `or` of them do); `numpy.where` does not")

    __float__ = __int__ = __index__ = __complex__ = __round__ = __floor__ = __ceil__ = __trunc__ = _numbers_only

    # What single numbers of NumPy have.
    shape = ()
    ndim = 0
    size = 1

    @property
    def real(self):
        return self

    @property
    def T(self):
        return self

    def item(self):
        return self

    def copy(self):
        return self

    def astype(self, *_, **__):
        return self

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        from ._arrays import apply

        return apply(ufunc, method, inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        from ._arrays import dispatch

        return dispatch(func, args, kwargs)


class Expr(_Value):
    """A number that is not known yet."""

    __slots__ = ()


class Cond(_Value):
    """A truth value that is not known yet; in arithmetic 0 or 1."""

    __slots__ = ()

    def __and__(self, other):
        return join("and", self, other)

    def __or__(self, other):
        return join("or", self, other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self):
        return invert(self)
