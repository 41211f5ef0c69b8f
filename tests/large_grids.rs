//! Grids too large to factorise: BDF iterates with W, in memory of a few vectors, and agrees with an explicit method.

use rhapsode::Model;
use rhapsode::solve::{Method, Save};

fn brusselator(side: usize) -> String {
    format!(
        "const N = {side}\nindex i, j = 1..N periodic\nparam A = 3.4, B = 1, alpha = 0.1\n\
         init u[i,j] = 1 + sin(2*pi*i/N)*cos(2*pi*j/N), v[i,j] = 3 + 0.5*cos(2*pi*j/N)\n\
         u[i,j]' = B + u[i,j]^2*v[i,j] - (A + 1)*u[i,j] \
         + alpha*(N-1)^2*(u[i-1,j] + u[i+1,j] + u[i,j-1] + u[i,j+1] - 4*u[i,j])\n\
         v[i,j]' = A*u[i,j] - u[i,j]^2*v[i,j] \
         + alpha*(N-1)^2*(v[i-1,j] + v[i+1,j] + v[i,j-1] + v[i,j+1] - 4*v[i,j])\n"
    )
}

#[test]
fn a_grid_of_more_than_twenty_thousand_states_is_solved_by_iteration() {
    let compiled = Model::parse(&brusselator(112)).unwrap().compile().unwrap();
    let end = 0.25;
    let run = |method, rtol: f64| {
        let problem = compiled.problem().span(0.0..end).method(method).rtol(rtol).atol(rtol);
        problem.save(Save::At(vec![end])).solve().unwrap_or_else(|e| panic!("{e}"))
    };
    let (bdf, explicit) = (run(Method::Bdf, 1e-5), run(Method::Tsit5, 1e-5));
    assert_eq!(bdf.statistics.linear, "BiCGStab with ILU(0)");
    assert!(bdf.statistics.steps * 3 < explicit.statistics.steps, "{:?} {:?}", bdf.statistics, explicit.statistics);
    let worst = bdf.last().iter().zip(explicit.last()).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(worst < 1e-3, "{worst}");
}
