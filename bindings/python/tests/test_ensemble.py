"""Many runs of one model."""

import multiprocessing
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import rhapsode

DECAY = "model decay\nparam k = 2\ninit x = 1\nx' = -k*x\noutput twice = 2*x\n"


def test_rows_of_parameters_are_runs():
    model = rhapsode.compile(DECAY)
    params = {"k": np.linspace(0.1, 3, 50), "x": np.linspace(1, 2, 50)}
    ensemble = model.ensemble(params, (0, 1), save=5, rtol=1e-9, atol=1e-12)
    assert len(ensemble) == 50 and ensemble["x"].shape == (50, 5) and not ensemble.errors
    np.testing.assert_allclose(ensemble["twice"][:, -1], 2 * params["x"] * np.exp(-params["k"]), rtol=1e-7)
    one = model.solve((0, 1), k=params["k"][7], x=params["x"][7], save=5, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(ensemble[7]["x"], one.x)
    pandas = pytest.importorskip("pandas")
    frame = ensemble.to_pandas()
    assert list(frame.columns) == ["run", "k", "first x", "t", "x", "twice"] and len(frame) == 250
    np.testing.assert_array_equal(frame["x"].to_numpy().reshape(50, 5), ensemble["x"])
    again = model.ensemble(pandas.DataFrame(params), (0, 1), save=5, rtol=1e-9, atol=1e-12, threads=1)
    np.testing.assert_array_equal(again["x"], ensemble["x"])


def test_other_processes_give_the_same():
    model = rhapsode.compile(DECAY)
    params = {"k": np.linspace(0.1, 3, 20)}
    here = model.ensemble(params, (0, 1), save=5)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        there = model.ensemble(params, (0, 1), executor=pool, save=5)
    np.testing.assert_array_equal(here["x"], there["x"])


def test_a_run_that_fails_does_not_take_the_others_along():
    model = rhapsode.compile("model explode\nparam a = 0\ninit x = 1\nx' = a*x^2\n")
    ensemble = model.ensemble({"a": [0.0, 2.0, 0.5]}, (0, 1))
    assert list(ensemble.errors) == [1] and "at t = 0." in ensemble.errors[1]
    assert ensemble[1]["x"][-1] > 100 and ensemble[2]["x"][-1] == pytest.approx(2, rel=1e-3)
    with pytest.raises(ValueError, match="columns of one length"):
        model.ensemble({"a": [1.0], "x": [1.0, 2.0]}, (0, 1))


def test_one_row_that_makes_no_sense_is_marked_alone():
    model = rhapsode.compile(DECAY)
    ensemble = model.ensemble({"k": [1.0, np.nan, 2.0], "x": [1.0, 1.0, np.inf]}, (0, 1), threads=2)
    assert sorted(ensemble.errors) == [1, 2] and "initial value of x" in ensemble.errors[2]
    assert ensemble[0]["x"][-1] == pytest.approx(np.exp(-1), rel=1e-3)
    with pytest.raises(rhapsode.InputError, match="rtol must lie between"):
        model.ensemble({"k": [1.0, 2.0]}, (0, 1), rtol=2)
    with pytest.raises(rhapsode.UnknownNameError, match="no parameter or state is called `kk`"):
        model.ensemble({"kk": [1.0, 2.0]}, (0, 1))


def test_single_precision():
    model = rhapsode.compile(DECAY)
    params = {"k": np.linspace(0.1, 3, 20)}
    options = {"save": 5, "method": "DOP853", "rtol": 1e-4}
    double, single = (model.ensemble(params, (0, 1), precision=p, **options)["x"] for p in ("f64", "f32"))
    assert (double != single).any()
    np.testing.assert_allclose(double, single, rtol=1e-3)
    alone = model.solve((0, 1), k=params["k"][7], precision="f32", **options)
    np.testing.assert_array_equal(alone.x, single[7])
    with pytest.raises(rhapsode.InputError, match="precision must be 'f64' or 'f32'"):
        model.solve((0, 1), precision="f16")


def test_functions_of_python_are_called_from_every_thread():
    def drag(v):
        if v > 3.9:
            raise ArithmeticError("too fast")
        return v * v

    model = rhapsode.compile("model fall\nextern fn drag(v)\ninit v = 2\nv' = -drag(v)\n", functions={"drag": drag})
    ensemble = model.ensemble({"v": np.linspace(1, 3, 40)}, (0, 1), threads=3, method="Tsit5")
    np.testing.assert_array_equal(ensemble[7]["v"], model.solve((0, 1), v=np.linspace(1, 3, 40)[7], method="Tsit5").v)
    with pytest.raises(ArithmeticError, match="too fast"):
        model.ensemble({"v": np.linspace(1, 4, 40)}, (0, 1), threads=3, method="Tsit5")


INTERRUPTED = """
import rhapsode
model = rhapsode.compile("model m\\nparam w = 1\\ninit x = 1, v = 0\\nx' = v\\nv' = -w*x\\n")
print("ready", flush=True)
try:
    model.ensemble({"w": [1.0]*100_000}, (0, 1e5), save=2, rtol=1e-10, max_steps=10**12)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_ends_an_ensemble():
    child = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=60)[0] == "interrupted\n"


RATES = {"k": np.linspace(0.1, 3, 10_000)}


@pytest.fixture
def mortal(monkeypatch, tmp_path):
    """Options of an ensemble one of whose workers is killed, and the file that tells of it."""
    from rhapsode import _ensemble

    mark = tmp_path / "died"

    # Defined here, so that it is sent to the workers as it is.
    def run_all(jobs):
        import os
        import pathlib

        from rhapsode._ensemble import run

        results = []
        for model, params, span, options in jobs:
            own = pathlib.Path(options["mark"])
            if params["k"] > 1 and not own.exists():
                own.touch()
                os._exit(1)
            results.append(run((model, params, span, {"save": options["save"]})))
        return results

    monkeypatch.setattr(_ensemble, "run_all", run_all)
    return {"save": 3, "mark": str(mark)}, mark


def test_dask_loses_nothing_when_a_worker_is_killed(mortal):
    distributed = pytest.importorskip("distributed")
    options, mark = mortal
    model = rhapsode.compile(DECAY)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            there = model.ensemble(RATES, (0, 1), executor=client, **options)
    assert mark.exists()
    np.testing.assert_array_equal(there["x"], model.ensemble(RATES, (0, 1), save=3)["x"])


def test_ray_loses_nothing_when_a_worker_is_killed(mortal):
    ray = pytest.importorskip("ray")
    options, mark = mortal
    model = rhapsode.compile(DECAY)
    ray.init(num_cpus=2, include_dashboard=False, configure_logging=False)
    try:
        there = model.ensemble(RATES, (0, 1), executor=ray, **options)
    finally:
        ray.shutdown()
    assert mark.exists()
    np.testing.assert_array_equal(there["x"], model.ensemble(RATES, (0, 1), save=3)["x"])
