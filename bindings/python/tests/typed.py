"""A program with types, for mypy: what the package gives is what the stubs say."""

import pathlib
from collections.abc import Callable

import numpy as np
import rhapsode
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def models(path: pathlib.Path) -> rhapsode.Model:
    def drag(v: float, k: float) -> float:
        return k * v * v

    model = rhapsode.load(path, functions={"drag": drag})
    states: list[str] = model.states
    values: dict[str, float | None] = model.parameters
    text: str = model.show("jacobian", "latex") + (model.doc("k") or "")
    derivatives: Floats = model.rhs(0.0, [1.0, 2.0], k=2.0)
    print(states, values, text, derivatives)
    return rhapsode.compile(model.source, name=model.name, files={"data.csv": "t,x\n"})


def runs(model: rhapsode.Model) -> tuple[Floats, float]:
    solution = model.solve((0, 1), {"k": 2.0}, ["k"], method="Tsit5", rtol=1e-8, atol=[1e-9, 1e-9], save=np.linspace(0, 1, 5), precision="f64", x=1.0)
    at: Floats = solution(0.5) + solution([0.1, 0.5])[:, 0] + solution["x"] + solution.x
    stopped: tuple[float, str] | None = solution.stopped_by
    last: float = solution.last["x"]
    print(stopped, solution.statistics["steps"], solution.to_pandas(), solution.plot("x", ax=None, color="red"))
    return at, last


def gradients(model: rhapsode.Model) -> None:
    objective = model.objective(["k"], "cost", span=(0, 1), rtol=1e-8)
    value, slope = objective.value_and_grad(objective.point)
    number: float = value + objective([2.0])
    by_parameters, by_states = model.vjp(np.ones((2, 1)), (0, 1), save=[0.5, 1.0])
    total, by_name = model.value_and_grad("cost", {"k": 2.0}, data={"t": [0.5], "level": [1.0]})
    print(number, slope[0], by_parameters.shape, by_states.shape, total, by_name["k"])


def as_in_scipy(fun: Callable[[float, Floats], Floats]) -> Floats:
    result = rhapsode.solve_ivp(fun, (0, 1), [1.0], "LSODA", events=[lambda t, y: y[0]], dense_output=True, rtol=1e-6)
    assert result.success and result.sol is not None and result.t_events is not None
    print(rhapsode.trace(fun, [1.0]).states, result.message, result.t_events[0].size, result.sol(0.5))
    return result.t


def errors(model: rhapsode.Model) -> str:
    try:
        model.solve()
    except rhapsode.SolveError as error:
        if error.partial is not None:
            return f"{error.kind} {error.time} {error.partial.t.size}"
    except rhapsode.ModelError as error:
        return str(error.diagnostics[0]["message"])
    return ""
