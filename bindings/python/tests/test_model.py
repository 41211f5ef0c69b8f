"""Models and solutions in Python."""

import _thread
import copy
import multiprocessing
import pathlib
import pickle
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import rhapsode

DECAY = """
## What decays
model decay
## The rate
param k = 2, x0 = 1
init x = x0
x' = -k*x
output twice = 2*x
"""
SPRING = "model spring\nparam w = 2\ninit x = 1, v = 0\nx' = v\nv' = -w^2*x\n"
FIELD = """
model field
index i = 0..2
index j = 1..4
param W[i,j] = 1
init u[i,j] = i + j
u[i,j]' = -W[i,j]*u[i,j]
output total = sum[i,j](u[i,j])
solve t = 0..1
"""


def test_a_model_is_compiled_and_solved():
    model = rhapsode.compile(DECAY)
    assert (model.name, model.states, model.outputs, model.independent) == ("decay", ["x"], ["twice"], "t")
    assert model.parameters == {"k": 2.0, "x0": 1.0}
    assert model.span is None and model.doc("k") == "The rate"
    solution = model.solve((0, 1), rtol=1e-10, atol=1e-12, k=3)
    assert solution.t[0] == 0 and solution.t[-1] == 1 and solution.y.shape == (1, len(solution.t))
    np.testing.assert_allclose(solution["x"], np.exp(-3 * solution.t), rtol=1e-8)
    np.testing.assert_array_equal(solution.twice, 2 * solution.x)
    assert solution.names == ["x", "twice"] and "x" in solution and "y" not in solution
    assert solution.last["x"] == solution.x[-1]
    assert solution.statistics["steps"] == len(solution) - 1


def test_points_to_keep():
    model = rhapsode.compile(DECAY)
    np.testing.assert_array_equal(model.solve((0, 1), save=5).t, np.linspace(0, 1, 5))
    np.testing.assert_array_equal(model.solve((0, 1), save=[0.25, 0.5]).t, [0.25, 0.5])
    np.testing.assert_array_equal(model.solve((0, 1), save=np.array([0.25, 0.5])).t, [0.25, 0.5])
    steps = model.solve((0, 1), save="steps")
    assert len(steps.t) == steps.statistics["steps"] + 1 > 2
    with pytest.raises(rhapsode.InputError, match="save"):
        model.solve((0, 1), save="all")


def test_arrays_keep_their_shape():
    model = rhapsode.compile(FIELD)
    W = np.arange(12.0).reshape(3, 4)
    solution = model.solve(W=W, rtol=1e-10, atol=1e-12)
    assert solution["u"].shape == (3, 4, len(solution.t))
    i, j = np.meshgrid(np.arange(3), np.arange(1, 5), indexing="ij")
    np.testing.assert_allclose(solution["u"][:, :, -1], (i + j) * np.exp(-W), rtol=1e-8)
    np.testing.assert_array_equal(solution["u[2,3]"], solution.u[2, 2])
    np.testing.assert_allclose(solution.total, solution.u.sum(axis=(0, 1)), rtol=1e-14)
    assert solution.quantities[0] == ("u", [3, 4], [0, 1], "state")
    one = model.solve(params={"W[2,4]": 5.0})
    assert one["u[2,4]"][-1] == pytest.approx(6 * np.exp(-5), rel=1e-4)
    with pytest.raises(rhapsode.UnknownNameError, match="`W` has 12 elements, found 3"):
        model.solve(W=[1, 2, 3])


def test_dense_output_is_a_call():
    model = rhapsode.compile(SPRING)
    for dense in (False, True):
        solution = model.solve((0, 3), rtol=1e-9, atol=1e-11, save=3, dense=dense)
        times = np.linspace(0, 3, 50)
        assert solution(times).shape == (2, 50) and solution(1.0).shape == (2,)
        np.testing.assert_allclose(solution(times)[0], np.cos(2 * times), atol=1e-7)
        np.testing.assert_array_equal(solution(solution.t)[:, 0], solution.y[:, 0])


def test_sensitivities_are_columns():
    solution = rhapsode.compile(DECAY).solve((0, 1), sensitivities=["k"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(solution["d[x]/d[k]"], -solution.t * np.exp(-2 * solution.t), atol=1e-8)


def test_events_are_listed(models):
    model = rhapsode.compile("model ball\ninit h = 1, v = 0\nh' = v\nv' = -9.81\nwhen h < 0 { stop }\n")
    solution = model.solve((0, 5))
    time, name = solution.stopped_by
    assert time == pytest.approx(np.sqrt(2 / 9.81), rel=1e-6) and "h < 0" in name
    assert solution.events == [solution.stopped_by]


def test_right_side_and_jacobian():
    model = rhapsode.compile(SPRING)
    np.testing.assert_array_equal(model.rhs(0, [1, 3], w=3), [3, -9])
    np.testing.assert_array_equal(model.jacobian(0, [1, 3], w=3), [[0, 1], [-9, 0]])
    with pytest.raises(rhapsode.InputError, match="y has 1 elements, expected 2"):
        model.rhs(0, [1])


def test_a_file_and_what_it_uses_travel_with_the_model(models, tmp_path):
    (tmp_path / "temp.csv").write_text("hour,temp\n0,4\n6,2\n12,11\n")
    (tmp_path / "lib.ode").write_text("component Loss(k = 1) { init T = 20\nT' = -k*T }\n")
    main = tmp_path / "room.ode"
    main.write_text('model room\nuse "lib.ode"\ninput outdoor(t) = csv("temp.csv", hour, temp)\na = Loss(k = 2)\n'
                    "init x = 0\nx' = outdoor(t) - x\n")
    model = rhapsode.load(main)
    packed = pickle.dumps(model)
    for file in tmp_path.iterdir():
        file.unlink()
    again = pickle.loads(packed)
    np.testing.assert_array_equal(model.solve((0, 10)).y, again.solve((0, 10)).y)
    assert copy.deepcopy(model) is model and copy.copy(model) is model
    assert again.source == model.source


def _last(model, k):
    return float(model.solve((0, 1), k=k)["x"][-1])


def test_models_work_in_other_processes_and_threads():
    model = rhapsode.compile(DECAY)
    rates = np.linspace(0.1, 3, 16)
    alone = [_last(model, k) for k in rates]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(_last, [model] * 16, rates)) == alone
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(_last, [model] * 16, rates)) == alone


def test_the_lock_is_released_while_solving():
    model = rhapsode.compile(SPRING)
    beats = []
    done = threading.Event()

    def beat():
        while not done.is_set():
            beats.append(time.perf_counter())
            time.sleep(0.002)

    thread = threading.Thread(target=beat)
    thread.start()
    start = time.perf_counter()
    with pytest.raises(rhapsode.SolveError):
        model.solve((0, 1e9), max_time=0.4, save=2)
    end = time.perf_counter()
    done.set()
    thread.join()
    assert sum(start < beat < end for beat in beats) > 20


def test_ctrl_c_ends_a_long_run():
    model = rhapsode.compile(SPRING)
    threading.Timer(0.3, _thread.interrupt_main).start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt) as caught:
        model.solve((0, 1e12), save=[1.0, 1e12], max_steps=10**12)
    assert time.perf_counter() - start < 30
    # What was computed is not lost.
    np.testing.assert_array_equal(caught.value.partial.t, [1.0])


def test_errors_of_a_model_are_those_of_the_command():
    with pytest.raises(rhapsode.ModelError) as caught:
        rhapsode.compile("model m\nparam rate = 1\ninit x = 1\nx' = -rat*x\n", name="m.ode")
    text = str(caught.value)
    assert text.startswith("error[E0201]: unknown name `rat`") and "m.ode:4:" in text and "did you mean `rate`?" in text
    assert caught.value.diagnostics == [
        {"code": "E0201", "message": "unknown name `rat`", "file": "m.ode", "line": 4, "column": 7, "help": "did you mean `rate`?"}
    ]
    with pytest.raises(rhapsode.ModelError, match="cannot read `nowhere.ode`"):
        rhapsode.load("nowhere.ode")
    assert issubclass(rhapsode.ModelError, ValueError)


def test_a_run_that_fails_keeps_what_it_has():
    model = rhapsode.compile("model explode\ninit x = 1\nx' = x^2\n")
    with pytest.raises(rhapsode.SolveError) as caught:
        model.solve((0, 2))
    assert caught.value.kind in ("step_too_small", "not_finite") and caught.value.time == pytest.approx(1, rel=1e-3)
    assert caught.value.partial.t[-1] == pytest.approx(1, rel=1e-3) and caught.value.partial.x[-1] > 1e3
    with pytest.raises(rhapsode.SolveError, match="gave up at t = .* after 3 steps"):
        model.solve((0, 0.9), max_steps=3)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (dict(span=(0, 1), twiec=1), "no parameter or state is called `twiec`; did you mean `twice`?"),
        (dict(span=(0, 1), k=float("nan")), "k is NaN"),
        (dict(span=(0, 1), k="fast"), "k = 'fast' is neither a number nor an array of numbers"),
        (dict(span=(0, 1), x=float("inf")), "the initial value of x is not finite"),
        (dict(span=(0, 0)), "the span 0..0 is empty"),
        (dict(span=5), "the span must be a pair such as \\(0, 100\\), found 5"),
        (dict(), "the model does not say how far to integrate"),
        (dict(span=(0, 1), method="RK54"), "there is no method `RK54`"),
        (dict(span=(0, 1), rtol=0.0), "rtol must lie between"),
        (dict(span=(0, 1), rtol="small"), "rtol = 'small'"),
        (dict(span=(0, 1), atol=[1, 2]), "expected 1 absolute tolerances, found 2"),
        (dict(span=(0, 1), atol=-1.0), "atol must be at least 0"),
        (dict(span=(0, 1), save=[2.0]), "the time 2 to save lies outside the span"),
        (dict(span=(0, 1), first_step=-1.0), "first_step must be positive"),
        (dict(span=(0, 1), max_step=0.0), "max_step must be positive"),
        (dict(span=(0, 1), max_time=-1.0), "max_time must be a number of seconds"),
        (dict(span=(0, 1), sensitivities=["q"]), "no parameter or state is called `q`"),
    ],
)
def test_what_makes_no_sense_is_named(arguments, sentence):
    with pytest.raises(rhapsode.RhapsodeError, match=sentence):
        rhapsode.compile(DECAY).solve(**arguments)


def test_unknown_columns_are_named():
    solution = rhapsode.compile(DECAY).solve((0, 1))
    with pytest.raises(KeyError, match="did you mean `twice`"):
        solution["twicee"]
    with pytest.raises(AttributeError, match="no state or output is called `nothing`"):
        solution.nothing
    assert not hasattr(solution, "__array_interface__")
    with pytest.raises(TypeError, match="items are named like its states and outputs.* found 0"):
        list(solution)
    assert 3 not in solution


def test_a_parameter_without_a_value_is_asked_for():
    model = rhapsode.compile("model m\nparam k\ninit x = 1\nx' = -k*x\n")
    assert model.parameters == {"k": None}
    with pytest.raises(rhapsode.InputError, match="pass k=VALUE"):
        model.solve((0, 1))


def test_tables():
    pytest.importorskip("pandas")
    xarray = pytest.importorskip("xarray")
    solution = rhapsode.compile(FIELD).solve(save=4)
    frame = solution.to_pandas()
    assert list(frame.columns[:2]) == ["u[0,1]", "u[0,2]"] and frame.index.name == "t" and frame.shape == (4, 13)
    np.testing.assert_array_equal(frame["total"], solution.total)
    dataset = solution.to_xarray()
    assert isinstance(dataset, xarray.Dataset)
    assert dataset.u.dims == ("u_0", "u_1", "t") and float(dataset.u.sel(u_0=2, u_1=4)[0]) == 6


def test_figures_and_notebooks():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    model = rhapsode.compile(FIELD)
    solution = model.solve(save=40)
    axes = solution.plot("total", "u[0,1]")
    assert [line.get_label() for line in axes.lines] == ["total", "u[0,1]"] and axes.get_xlabel() == "t"
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), solution.total)
    html = solution._repr_html_()
    assert html.count("<tr>") == 10 and "40 points" in html
    spring = rhapsode.compile(SPRING)
    assert "<math" in spring._repr_html_() and "frac{dx}{dt}" in spring._repr_latex_()
    assert repr(spring) == "<rhapsode.Model spring: 2 states, 1 parameter>"
    assert "x' = v" in spring.show() and "d[v']/d[x]" in spring.show("jacobian")


def test_every_example_model_solves(models):
    for path in sorted(models.glob("*.ode")):
        model = rhapsode.load(path)
        if model.span is not None and None not in model.parameters.values() and len(model.states) <= 200:
            solution = model.solve(max_time=20)
            assert np.isfinite(solution.y).all(), path


def test_the_stubs_name_everything():
    stubs = pathlib.Path(rhapsode.__file__).with_name("_core.pyi").read_text()
    assert pathlib.Path(rhapsode.__file__).with_name("py.typed").exists()
    for kind in (rhapsode.Model, rhapsode.Solution, rhapsode.Objective):
        body = stubs.split(f"class {kind.__name__}:")[1].split("\nclass ")[0]
        for name in vars(kind):
            if not name.startswith("_"):
                assert f"def {name}(" in body, f"{kind.__name__}.{name}"


DRAG = "model m\nextern fn drag(v, k)\nparam k = 0.3\ninit v = 2\nv' = -drag(v, k)\n"


def drag(v, k):
    return k * v * v


def slope(v, k):
    return [2 * k * v, v * v]


def test_functions_of_python_are_called_by_models():
    own = rhapsode.compile(DRAG.replace("extern fn drag(v, k)", "fn drag(v, k) = k*v*v"))
    for options in [dict(method="Tsit5"), dict(method="BDF"), dict()]:
        model = rhapsode.compile(DRAG, functions={"drag": (drag, slope)})
        a, b = (m.solve((0, 5), save=[1.0, 5.0], rtol=1e-9, **options) for m in (model, own))
        np.testing.assert_allclose(a.y, b.y, rtol=1e-7)
    np.testing.assert_allclose(
        model.vjp([[1.0]], (0, 5), save=[5.0], method="Tsit5")[0],
        own.vjp([[1.0]], (0, 5), save=[5.0], method="Tsit5")[0],
        rtol=1e-6,
    )
    assert pickle.loads(pickle.dumps(model)).solve((0, 5), rtol=1e-9).y[0, -1] == a.y[0, -1]


def test_functions_that_fail_raise_what_they_raised():
    def broken(v, k):
        raise LookupError("no table for this v")

    with pytest.raises(LookupError, match="no table for this v"):
        rhapsode.compile(DRAG, functions={"drag": broken}).solve((0, 1), method="Tsit5")
    for returned, sentence in [(None, "numbers, found None"), ("fast", "numbers, found 'fast'"), ([1, 2], "one number, found 2")]:
        with pytest.raises(rhapsode.InputError, match=f"what `drag` returns must be {sentence}"):
            rhapsode.compile(DRAG, functions={"drag": lambda v, k: returned}).solve((0, 1), method="Tsit5")
    array = rhapsode.compile(DRAG, functions={"drag": lambda v, k: np.array([drag(v, k)])})
    assert array.solve((0, 1), method="Tsit5").v[-1] == pytest.approx(2 / 1.6, rel=1e-2)
    short = rhapsode.compile(DRAG, functions={"drag": (drag, lambda v, k: [1.0])})
    with pytest.raises(rhapsode.InputError, match="the gradient of drag has 2 numbers, found 1"):
        short.solve((0, 1), method="BDF")
    assert short.solve((0, 1), method="Tsit5").y[0, -1] < 2
    with pytest.raises(rhapsode.InputError, match="drag.* is a function of the host"):
        rhapsode.compile(DRAG).solve((0, 1))
    with pytest.raises(rhapsode.InputError, match="BDF needs the derivatives of `drag`"):
        rhapsode.compile(DRAG, functions={"drag": drag}).solve((0, 1), method="BDF")
    with pytest.raises(rhapsode.UnknownNameError, match="no `extern fn lift`; it has drag"):
        rhapsode.compile(DRAG, functions={"lift": drag})
    with pytest.raises(rhapsode.InputError, match="auto needs the derivatives of `drag`.* give its gradient too, or use Tsit5"):
        rhapsode.compile(DRAG, functions={"drag": drag}).solve((0, 1))
    # Where no run is, too.
    for call in (lambda m: m.rhs(0, [1.0]), lambda m: m.objective(["k"], "end", span=(0, 1), method="Tsit5")([0.3])):
        with pytest.raises(LookupError, match="no table for this v"):
            call(rhapsode.compile(DRAG + "objective end = final(v)\n", functions={"drag": (broken, broken)}))
    for wrong in [3, (), (drag, 2)]:
        with pytest.raises(rhapsode.InputError, match="functions"):
            rhapsode.compile(DRAG, functions={"drag": wrong})


def test_solutions_pickle():
    model = rhapsode.compile(
        "model m\nparam k = 1\ninit x = 1, u = 0\nx' = -k*x\nu' = x\noutput z = 2*x\nwhen x < 0.5 { u := 0 }\n"
    )
    for options in [dict(), dict(dense=True), dict(save=[0.5, 1.0, 2.0], k=2.0), dict(atol=[1e-9, 1e-8], method="BDF")]:
        before = model.solve((0, 3), **options)
        after = pickle.loads(pickle.dumps(before))
        np.testing.assert_array_equal(after.t, before.t)
        np.testing.assert_array_equal(after.rows, before.rows)
        assert after.events == before.events and after.statistics["steps"] == before.statistics["steps"]
        # Between the points too, where it has to be computed again.
        np.testing.assert_array_equal(after(1.234), before(1.234))
    sensitive = rhapsode.compile("model m\nparam k = 1\ninit x = 1\nx' = -k*x\n").solve((0, 1), sensitivities=["k"])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sensitive)).rows, sensitive.rows)
    with pytest.raises(rhapsode.InputError, match="the data are no solution"):
        rhapsode._core.restore(model, b"\x05", None, {}, {}, [])


def test_gradients_that_fail_keep_what_was_computed():
    model = rhapsode.compile("model m\nparam k = 1\ninit x = 1\nx' = k*x^2\nobjective cost = integral(x^2)\n")
    objective = model.objective(["k"], "cost", span=(0, 2), x=2.0)
    for call, end in [
        (lambda: model.vjp([[1.0]], (0, 2), save=[2.0]), 1.0),
        (lambda: model.tangents(["k"], (0, 2)), 1.0),
        (lambda: objective.value_and_grad([1.0]), 0.5),
        (lambda: objective([0.3]), 1 / 0.6),
    ]:
        with pytest.raises(rhapsode.SolveError) as failed:
            call()
        partial = failed.value.partial
        assert partial.model is model and failed.value.time == pytest.approx(end, rel=0.1)
        assert partial.names == ["x"] and partial(0.4).shape == (1,)
    assert partial(0.4)[0] == pytest.approx(1 / (0.5 - 0.3 * 0.4), rel=1e-3) and 1.5 < partial.t[-1] < 1.7


def test_ctrl_c_ends_a_gradient():
    model = rhapsode.compile(SPRING + "objective end = final(x)\n")
    for call in [
        lambda: model.objective(["w"], "end", span=(0, 1e12)).value_and_grad([2.0]),
        lambda: model.vjp(np.ones((1, 2)), (0, 1e12), save=[1e12], max_steps=10**12),
    ]:
        threading.Timer(0.3, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            call()
