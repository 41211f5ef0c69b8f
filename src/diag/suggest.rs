//! The likely intent behind a misspelt name.

/// The candidate closest to `name`, if one is close enough to be worth naming.
///
/// The measure is the Damerau–Levenshtein distance in its restricted form (insertions, deletions, substitutions and
/// swaps of neighbours cost one each; no part is edited twice). A candidate that differs only in case wins at once;
/// otherwise the distance may be a third of the longer name, rounded up; ties go to the first candidate.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == name {
            continue;
        }
        let other: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
        if other == folded {
            return Some(candidate);
        }
        let longer = folded.len().max(other.len());
        let threshold = longer.div_ceil(3);
        // Names of one or two letters have nothing in common after an edit or two.
        if longer < 3 || folded.len().abs_diff(other.len()) > threshold {
            continue;
        }
        let distance = distance(&folded, &other);
        if distance <= threshold && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Edits between `a` and `b`, keeping three rows of the table: two above for swaps, one above for the rest.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(a: &str, b: &str) -> usize {
        distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
    }

    #[test]
    fn counts_edits_and_swaps() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("inti", "init"), 1);
        assert_eq!(edits("αβ", "αγ"), 1);
    }

    #[test]
    fn proposes_what_is_close_and_nothing_else() {
        let words = ["param", "const", "init", "output"];
        assert_eq!(closest("parm", words), Some("param"));
        assert_eq!(closest("inti", words), Some("init"));
        assert_eq!(closest("banana", words), None);
        assert_eq!(closest("k1", ["k2", "K1"]), Some("K1"));
        assert_eq!(closest("x", ["y", "z"]), None);
    }
}
