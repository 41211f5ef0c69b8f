//! Gradients of one misfit by Rhapsode, for `benches/peers/gradients/run`.
//!
//! `ours model.ode data.csv k1,k2,…`, then lines `method rtol atol seconds` on standard input, each answered with one line of
//! JSON: the median time of a value and gradient, of a value alone, and the numbers; the value is minus the log-likelihood.

use std::io::BufRead;
use std::time::Instant;

use rhapsode::Model;
use rhapsode::solve::Method;
use rhapsode::source::DataFile;

/// The median time of a call, after one that is not counted.
fn median(budget: f64, mut call: impl FnMut()) -> f64 {
    call();
    let (begun, mut spent) = (Instant::now(), Vec::new());
    while spent.len() < 3 || (begun.elapsed().as_secs_f64() < budget && spent.len() < 100_000) {
        let before = Instant::now();
        call();
        spent.push(before.elapsed().as_secs_f64());
    }
    spent.sort_by(f64::total_cmp);
    spent[spent.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [model, data, names] = arguments.as_slice() else {
        return println!("this bench is a worker of benches/peers/gradients/run");
    };
    let compiled = Model::load(model).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"));
    let text = std::fs::read_to_string(data).unwrap_or_else(|e| panic!("{data}: {e}"));
    let file = DataFile::new(data, &text);
    let by: Vec<&str> = names.split(',').collect();
    let objective = compiled.objective(None, Some(&file), &by).unwrap_or_else(|e| panic!("{e}"));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [method, rtol, atol, budget] = words.as_slice() else { continue };
        let [rtol, atol, budget] = [rtol, atol, budget].map(|w| w.parse::<f64>().expect("a number"));
        let Some(method) = Method::find(method) else {
            println!("{{\"error\": \"no method {method}\"}}");
            continue;
        };
        let objective = objective.clone().method(method).rtol(rtol).atol(atol);
        let at = objective.point().unwrap_or_else(|e| panic!("{e}"));
        let mut gradient = vec![0.0; at.len()];
        match objective.value_and_gradient(&at, &mut gradient) {
            Err(error) => println!("{{\"error\": {:?}}}", error.to_string()),
            Ok(value) => {
                let numbers: Vec<String> = gradient.iter().map(|g| format!("{:e}", -g)).collect();
                let seconds = median(budget, || {
                    let _ = objective.value_and_gradient(&at, &mut gradient);
                });
                let plain = median(budget, || {
                    let _ = objective.value(&at);
                });
                let gradient = numbers.join(", ");
                let value = -value;
                println!(
                    "{{\"value\": {value:e}, \"gradient\": [{gradient}], \"seconds\": {seconds:e}, \"plain\": {plain:e}}}"
                );
            }
        }
    }
}
