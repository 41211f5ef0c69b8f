//! Interpreter and native code agree bit for bit on every kernel of every example model.
#![cfg(feature = "jit")]

use rhapsode::Model;
use rhapsode::backend::interpret::Interpreter;
use rhapsode::backend::native::Native;
use rhapsode::backend::{Arguments, KernelId, Kernels};
use rhapsode::kernel::program::Program;
use rhapsode::kernel::{Target64, lower, lower_jacobian_product, lower_matrix, lower_pull, verify};
use rhapsode::system::Matrix;

/// A repeatable stream of numbers, some of them unpleasant.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match self.0 >> 60 {
            0 => 0.0,
            1 => -1e3,
            2 => 1e-30,
            _ => (self.0 >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 1.0,
        }
    }

    fn take(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next()).collect()
    }
}

fn agree(name: &str, program: &Program, sums: usize, numbers: &mut Numbers) {
    verify(program).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (slow, fast) = (Interpreter::new(program).unwrap(), Native::new(program).unwrap());
    for (k, kernel) in program.kernels.iter().enumerate() {
        let id = KernelId(k);
        for _ in 0..3 {
            let l = kernel.lengths;
            let (t, y, p, v) = (numbers.next(), numbers.take(l.y), numbers.take(l.p), numbers.take(l.v));
            let run = |kernels: &dyn Kernels| {
                let (mut w, mut out) = (vec![0.0; kernels.lengths(id).w], vec![0.0; l.out]);
                kernels.call(id, Arguments { t, y: &y, p: &p, v: &v, w: &mut w, out: &mut out });
                // What is added to stands first in the work buffer.
                out.extend_from_slice(&w[..sums]);
                out
            };
            for (at, (a, b)) in run(&slow).iter().zip(run(&fast)).enumerate() {
                let same = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
                assert!(same, "{name}: kernel {} element {at}: interpreter {a:e}, native {b:e}", kernel.name);
            }
        }
    }
}

#[test]
fn every_kernel_of_every_example_agrees() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "ode") {
            continue;
        }
        let model = Model::load(&path).unwrap_or_else(|e| panic!("{e}"));
        let mut numbers = Numbers(count + 1);
        for fma in [false, true] {
            let target = Target64 { fma };
            let lowered = lower(model.checked(), model.derivatives(), target);
            let name = format!("{} (fma {fma})", path.display());
            agree(&name, &lowered.program, 0, &mut numbers);
            agree(&name, &lower_jacobian_product(model.checked(), &lowered, target), 0, &mut numbers);
            for matrix in Matrix::ALL {
                let (program, _) = lower_matrix(model.checked(), &lowered, target, matrix).unwrap();
                agree(&name, &program, 0, &mut numbers);
            }
            let sums = model.checked().dim() + lowered.parameters + lowered.discretes;
            for curved in [false, true] {
                let program = lower_pull(model.checked(), &lowered, target, curved).unwrap();
                agree(&name, &program, sums, &mut numbers);
            }
        }
        count += 1;
    }
    assert!(count >= 12, "only {count} examples");
}
