//! Generated reaction networks with the shapes of rule-based models (BioNetGen): binding, release, modification,
//! catalysis, turnover; few rate constants, hub species.

use std::fmt::Write;

/// A repeatable stream of choices.
pub struct Choices(pub u64);

impl Choices {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }

    /// A species: a third of all mentions fall on the first few, as receptors and free ligands are in everything.
    fn species(&mut self, n: usize) -> usize {
        if self.below(3) == 0 { self.below((n / 50).max(2)) } else { self.below(n) }
    }
}

/// A network of so many species and reactions, as model text.
pub fn network(species: usize, reactions: usize, seed: u64) -> String {
    let mut choices = Choices(seed ^ 0x9e37_79b9_7f4a_7c15);
    let mut text = String::from("model network\n");
    for k in 0..30 {
        let _ = writeln!(text, "param k{k} = {}", 0.01 * (k % 7 + 1) as f64);
    }
    for s in 0..species {
        let _ = writeln!(text, "init S{s} = {}", [1.0, 0.5, 0.0, 0.1][s % 4]);
    }
    for r in 0..reactions {
        let [a, b, c] = [choices.species(species), choices.species(species), choices.below(species)];
        let k = choices.below(30);
        // A complex that forms goes apart again.
        let _ = match choices.below(16) {
            0..=5 => writeln!(text, "S{a} + S{b} -> S{c} @ k{k}"),
            6..=10 => writeln!(text, "S{c} -> S{a} + S{b} @ k{k}"),
            11 => writeln!(text, "S{a} + S{b} -> S{a} + S{c} @ 2*k{k}"),
            12 => writeln!(text, "S{c} -> S{b} @ k{k}*k{}", (k + 1) % 30),
            13 => writeln!(text, "2 S{a} <-> S{c} @ 0.5*k{k}, k{}", (k + 3) % 30),
            14 => writeln!(text, "S{c} -> 0 @ k{k}"),
            _ => writeln!(text, "f{r}: S{c} + S{a} <-> S{b} @ k{k}, k{}", (k + 5) % 30),
        };
    }
    // Every species is a state.
    for s in 0..species {
        let _ = writeln!(text, "S{s} -> 0 @ 0.001");
    }
    text.push_str("solve t = 0..1 { rtol = 1e-4, atol = 1e-8 }\n");
    text
}

/// The result of one kernel on fresh buffers.
pub fn call(kernels: &impl rhapsode::backend::Kernels, name: &str, y: &[f64], p: &[f64]) -> Vec<f64> {
    let id = kernels.find(name).unwrap_or_else(|| panic!("no kernel {name}"));
    let lengths = kernels.lengths(id);
    // What a kernel does not write shows.
    let (mut w, mut out) = (vec![f64::NAN; lengths.w], vec![f64::NAN; lengths.out]);
    kernels.call(id, rhapsode::backend::Arguments { t: 0.7, y, p, v: &[], w: &mut w, out: &mut out });
    out
}
