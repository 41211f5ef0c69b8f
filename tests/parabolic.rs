//! Methods for semi-discretised partial differential equations: the heat equation with RKC, whose stages follow the
//! spectral radius, and advection with the low-storage pair; models with arrays, the facade, both compared with Tsit5.

use rhapsode::Model;
use rhapsode::solve::methods::rkc::stages;
use rhapsode::solve::{Method, Save};

/// u_t = u_xx on N points: the lowest mode decays as exp(λ t), λ = −4 (N+1)² sin²(π/(2(N+1))), exactly.
fn heat(n: usize) -> String {
    format!(
        "const N = {n}\nindex i = 1..N\nconst d = (N + 1)^2\ninit u[i] = sin(pi*i/(N + 1))\n\
         u[1]' = d*(u[2] - 2*u[1])\nu[N]' = d*(u[N-1] - 2*u[N])\n\
         u[i]' = d*(u[i-1] - 2*u[i] + u[i+1]) for i in 2..N-1\n"
    )
}

#[test]
fn rkc_solves_the_heat_equation_with_few_evaluations() {
    for n in [50, 200] {
        let compiled = Model::parse(&heat(n)).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
        let run = |method: Method, rtol: f64| {
            let s = compiled.problem().span(0.0..0.2).method(method).rtol(rtol).atol(rtol).solve().unwrap();
            let m = (n + 1) as f64;
            let lambda = -4.0 * m * m * (std::f64::consts::PI / (2.0 * m)).sin().powi(2);
            let last = s.last();
            let error = (0..n).map(|i| {
                let mode = (std::f64::consts::PI * (i + 1) as f64 / m).sin();
                (last[i] - mode * (0.2 * lambda).exp()).abs()
            });
            (error.fold(0.0, f64::max), s.statistics)
        };
        let (error, rkc) = run(Method::Rkc, 1e-5);
        let (_, tsit) = run(Method::Tsit5, 1e-5);
        println!("n {n}: error {error:.1e}, {} steps, {} evaluations; Tsit5 {}", rkc.steps, rkc.rhs, tsit.rhs);
        assert!(error < 2e-4, "{error:e}");
        // The spectral radius is found: instability would reject steps.
        assert!(rkc.rejected * 10 <= rkc.steps, "{rkc:?}");
        // Stability costs Tsit5 evaluations as n², RKC as n.
        assert!(rkc.rhs * (n as u64) / 25 < tsit.rhs, "{} and {}", rkc.rhs, tsit.rhs);
        let (tight, _) = run(Method::Rkc, 1e-8);
        assert!(tight < 1e-6 && tight < error, "{tight:e}");
    }
}

#[test]
fn stages_cover_the_spectral_radius() {
    // The stability interval of s stages is 0.653 (s² − 1) long.
    for h_rho in [0.0, 1.0, 10.0, 1e3, 1e6] {
        let s = stages(h_rho) as f64;
        assert!(h_rho <= 0.66 * (s * s - 1.0), "{h_rho}: {s}");
        assert!(s <= 2.0 || h_rho > 0.6 * ((s - 1.0) * (s - 1.0) - 1.0), "{h_rho}: {s} are too many");
    }
}

#[test]
fn the_low_storage_pair_carries_waves_around() {
    // u_t + u_x = 0 by central differences of order 4 on a ring: eigenvalues on the imaginary axis.
    let text = "const N = 64\nindex i = 1..N periodic\nconst d = N/(2*pi*12)\ninit u[i] = sin(2*pi*i/N)\n\
        u[i]' = d*(u[i+2] - 8*u[i+1] + 8*u[i-1] - u[i-2])\n";
    let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    let times: Vec<f64> = (0..=60).map(|k| f64::from(k) / 10.0).collect();
    let run = |method: Method, rtol: f64| {
        let problem = compiled.problem().span(0.0..6.0).method(method).rtol(rtol).atol(rtol);
        problem.save(Save::At(times.clone())).solve().unwrap()
    };
    let exact = run(Method::Vern9, 1e-12);
    let worst = |rtol: f64| {
        let s = run(Method::Rdpk3Sp49, rtol);
        let most = |i: usize| s.state(i).iter().zip(exact.state(i)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        ((0..64).map(most).fold(0.0, f64::max), s.statistics)
    };
    let ((loose, statistics), (tight, _)) = (worst(1e-5), worst(1e-8));
    println!("{loose:.1e} {tight:.1e} {statistics:?}");
    assert!(loose < 1e-3 && tight < 1e-6 && tight < 0.02 * loose, "{loose:e} {tight:e}");
    assert!(statistics.rejected * 4 <= statistics.steps, "{statistics:?}");
}

#[test]
fn auto_takes_a_stabilised_method_for_diffusion_in_two_dimensions() {
    let text = include_str!("../examples/models/brusselator_2d.ode");
    let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    let run = |method: Method, rtol: f64| {
        let problem = compiled.problem().span(0.0..2.0).set("alpha", 0.1).unwrap();
        let problem = problem.method(method).rtol(rtol).atol(1e-2 * rtol);
        problem.save(Save::At(vec![2.0])).solve().unwrap()
    };
    let exact = run(Method::Dop853, 1e-9).last();
    // Where order 2 is enough, stages; where it is not, explicit steps at their limit, for W costs as much as hundreds.
    for (rtol, stabilised) in [(1e-3, true), (1e-4, true), (1e-7, false)] {
        let s = run(Method::Auto, rtol);
        let used = &s.statistics.method;
        assert_eq!(used.contains("RKC"), stabilised, "rtol {rtol:e}: {used}");
        assert_eq!(s.statistics.factorizations, 0, "rtol {rtol:e}: {used}");
        let error = s.last().iter().zip(&exact).map(|(x, e)| (x - e).abs() / e.abs().max(1e-2)).fold(0.0, f64::max);
        assert!(error < 50.0 * rtol, "rtol {rtol:e}: {error:e} by {used}");
    }
}
