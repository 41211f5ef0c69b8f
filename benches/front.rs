//! The front of the compiler on generated models: megabytes parsed per second, seconds to a checked model, and the most
//! memory held on the way, as a multiple of the text's size.
//!
//! Run: `cargo bench --no-default-features --bench front`, with a number of lines (50,000 without one) after `--`;
//! the word `check` there leaves out the derivatives.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use rhapsode::source::Sources;
use rhapsode::{Model, lang, model};

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
/// Counting costs time: it is off while time is measured.
static COUNT: AtomicBool = AtomicBool::new(true);

/// Counts the bytes held.
struct Counting;

// SAFETY: every call goes to the system allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNT.load(Ordering::Relaxed) {
            let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
            MOST.fetch_max(held, Ordering::Relaxed);
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNT.load(Ordering::Relaxed) {
            HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A model of about so many lines, of everything the language has for scalars: parameters with bounds, constants,
/// definitions that use one another, equations of first and second order, conditions, reactions, outputs and comments.
fn generated(lines: usize) -> String {
    let mut text = String::from("## A generated model.\nmodel generated\n\nfn hill(x, k, n) = x^n/(k^n + x^n)\n\n");
    let mut k = 0;
    let mut written = 5;
    while written < lines {
        let before = k.max(1) - 1;
        // Chains of ten: were they one, everything would depend on everything and the Jacobian be full.
        let chained = if k % 10 == 0 { String::new() } else { format!(" + flux{before}*1e-3") };
        let _ = write!(
            text,
            "## The rates of block {k}.\n\
             param a{k} = 0.{}, b{k} = 1e-3 in (0, 1)\n\
             const n{k} = {}\n\
             init x{k} = 1, y{k} = 0.5, y{k}' = 0, E{k} = 1, S{k} = 2, C{k} = 0\n\
             flux{k} = a{k}*x{k}*y{before}/(b{k} + x{k}){chained}   # saturates\n\
             x{k}' = -flux{k} + b{k}*y{k}^2 - hill(x{k}, a{k}, n{k})\n\
             y{k}'' = flux{k} - (if t > 10 and x{k} > 0 then exp(-y{k}) else sin(a{k}*t))\n\
             bind{k}: E{k} + S{k} <-> C{k} @ a{k}, b{k}*(1 + x{k}^2)\n\
             output total{k} = E{k} + C{k} + max(x{k}, y{k}')\n\n",
            k % 9 + 1,
            k % 4 + 1,
        );
        k += 1;
        written += 10;
    }
    text
}

fn main() {
    let lines = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(50_000);
    let text = generated(lines);
    let megabytes = text.len() as f64 / 1e6;
    println!("{} lines, {megabytes:.2} MB", text.lines().count());
    let sources = Sources::new("generated.ode", text.as_str());
    for round in 0..4 {
        COUNT.store(round == 0, Ordering::Relaxed);
        let held = HELD.load(Ordering::Relaxed);
        MOST.store(held, Ordering::Relaxed);
        let start = Instant::now();
        let (ast, errors) = lang::parse(black_box(sources.main()));
        let parsed = start.elapsed().as_secs_f64();
        let most_parsed = MOST.load(Ordering::Relaxed) - held;
        let (checked, complaints) = model::check(&sources, &ast);
        let checked_at = start.elapsed().as_secs_f64();
        let most = MOST.load(Ordering::Relaxed) - held;
        assert!(errors.is_empty() && complaints.is_empty(), "{errors:?} {complaints:?}");
        let factor = |bytes: usize| bytes as f64 / text.len() as f64;
        drop(black_box(checked));
        if round == 0 {
            println!(
                "memory: syntax tree {:.1} x the text, to a checked model {:.1} x",
                factor(most_parsed),
                factor(most)
            );
            continue;
        }
        println!("parse {parsed:.3} s = {:.1} MB/s; to a checked model {checked_at:.3} s", megabytes / parsed);
    }
    if std::env::args().any(|argument| argument == "check") {
        return;
    }
    let start = Instant::now();
    let model = Model::parse(&text).unwrap_or_else(|errors| panic!("{errors}"));
    println!(
        "parsed, checked and differentiated: {:.3} s ({} states)",
        start.elapsed().as_secs_f64(),
        model.states().len()
    );
}
