"""Gradients of models, alone and in other packages."""

import pickle

import numpy as np
import pytest

import rhapsode

TANK = """
model tank
param k = 2, x0 = 1
init x = x0
x' = -k*x
output half = x/2
objective cost = integral(x^2) + 10*final((x - 0.3)^2)
observe level ~ Normal(x, 0.1)
solve t = 0..1 { rtol = 1e-10, atol = 1e-12 }
"""


def test_an_objective_and_its_gradient():
    model = rhapsode.compile(TANK)
    value, gradient = model.value_and_grad("cost", {"k": 2.0, "x0": 1.0})
    x = np.exp(-2)
    assert value == pytest.approx((1 - x**2) / 4 + 10 * (x - 0.3) ** 2, rel=1e-7)
    objective = model.objective(["k", "x0"], "cost")
    assert (objective.name, objective.by, objective.point.tolist()) == ("cost", ["k", "x0"], [2.0, 1.0])
    for j, name in enumerate(("k", "x0")):
        step = np.zeros(2)
        step[j] = 1e-5
        at = np.array([2.0, 1.0])
        slope = (objective(at + step) - objective(at - step)) / 2e-5
        assert gradient[name] == pytest.approx(slope, rel=1e-6)
    assert model.value_and_grad("cost", {"k": 2.0}, x0=0.5)[0] == pytest.approx(objective([2.0, 0.5]), rel=1e-9)


def test_objectives_pickle():
    model = rhapsode.compile(TANK)
    data = {"t": [0.0, 0.5, 1.0], "level": [1.1, 0.3, 0.2]}
    for objective in [
        model.objective(["k"], "cost", span=(0, 2), x0=0.5, method="Tsit5"),
        model.objective(["k", "x"], "log_likelihood", data, rtol=1e-5),
    ]:
        again = pickle.loads(pickle.dumps(objective))
        (a, b), (c, d) = (o.value_and_grad([2.5, 0.7][: len(o.by)]) for o in (objective, again))
        assert a == c and b.tolist() == d.tolist() and again.by == objective.by


def test_a_likelihood_takes_columns_or_a_file(tmp_path):
    model = rhapsode.compile(TANK)
    data = {"t": [0.0, 0.5, 1.0], "level": [1.1, 0.3, 0.2]}
    value, gradient = model.value_and_grad("log_likelihood", {"k": 2.0}, data=data)
    residuals = np.array(data["level"]) - np.exp(-2 * np.array(data["t"]))
    assert value == pytest.approx(np.sum(-0.5 * (residuals / 0.1) ** 2 - np.log(0.1 * np.sqrt(2 * np.pi))), rel=1e-6)
    path = tmp_path / "data.csv"
    path.write_text("t,level\n0,1.1\n0.5,0.3\n1,0.2\n")
    assert model.value_and_grad("log_likelihood", {"k": 2.0}, data=path) == (value, gradient)


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda m: m.value_and_grad("price", {"k": 1.0}), "no objective is called `price`"),
        (lambda m: m.value_and_grad("cost", {"q": 1.0}), "no parameter or state is called `q`"),
        (lambda m: m.value_and_grad("cost", {"k": float("nan")}), "k is NaN"),
        (lambda m: m.value_and_grad("cost", {"half": 1.0}), "there is no derivative by `half`"),
        (lambda m: m.objective(["k"], "cost")([1.0, 2.0]), "expected 1 numbers, found 2"),
        (lambda m: m.vjp(np.ones((3, 2)), (0, 1), save=[0.5]), "expected 2 weights, found 6"),
    ],
)
def test_what_makes_no_sense_is_named(call, sentence):
    with pytest.raises(rhapsode.RhapsodeError, match=sentence):
        call(rhapsode.compile(TANK))


def test_the_transpose_of_a_run():
    model = rhapsode.compile(TANK)
    weights = np.array([[1.0, 0.5], [-2.0, 3.0]])

    def weighed(**values):
        return np.sum(weights * model.solve((0, 1), values, save=[0.5, 1.0]).rows)

    by_parameters, by_states = model.vjp(weights, (0, 1), save=[0.5, 1.0])
    assert by_parameters[0] == pytest.approx((weighed(k=2 + 1e-5) - weighed(k=2 - 1e-5)) / 2e-5, rel=1e-6)
    assert by_parameters[1] == by_states[0] == pytest.approx((weighed(x=1 + 1e-5) - weighed(x=1 - 1e-5)) / 2e-5, rel=1e-6)


def test_derivatives_carried_along():
    model = rhapsode.compile(TANK)
    values, derivatives = model.tangents(["k", "x0", "x"], (0, 1), {"k": 1.5}, save=[0.5, 1.0])
    # A run that is differentiated may take other steps.
    np.testing.assert_allclose(values, model.solve((0, 1), k=1.5, save=[0.5, 1.0]).rows, rtol=1e-9)
    t = np.array([0.5, 1.0])
    assert derivatives.shape == (2, 2, 3)
    np.testing.assert_allclose(derivatives[:, 0, 0], -t * np.exp(-1.5 * t), rtol=1e-7)
    np.testing.assert_allclose(derivatives[:, 1, 1], np.exp(-1.5 * t) / 2, rtol=1e-7)
    np.testing.assert_array_equal(derivatives[..., 1], derivatives[..., 2])
    with pytest.raises(rhapsode.UnknownNameError, match="no parameter or state is called `q`"):
        model.tangents(["q"], (0, 1))


DECAYS = """
model chain
param a = 1.2, b = 0.7
init x = 1, y = 0
x' = -a*x
y' = a*x - b*y^2
"""


@pytest.mark.parametrize("direct", [True, False])
def test_jax(direct, monkeypatch):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    import rhapsode.jax

    # By address where XLA can, and through Python.
    assert rhapsode.jax._registered()
    if not direct:
        monkeypatch.setattr(rhapsode.jax, "_registered", lambda: False)
    model = rhapsode.compile(DECAYS)
    times = np.linspace(0.0, 3.0, 7)
    curves = rhapsode.jax.curves(model, times, ["a", "b", "x"], rtol=1e-10, atol=1e-12)
    p = jnp.array([1.2, 0.7, 1.0])
    np.testing.assert_array_equal(curves(p), model.solve((0, 3), save=times, rtol=1e-10, atol=1e-12).rows)

    def loss(p):
        return jnp.sum((curves(p)[:, 1] - 0.3) ** 2)

    gradient = jax.jit(jax.grad(loss))(p)
    for k in range(3):
        step = jnp.zeros(3).at[k].set(1e-5)
        slope = (loss(p + step) - loss(p - step)) / 2e-5
        assert gradient[k] == pytest.approx(float(slope), rel=1e-6)
    many = jnp.stack([p, 1.1 * p, 0.9 * p])
    batch = jax.vmap(jax.value_and_grad(loss))(many)
    np.testing.assert_allclose(batch[0], [loss(row) for row in many], rtol=1e-8)
    np.testing.assert_allclose(batch[1][0], gradient, rtol=1e-10)
    single = rhapsode.jax.curves(model, times, ["a", "b", "x"])(jnp.array([1.2, 0.7, 1.0], dtype=jnp.float32))
    assert single.dtype == jnp.float32


@pytest.mark.parametrize("direct", [True, False])
def test_jax_says_what_went_wrong(direct, monkeypatch):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    import rhapsode.jax

    if not direct:
        monkeypatch.setattr(rhapsode.jax, "_registered", lambda: False)
    model = rhapsode.compile("model m\nparam k = 1\ninit x = 1\nx' = k*x^2\n")
    curves = jax.jit(rhapsode.jax.curves(model, [0.5, 2.0], ["k"]))
    assert curves(jax.numpy.array([0.1])).shape == (2, 1)
    with pytest.raises(Exception, match="step"):
        jax.block_until_ready(curves(jax.numpy.array([1.0])))
    with pytest.raises(Exception, match="k is NaN"):
        jax.block_until_ready(curves(jax.numpy.array([float("nan")])))

    def broken(x):
        raise LookupError("no table for this x")

    calls = rhapsode.compile("model m\nextern fn f(x)\nparam k = 1\ninit x = 1\nx' = k*f(x)\n", functions={"f": broken})
    fails = rhapsode.jax.curves(calls, [0.5], ["k"], method="Tsit5")
    for _ in range(2):
        with pytest.raises(Exception, match="no table for this x"):
            jax.block_until_ready(fails(jax.numpy.array([1.0])))


def test_jax_lets_models_go_with_the_computations_that_have_them(monkeypatch):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    import gc

    import rhapsode.jax

    gone = []
    drop = rhapsode._core.drop_curves
    monkeypatch.setattr(rhapsode._core, "drop_curves", lambda number: (gone.append(number), drop(number)))
    p = jax.numpy.array([1.2, 0.7])

    def made():
        curves = rhapsode.jax.curves(rhapsode.compile(DECAYS), [1.0, 2.0], ["a", "b"])
        return jax.jit(jax.grad(lambda p: curves(p)[-1, 1]))

    gradient = made()
    before = gradient(p)
    gc.collect()
    assert not gone
    np.testing.assert_array_equal(gradient(p), before)
    del gradient
    jax.clear_caches()
    gc.collect()
    assert len(gone) == 1
    number = np.int64(gone[0])
    shape = jax.ShapeDtypeStruct((2, 2), np.float64)
    with pytest.raises(Exception, match="the function that made these curves is gone"):
        jax.block_until_ready(jax.ffi.ffi_call("rhapsode_values", shape)(p, id=number))


def _torch_curves(model=DECAYS):
    torch = pytest.importorskip("torch")
    import rhapsode.torch

    by = ["a", "b", "x"]
    curves = rhapsode.torch.curves(rhapsode.compile(model), np.linspace(0.0, 3.0, 7), by, rtol=1e-10, atol=1e-12)
    return torch, curves, torch.tensor([1.2, 0.7, 1.0], dtype=torch.float64, requires_grad=True)


def test_torch():
    torch, curves, p = _torch_curves()
    expected = rhapsode.compile(DECAYS).solve((0, 3), save=np.linspace(0, 3, 7), rtol=1e-10, atol=1e-12).rows
    np.testing.assert_array_equal(curves(p).detach().numpy(), expected)
    # Finite differences.
    assert torch.autograd.gradcheck(curves, (p,), eps=1e-6, atol=1e-6)
    single = curves(p.detach().to(torch.float32).requires_grad_())
    assert single.dtype == torch.float32
    # A second derivative is refused, not taken for zero.
    (slope,) = torch.autograd.grad(curves(p).sum(), p, create_graph=True)
    with pytest.raises(NotImplementedError, match="no gradients themselves"):
        torch.autograd.grad(slope.sum(), p)


def test_torch_transforms():
    torch, curves, p = _torch_curves()
    p = p.detach()
    many = torch.stack([p, 1.1 * p, 0.9 * p])
    gradient = torch.func.grad(lambda p: (curves(p)[:, 1] ** 2).sum())
    rows = torch.vmap(curves)(many)
    assert rows.shape == (3, 7, 2) and torch.equal(rows[1], curves(many[1]))
    assert torch.equal(torch.vmap(curves, in_dims=1)(many.T), rows)
    gradients = torch.vmap(gradient)(many)
    assert torch.equal(gradients[2], gradient(many[2]))
    assert torch.func.jacrev(curves)(p).shape == (7, 2, 3)


def test_torch_says_what_went_wrong():
    torch, curves, p = _torch_curves("model m\nparam a = 1, b = 1\ninit x = 1\nx' = a*b*x^2\n")
    with pytest.raises(rhapsode.SolveError, match="step"):
        curves(p)
    with pytest.raises(rhapsode.InputError, match="a is NaN"):
        curves(torch.tensor([float("nan"), 1.0, 1.0]))
    with pytest.raises(rhapsode.InputError, match="expected 3 values, one for each of a, b, x, found 2"):
        curves(torch.tensor([1.0, 1.0]))


def test_torch_gradients_are_those_of_torchdiffeq():
    torchdiffeq = pytest.importorskip("torchdiffeq")
    torch, curves, p = _torch_curves()

    def rhs(t, y):
        return torch.stack([-p[0] * y[0], p[0] * y[0] - p[1] * y[1] ** 2])

    start = torch.stack([p[2], torch.zeros((), dtype=torch.float64)])
    times = torch.linspace(0.0, 3.0, 7, dtype=torch.float64)
    theirs = torchdiffeq.odeint(rhs, start, times, rtol=1e-10, atol=1e-12, method="dopri5")
    ours = curves(p)
    np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-8, atol=1e-10)
    (a,), (b,) = (torch.autograd.grad(((y[:, 1] - 0.3) ** 2).sum(), p) for y in (ours, theirs))
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_pytensor():
    pytensor = pytest.importorskip("pytensor")
    import rhapsode.pytensor

    pt = pytensor.tensor
    model = rhapsode.compile(DECAYS)
    times = np.linspace(0.0, 3.0, 7)
    curves = rhapsode.pytensor.curves(model, times, ["a", "b", "x"], rtol=1e-10, atol=1e-12)
    p = pt.dvector()
    loss = pt.sum((curves(p)[:, 1] - 0.3) ** 2)
    with pytensor.config.change_flags(cxx="", mode="FAST_COMPILE"):
        function = pytensor.function([p], [loss, pytensor.grad(loss, p)])
    at = np.array([1.2, 0.7, 1.0])
    gradient = function(at)[1]
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-5
        slope = (function(at + step)[0] - function(at - step)[0]) / 2e-5
        assert gradient[k] == pytest.approx(float(slope), rel=1e-6)


def test_jax_gradients_are_those_of_diffrax():
    pytest.importorskip("diffrax")
    import pathlib
    import sys

    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "benches"))
    import jax_gradient

    assert jax_gradient.difference() < 1e-6
