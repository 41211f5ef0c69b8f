//! The likely intent behind a misspelt name.

/// The candidate closest to `name` by edit distance (insert, delete, replace, swap neighbours), if it is close enough
/// to be worth naming: within a third of the length. Differences of case alone come first.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count().max(3) / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| match candidate.to_lowercase() == name.to_lowercase() {
            true => (0, candidate),
            false => (distance(name, candidate), candidate),
        })
        .filter(|(d, candidate)| *d <= limit && (*d == 0 || candidate.chars().count() > 1))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance (Damerau 1964, Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 8 {
        return usize::MAX;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found_and_strangers_are_not() {
        assert_eq!(closest("parm", ["model", "param"]), Some("param"));
        assert_eq!(closest("robrtson", ["robertson", "lorenz"]), Some("robertson"));
        assert_eq!(closest("K1", ["k2", "k1"]), Some("k1"));
        assert_eq!(closest("sni", ["sin", "sinh"]), Some("sin"));
        assert_eq!(closest("alpha", ["beta", "gamma"]), None);
    }
}
