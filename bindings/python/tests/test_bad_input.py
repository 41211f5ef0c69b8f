"""Every argument of every public function, with values that make no sense there: what comes is a result or an exception that
names the argument, and never the end of the interpreter.

`CALLS` has the functions with arguments that are good; each in turn is replaced by each of `HOSTILE`.
"""

import pathlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import rhapsode

MODELS = pathlib.Path(__file__).parents[3] / "examples" / "models"
TANK = """
model tank
param k = 2, x0 = 1
index i = 0..2
param W[i] = 1
init x = x0, u[i] = 1
x' = -k*x
u[i]' = -W[i]*u[i]
output half = x/2
objective cost = integral(x^2) + 10*final((x - 0.3)^2)
observe level ~ Normal(x, 0.1)
solve t = 0..1
"""


class Stubborn:
    """Fails whatever it is asked."""

    def _refuse(self, *_, **__):
        raise LookupError("stubborn")

    __float__ = __index__ = __iter__ = __len__ = __array__ = __getitem__ = __call__ = __bool__ = __fspath__ = _refuse


class Loop(list):
    """Has itself as an element."""

    def __init__(self):
        super().__init__([self])

    __repr__ = object.__repr__


HOSTILE = {
    "none": None,
    "a truth": True,
    "minus one": -1,
    "zero": 0,
    "huge": 2**70,
    "large": 2**62,
    "tiny": 5e-324,
    "infinite": float("inf"),
    "not a number": float("nan"),
    "complex": 1 + 2j,
    "a word": "nonsense",
    "nothing": "",
    "half a character": "\ud800",
    "a zero byte": "a\0b",
    "bytes": b"nonsense",
    "an empty list": [],
    "a ragged list": [[1.0], [2.0, 3.0]],
    "a list in itself": Loop(),
    "no columns": np.zeros((2, 0)),
    "many dimensions": np.ones((1, 2, 1, 2)),
    "words": np.array(["a", "b"]),
    "complex numbers": np.array([1j, 2.0]),
    "objects": np.array([object(), None]),
    "dates": np.array(["2026-01-01"], dtype="datetime64[D]"),
    "strange bytes": np.ones(4, dtype=">f8")[::2],
    "from the end": np.arange(3.0)[::-1],
    "at no multiple of eight": np.ones(25, dtype=np.uint8)[1:].view(np.float64),
    "long": [0.5] * 1000,
    "an empty dict": {},
    "a dict": {"nonsense": "nonsense"},
    "a dict of numbers": {1: 2},
    "an object": object(),
    "a class": dict,
    "a function": lambda *_: "nonsense",
    "a function that fails": lambda *_: 1 / 0,
    "stubborn": Stubborn(),
}


def _rhs(t, y, k=2.0):
    return -k * y


def _calls():
    """By name: a function, and good arguments."""
    model = rhapsode.compile(TANK)
    solution = model.solve((0, 1), save=3)
    objective = model.objective(["k", "x0"], "cost")
    options = dict(
        method="Tsit5", rtol=1e-6, atol=1e-8, save=[0.5, 1.0], first_step=0.1, max_step=0.5, max_steps=1000, max_time=10.0, reduce=False,
        over_switches=False, explain=False, dense=False,
    )  # fmt: skip
    run = dict(span=(0, 1), params={"k": 1.0}, **options)
    weights = np.ones((2, 5))
    result = rhapsode.solve_ivp(_rhs, (0, 1), [1.0], dense_output=True)
    curves = dict(times=[0.5, 1.0], by=["k", "x"], span=(0, 1), params={"x0": 2.0}, rtol=1e-6)
    calls = {
        "compile": (rhapsode.compile, dict(text=TANK, name="m", files={}, functions={})),
        "load": (rhapsode.load, dict(path=MODELS / "lorenz.ode", functions={})),
        "solve": (model.solve, dict(run, sensitivities=["k"], k=1.0, x=1.0, W=[1.0, 1.0, 1.0], u=[1.0, 1.0, 1.0])),
        "vjp": (model.vjp, dict(run, weights=weights)),
        "tangents": (model.tangents, dict(run, by=["k", "x"])),
        "objective": (model.objective, dict(by=["k"], name="cost", data=None, span=(0, 1), method="Tsit5", rtol=1e-6, atol=1e-8, x0=2.0)),
        "value_and_grad": (
            model.value_and_grad, dict(objective="log_likelihood", params={"k": 2.0}, data={"t": [0.5], "level": [0.5]}, span=(0, 1), rtol=1e-6),
        ),
        "ensemble": (model.ensemble, dict(params={"k": [1.0, 2.0]}, span=(0, 1), executor=None, threads=1, **options)),
        "rhs": (model.rhs, dict(t=0.0, y=np.ones(4), k=1.0, W=[1.0, 1.0, 1.0])),
        "jacobian": (model.jacobian, dict(t=0.0, y=np.ones(4), k=1.0)),
        "show": (model.show, dict(what="equations", format="text")),
        "doc": (model.doc, dict(name="k")),
        "solution": (solution, dict(t=0.5)),
        "item": (lambda name: solution[name], dict(name="x")),
        "contains": (lambda name: name in solution, dict(name="x")),
        "Objective.value_and_grad": (objective.value_and_grad, dict(at=[1.0, 2.0])),
        "Objective": (objective, dict(at=[1.0, 2.0])),
        "solve_ivp": (
            rhapsode.solve_ivp,
            dict(fun=_rhs, t_span=(0, 1), y0=[1.0], method="RK45", t_eval=[0.5], dense_output=False, events=lambda t, y, k: y[0] - 0.5,
                 vectorized=False, args=(2.0,), rtol=1e-3, atol=1e-6, jac=None, first_step=0.1, max_step=0.5),
        ),
        "trace": (rhapsode.trace, dict(fun=_rhs, y0=[1.0], args=(2.0,), t_span=(0, 1))),
        "OdeResult.sol": (result.sol, dict(t=0.5)),
    }  # fmt: skip
    for name in ("jax", "torch", "pytensor"):
        try:
            module = __import__(f"rhapsode.{name}", fromlist=["curves"])
        except ImportError:
            continue
        calls[f"{name}.curves"] = (module.curves, dict(model=model, **curves))
    return calls


CALLS = _calls()
#: Other words for an argument, in sentences that have always said so.
WORDS = {
    "text": ["error[E"],
    "path": ["cannot read", "file name"],
    "fun": ["cannot be traced", "dict expected"],
    "events": ["dict expected", "`event` returns"],
    "name": ["no state or output", "no objective", "several objectives"],
    "what": ["no view"],
    "by": ["no parameter or state", "no derivative"],
    "sensitivities": ["no parameter or state", "no derivative"],
    "params": ["parameter", "nonsense = "],
    "atol": ["absolute tolerances"],
    "span": ["outside the run"],
    "max_step": ["after 1000 steps"],
    "k": ["after 1000 steps"],
    "save": ["weights"],
    "at": ["expected 2 numbers", "k is NaN"],
    "files": ["file"],
    "max_steps": ["after 0 steps", "after 1 steps"],
    "max_time": ["after 0 s"],
}


def _names(name, error):
    text = " ".join([str(error), *getattr(error, "__notes__", ())])
    return any(word in text for word in [name, *WORDS.get(name, ())])


ARGUMENTS = [(call, argument) for call, (_, arguments) in CALLS.items() for argument in arguments]
#: Handed on to the function, which says what it thinks of them.
HANDED_ON = {"args"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call, argument", ARGUMENTS, ids=[f"{call}({argument})" for call, argument in ARGUMENTS])
def test_what_makes_no_sense_is_named(call, argument):
    function, good = CALLS[call]
    unnamed = []
    for what, value in HOSTILE.items():
        try:
            function(**good | {argument: value})
        except Exception as error:
            # What an object of the caller raises is the caller's.
            own = argument in HANDED_ON or isinstance(error, ZeroDivisionError) or "stubborn" in str(error)
            if not own and not _names(argument, error):
                unnamed.append(f"{what}: {type(error).__name__}: {error}")
    assert not unnamed, "\n".join(unnamed)


def test_every_public_function_with_arguments_is_in_the_table():
    called = {call.split(".")[-1] for call in CALLS}
    own = {"plot", "to_pandas", "to_xarray", "page"}
    for kind in (rhapsode.Model, rhapsode.Solution, rhapsode.Objective):
        methods = {name for name, value in vars(kind).items() if not name.startswith("_") and callable(value)}
        assert methods - own <= called, kind
    functions = {name for name in rhapsode.__all__ if callable(getattr(rhapsode, name)) and not isinstance(getattr(rhapsode, name), type)}
    assert functions - {"methods"} <= called


def test_what_was_picked_apart_is_refused():
    model = rhapsode.compile(TANK)
    for data in (b"", b"\xff" * 40):
        with pytest.raises(rhapsode.InputError, match="the data are no solution"):
            rhapsode._core.restore(model, data, None, {}, {}, [])
    for places in ([(True, 9)], [(False, 9)], []):
        with pytest.raises(rhapsode.InputError, match="places"):
            rhapsode._core.keep_curves(model, ["k"], places, (0, 1), {}, {})


def test_one_object_in_many_threads_is_that_object_in_one():
    model = rhapsode.compile(TANK)
    objective = model.objective(["k", "x0"], "cost")
    points = [[1 + 0.01 * n, 2.0] for n in range(64)]
    alone = [objective.value_and_grad(at)[1].tolist() for at in points]
    times = np.linspace(0, 1, 50)
    expected = model.solve((0, 1))(times)
    for _ in range(5):
        solution = model.solve((0, 1))
        with ThreadPoolExecutor(8) as pool:
            gradients = pool.map(lambda at: objective.value_and_grad(at)[1].tolist(), points)
            # The dense output is made when it is first asked for, here by eight at once.
            curves = list(pool.map(solution, [times] * 8))
            sensitive = list(pool.map(lambda _: model.solve((0, 1), sensitivities=["k"]).rows, range(8)))
            assert list(gradients) == alone
        assert all(np.array_equal(curve, expected) for curve in curves)
        assert all(np.array_equal(rows, sensitive[0]) for rows in sensitive)
