"""Functions are traced, and traced functions are what they were."""

import _thread
import copy
import pickle
import threading
import warnings

import functions
import numpy as np
import pytest

import rhapsode

integrate = pytest.importorskip("scipy.integrate")


def _label(case):
    fun = case[0]
    return getattr(fun, "__name__", type(fun).__name__)


def test_there_are_forty_of_which_at_least_38_are_traced():
    assert len(functions.ALL) >= 40
    assert sum(traced for *_, traced, _ in functions.ALL) >= 38


@pytest.mark.parametrize("case", functions.ALL, ids=_label)
def test_a_function_is_traced_and_agrees_with_scipy(case):
    fun, y0, span, args, traced, vectorized = case
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours = rhapsode.solve_ivp(
            fun, span, y0, args=args, rtol=1e-9, atol=1e-11, method="DOP853" if fun is not functions.robertson_from_a_dict
            and fun is not functions.hires else "Radau", vectorized=vectorized, t_eval=np.linspace(*span, 7),
        )  # fmt: skip
    assert ours.traced is traced, [str(w.message) for w in caught]
    assert sum(issubclass(w.category, rhapsode.TraceWarning) for w in caught) == (not traced)
    stiff = fun in (functions.robertson_from_a_dict, functions.hires)
    theirs = integrate.solve_ivp(
        fun, span, y0, args=args, rtol=1e-10, atol=1e-13, method="Radau" if stiff else "DOP853", vectorized=vectorized,
        max_step=(span[1] - span[0]) / 400 if not stiff else np.inf, t_eval=np.linspace(*span, 7),
    )  # fmt: skip
    assert ours.success and theirs.success
    # What is stepped over at a switch is SciPy's.
    np.testing.assert_allclose(ours.y, theirs.y, rtol=2e-6, atol=1e-7 * np.abs(theirs.y).max())


def test_numbers_from_outside_are_read_anew():
    k = 1.0
    table = np.array([1.0, 2.0])
    settings = {"gain": 2.0}

    def rhs(t, y):
        return -k * settings["gain"] * table * y

    def last():
        result = rhapsode.solve_ivp(rhs, (0, 1), [1.0, 1.0], rtol=1e-9, atol=1e-12)
        assert result.traced
        return result.y[:, -1]

    np.testing.assert_allclose(last(), np.exp(-2 * table), rtol=1e-7)
    k = 0.5
    np.testing.assert_allclose(last(), np.exp(-table), rtol=1e-7)
    table[1] = 3.0
    np.testing.assert_allclose(last(), np.exp(-table), rtol=1e-7)
    settings["gain"] = 1.0
    np.testing.assert_allclose(last(), np.exp(-0.5 * table), rtol=1e-7)


def test_objects_are_looked_at_anew():
    class Rate:
        k = 1.0

        def rhs(self, t, y):
            return -self.k * y

    rate = Rate()
    for k in (1.0, 2.0):
        rate.k = k
        result = rhapsode.solve_ivp(rate.rhs, (0, 1), [1.0], rtol=1e-9, atol=1e-12)
        assert result.traced and result.y[0, -1] == pytest.approx(np.exp(-k), rel=1e-7)


def test_parameters_in_control_flow_are_part_of_the_model():
    def rhs(t, y, k, upwards):
        return k * y if k > 1.5 and upwards else -k * y

    for k, rate in ((1.0, -1.0), (2.0, 2.0)):
        result = rhapsode.solve_ivp(rhs, (0, 1), [1.0], args=(k, True), rtol=1e-9)
        assert result.traced and result.y[0, -1] == pytest.approx(np.exp(rate), rel=1e-6)


@pytest.mark.parametrize("name", ["counts", "logs", "branches", "prints", "throws_dice", "remembers"])
def test_what_is_no_function_of_its_arguments_is_called(name):
    calls, log, memory = 0, [], {"last": 0.0}
    dice = np.random.default_rng(3)

    def counts(t, y):
        nonlocal calls
        calls += 1
        return -y

    def logs(t, y):
        log.append(float(np.max(y)) if isinstance(y, np.ndarray) and y.dtype == float else y)
        return -y

    def branches(t, y):
        return -y if t < 0.5 else y

    def prints(t, y):
        print("here", end="")
        return -y

    def throws_dice(t, y):
        return -y + 1e-3 * dice.normal()

    def remembers(t, y):
        memory["last"] = t
        return -y

    fun = locals()[name]
    with pytest.warns(rhapsode.TraceWarning, match=f"`{name}` is called at every evaluation"):
        result = rhapsode.solve_ivp(fun, (0, 0.4), [1.0])
    assert result.success and not result.traced
    assert all(isinstance(entry, float) for entry in log)
    if name == "counts":
        assert calls >= result.nfev
    # Once.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rhapsode.solve_ivp(fun, (0, 0.4), [1.0])


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA", "Vern9", "Rodas5P", "auto"])
@pytest.mark.parametrize("traced", [True, False])
def test_every_method_solves_traced_and_called(method, traced):
    def called(t, y):
        return np.array([y[1], -y[0]]) if y[0] < 10 else y

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = rhapsode.solve_ivp(
            (lambda t, y: np.array([y[1], -y[0]])) if traced else called, (0, 2), [1.0, 0.0], method, rtol=1e-6, atol=1e-8
        )
    assert result.traced is traced
    np.testing.assert_allclose(result.y[:, -1], [np.cos(2), -np.sin(2)], atol=2e-4)


def _height(t, y):
    return y[0]


def _apex(t, y):
    return y[1]


def _unsteady(t, y):
    return y[0] if t > 0.1 else 1.0


@pytest.mark.parametrize("third", [None, _unsteady])
@pytest.mark.parametrize("backwards", [False, True])
def test_events_are_those_of_scipy(third, backwards):
    def cannon(t, y):
        return [y[1], -9.81]

    height, apex = (lambda *x: _height(*x)), (lambda *x: _apex(*x))
    height.terminal, height.direction = True, 1 if backwards else -1
    events = [height, apex] + ([third] if third else [])
    span, y0 = ((2.0, -2.0), [0.4, -3.0]) if backwards else ((0.0, 5.0), [0.0, 10.0])
    ours = rhapsode.solve_ivp(cannon, span, y0, events=events, rtol=1e-8, atol=1e-10, dense_output=True)
    theirs = integrate.solve_ivp(cannon, span, y0, events=events, rtol=1e-8, atol=1e-10)
    assert ours.traced and ours.status == theirs.status and ours.message == theirs.message
    for k in range(len(events)):
        np.testing.assert_allclose(ours.t_events[k], theirs.t_events[k], rtol=1e-7)
        np.testing.assert_allclose(ours.y_events[k], theirs.y_events[k], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.t[-1], theirs.t[-1], rtol=1e-7)
    np.testing.assert_allclose(ours.sol(ours.t), ours.y, rtol=1e-13, atol=1e-12)


def test_events_take_the_arguments_and_may_be_many():
    def rhs(t, y, w):
        return [y[1], -w * w * y[0]]

    def above(t, y, w):
        return y[0] - 0.5 * w

    result = rhapsode.solve_ivp(rhs, (0, 10), [1.0, 0.0], args=(1.0,), events=above, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(np.cos(result.t_events[0]), 0.5, atol=1e-7)
    above.terminal = 2
    result = rhapsode.solve_ivp(rhs, (0, 10), [1.0, 0.0], args=(1.0,), events=above, rtol=1e-9, atol=1e-11,
                                t_eval=np.linspace(0, 10, 101))
    assert len(result.t_events[0]) == 2 and result.status == 1 and result.t[-1] <= result.t_events[0][-1]
    assert result.t_events[0][-1] == pytest.approx(5 * np.pi / 3, rel=1e-6)


def test_complex_numbers():
    def rhs(t, y):
        return 1j * y

    result = rhapsode.solve_ivp(rhs, (0, 3), [1 + 0j, 2j], rtol=1e-8, atol=1e-10, dense_output=True)
    assert result.y.dtype == complex
    np.testing.assert_allclose(result.y[:, -1], np.exp(3j) * np.array([1, 2j]), rtol=1e-6)
    np.testing.assert_allclose(result.sol(1.5), np.exp(1.5j) * np.array([1, 2j]), rtol=1e-6)
    stiff = rhapsode.solve_ivp(rhs, (0, 3), [1 + 0j], "BDF", jac=lambda t, y: np.array([[1j]]), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(stiff.y[0, -1], np.exp(3j), rtol=1e-5)


@pytest.mark.parametrize("y0", [[1.0], [1.0 + 0j]])
def test_results_pickle_and_copy(y0):
    result = rhapsode.solve_ivp(lambda t, y: -y, (0, 1), y0, dense_output=True)
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert again.message == result.message and again.sol.n_segments == result.sol.n_segments
        np.testing.assert_array_equal(again.y, result.y)
        np.testing.assert_array_equal(again.sol([0.3, 0.6]), result.sol([0.3, 0.6]))


def test_exceptions_of_callbacks_are_theirs():
    def fails(t, y):
        if t > 0.5:
            raise RuntimeError("out of fuel")
        return -y

    with pytest.warns(rhapsode.TraceWarning), pytest.raises(RuntimeError, match="out of fuel"):
        rhapsode.solve_ivp(fails, (0, 1), [1.0])

    def short(t, y):
        return [y[0]] if t < 2 else 0

    with pytest.warns(rhapsode.TraceWarning), pytest.raises(ValueError, match="`fun` returned 1 values for 2 states"):
        rhapsode.solve_ivp(short, (0, 1), [1.0, 2.0])

    def event(t, y):
        raise ZeroDivisionError("event")

    with pytest.raises(ZeroDivisionError, match="event"):
        rhapsode.solve_ivp(lambda t, y: -y, (0, 1), [1.0], events=event)


@pytest.mark.filterwarnings("ignore::rhapsode.TraceWarning")
@pytest.mark.parametrize("traced", [True, False])
def test_ctrl_c_ends_a_long_run(traced):
    # Damped: the steps' own error does not carry it away before the interruption.
    def called(t, y):
        return [y[1], -y[0] - 0.1 * y[1]] if y[0] < 10 else y

    fun = (lambda t, y: [y[1], -y[0] - 0.1 * y[1]]) if traced else called
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        rhapsode.solve_ivp(fun, (0, 1e12), [1.0, 0.0], t_eval=[1e12])


def test_a_run_that_fails_says_so_in_the_result():
    result = rhapsode.solve_ivp(lambda t, y: y**2, (0, 2), [1.0])
    assert not result.success and result.status == -1 and result.t[-1] == pytest.approx(1, rel=1e-2)
    assert "t = 1" in result.message or "0.99" in result.message


def test_an_untraceable_function_is_refused_with_its_reason():
    with pytest.raises(rhapsode.InputError, match="control flow depends on values"):
        rhapsode.trace(functions.branches_on_values, [1.0, 2.0])
    model = rhapsode.trace(functions.lorenz, [1.0, 1.0, 1.0], (10.0, 28.0, 8 / 3))
    assert model.states == ["y1", "y2", "y3"] and len(model.parameters) == 3


def test_a_wide_function_is_compiled_in_reasonable_time():
    n = 400

    def heat(t, u):
        d = np.zeros(n)
        d[1:-1] = u[2:] - 2 * u[1:-1] + u[:-2]
        return d

    u0 = np.sin(np.linspace(0, np.pi, n))
    result = rhapsode.solve_ivp(heat, (0, 10), u0, "BDF", rtol=1e-6, atol=1e-9)
    assert result.traced
    slowest = 2 - 2 * np.cos(np.pi / (n - 1))
    np.testing.assert_allclose(result.y[:, -1], u0 * np.exp(-10 * slowest), atol=1e-5)
