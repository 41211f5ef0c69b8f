//! When what is printed now is what the page says.

/// Digits that agree, in numbers with a point: another machine may fuse a product and a sum differently.
const RELATIVE: f64 = 1e-6;

/// The first difference. What a step controller decides, such as the number of steps, may differ by a tenth: the page need
/// not follow each of its changes.
pub fn difference(expected: &[&str], found: &[String]) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!("{} lines on the page, {} printed", expected.len(), found.len()));
    }
    let pairs = expected.iter().zip(found);
    let mut wrong = pairs.filter(|(a, b)| !same(a, b));
    wrong.next().map(|(a, b)| format!("the page says `{a}`, printed is `{b}`"))
}

fn same(expected: &str, found: &str) -> bool {
    // What a step controller decides: the summary of a run, `--explain`, and where a run gave up.
    let steered =
        ["compiled in ", "gave up at "].iter().any(|words| expected.contains(words)) || expected.starts_with("t = ");
    let (a, b) = (pieces(expected), pieces(found));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || near(a, b, steered))
}

/// Numbers, and what stands between them.
fn pieces(line: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let (mut numeric, mut last) = (false, ' ');
    for c in line.chars() {
        let starts = c.is_ascii_digit() && !(last.is_alphanumeric() || last == '_');
        let goes_on = c.is_ascii_digit() || matches!(c, '.' | 'e') || (c == '-' && last == 'e');
        let now = if numeric { goes_on } else { starts };
        match pieces.last_mut() {
            Some(piece) if now == numeric => piece.push(c),
            _ => pieces.push(c.to_string()),
        }
        (numeric, last) = (now, c);
    }
    pieces
}

fn near(a: &str, b: &str, steered: bool) -> bool {
    let (Ok(x), Ok(y)) = (a.parse::<f64>(), b.parse::<f64>()) else { return false };
    let whole = x.fract() == 0.0 && y.fract() == 0.0;
    let difference = (x - y).abs();
    match (steered, whole) {
        (true, _) => difference <= if whole { 2.0 } else { 0.0 } + 0.1 * x.abs(),
        (false, true) => false,
        (false, false) => difference <= RELATIVE * x.abs().max(y.abs()),
    }
}

#[test]
fn numbers_may_round_and_nothing_else() {
    let same = |a: &str, b: &str| same(a, b);
    assert!(same("0.1,2.0000000001", "0.1,2.0000000002") && !same("0.1", "0.2") && !same("3", "4"));
    assert!(same("m: 72 steps, compiled in …", "m: 75 steps, compiled in …"));
    assert!(!same("m: 72 steps, compiled in …", "m: 172 steps, compiled in …") && !same("k1", "k2"));
    assert!(!same("x[1] = 2", "x[2] = 2") && !same("a", "a b") && same("1.5e-7", "1.50000000001e-7"));
}
