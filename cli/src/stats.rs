//! How a run went: as JSON for `--stats`, as one line for people.

use rhapsode::solve::{Failure, Solution, Statistics};
use serde_json::{Value, json};

use crate::engine::Estimate;
use crate::table::Table;

/// The object that `--stats` writes.
pub fn json(table: &Table, s: &Statistics, compile_seconds: f64, failure: Option<&Failure>) -> Value {
    json!({
        "model": table.model,
        "success": failure.is_none(),
        "message": failure.map(ToString::to_string),
        "method": s.method,
        "steps": s.steps,
        "rejected": s.rejected,
        "rhs": s.rhs,
        "jacobians": s.jacobians,
        "factorizations": s.factorizations,
        "fallbacks": s.fallbacks,
        "solves": s.solves,
        "linear": s.linear,
        "events": s.events,
        "located": s.located,
        "switches": s.switches,
        "adjusted": s.adjusted.iter().map(|(state, given, used)| json!({ "state": state, "given": given, "used": used })).collect::<Vec<_>>(),
        "compile_seconds": compile_seconds,
        "solve_seconds": s.solve_seconds,
        "points": table.axis.len(),
        "columns": table.width(),
        "end": table.axis.last().copied().filter(|t| t.is_finite()),
    })
}

/// `robertson: 200 points to t = 1e11 with Rodas5P, 159 steps (3 rejected), compiled in 0.8 ms, solved in 0.2 ms`
pub fn line(table: &Table, s: &Statistics, compile_seconds: f64) -> String {
    let rejected = if s.rejected == 0 { String::new() } else { format!(" ({} rejected)", s.rejected) };
    let reached = table.axis.last().map_or(String::new(), |t| format!(" to {} = {}", table.independent, short(*t)));
    format!(
        "{}: {}{reached} with {}, {}{rejected}, compiled in {}, solved in {}",
        table.model,
        counted(table.axis.len() as u64, "point"),
        s.method,
        counted(s.steps, "step"),
        seconds(compile_seconds),
        seconds(s.solve_seconds),
    )
}

/// `total is good to 7 digits (off by 3.1e-8 at most)`
pub fn good_to(estimate: &Estimate) -> String {
    let Estimate { name, error, size } = estimate;
    let digits = (size / error).log10().floor().clamp(0.0, 16.0);
    let off = format!("(off by {error:.1e} at most)");
    match digits {
        _ if !error.is_finite() => format!("{name} is not known to any digit: the estimate is {error}"),
        _ if *error == 0.0 => format!("{name} is exact, as far as can be told"),
        0.0 => format!("{name} is not good to one digit {off}"),
        1.0 => format!("{name} is good to 1 digit {off}"),
        digits => format!("{name} is good to {digits} digits {off}"),
    }
}

/// `made consistent at the start: z 0 → 0.42, lambda 0 → 9.81`
pub fn adjusted(s: &Statistics) -> String {
    const MOST: usize = 6;
    let some = s
        .adjusted
        .iter()
        .take(MOST)
        .map(|(state, given, used)| format!("{state} {} → {}", short(*given), short(*used)));
    let more = s.adjusted.len().saturating_sub(MOST);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("made consistent at the start: {}{rest}", some.collect::<Vec<_>>().join(", "))
}

/// A line per event that was executed, in order of its first time, and one for what ended the run.
pub fn events(solution: &Solution, time: &str) -> Vec<String> {
    // Name, count, first and last time.
    let mut list: Vec<(&str, u64, f64, f64)> = Vec::new();
    for (t, name) in solution.events() {
        match list.iter_mut().find(|known| known.0 == name) {
            Some(known) => (known.1, known.3) = (known.1 + 1, t),
            None => list.push((name, 1, t, t)),
        }
    }
    let mut lines: Vec<String> = list
        .into_iter()
        .map(|(name, count, first, last)| match count {
            1 => format!("`{name}` at {time} = {first}"),
            n => format!("`{name}` {n} times, from {time} = {first} to {last}"),
        })
        .collect();
    lines.extend(solution.stopped_by().map(|(t, name)| format!("stopped at {time} = {t} by `{name}`")));
    lines
}

/// `1 step`, `2 steps`.
/// `1 step`, `3 steps`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn short(t: f64) -> String {
    let (plain, exponent) = (t.to_string(), format!("{t:e}"));
    if plain.len() <= exponent.len() + 2 { plain } else { exponent }
}

/// `0.8 ms`, `12 s`.
pub fn seconds(s: f64) -> String {
    match s {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.1} s"),
        s => format!("{s:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_counts_read_well() {
        assert_eq!(seconds(0.000_25), "250 µs");
        assert_eq!(seconds(0.0123), "12.3 ms");
        assert_eq!(seconds(12.0), "12.0 s");
        assert_eq!(counted(1, "step"), "1 step");
        assert_eq!(counted(0, "point"), "0 points");
        assert_eq!(short(1e11), "1e11");
        assert_eq!(short(360.0), "360");
    }
}
