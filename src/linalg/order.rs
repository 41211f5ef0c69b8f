//! Orders of unknowns that make a band narrow: reverse Cuthill–McKee.
//!
//! Source: E. Cuthill, J. McKee, Reducing the bandwidth of sparse symmetric matrices, ACM '69; the start of each
//! component as A. George, J. W. H. Liu (1979): the end of a longest breadth-first walk.

use super::Pattern;

/// An order of the unknowns: `order[k]` is the unknown at place k. Depends on the pattern only.
pub fn reverse_cuthill_mckee(pattern: &Pattern) -> Vec<usize> {
    let n = pattern.ncols();
    let neighbours = symmetric(pattern);
    let degree = |i: usize| neighbours[i].len();
    let mut order = Vec::with_capacity(n);
    let mut seen = vec![false; n];
    for start in 0..n {
        if seen[start] {
            continue;
        }
        let mut root = start;
        // Two walks are enough to get near the edge of the component.
        for _ in 0..2 {
            let mut walk = vec![root];
            let mut reached = seen.clone();
            reached[root] = true;
            let mut at = 0;
            while at < walk.len() {
                for &j in &neighbours[walk[at]] {
                    if !reached[j] {
                        reached[j] = true;
                        walk.push(j);
                    }
                }
                at += 1;
            }
            root = walk[walk.len() - 1];
            // Diagonal systems have n components: no walks for single unknowns.
            if walk.len() == 1 {
                break;
            }
        }
        let first = order.len();
        seen[root] = true;
        order.push(root);
        let mut at = first;
        while at < order.len() {
            let mut next: Vec<usize> = neighbours[order[at]].iter().copied().filter(|j| !seen[*j]).collect();
            next.sort_by_key(|j| (degree(*j), *j));
            for j in next {
                seen[j] = true;
                order.push(j);
            }
            at += 1;
        }
    }
    order.reverse();
    order
}

/// For each unknown, those it shares an entry with, either way.
fn symmetric(pattern: &Pattern) -> Vec<Vec<usize>> {
    let mut neighbours = vec![Vec::new(); pattern.ncols()];
    for j in 0..pattern.ncols() {
        for k in pattern.column(j) {
            let i = pattern.rows()[k];
            if i != j {
                neighbours[i].push(j);
                neighbours[j].push(i);
            }
        }
    }
    for list in &mut neighbours {
        list.sort_unstable();
        list.dedup();
    }
    neighbours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_coupled_lines_become_a_narrow_band() {
        // u[i] with its neighbours and v[i]; v stands behind all of u.
        let n = 50usize;
        let mut pairs = Vec::new();
        for i in 0..n {
            for j in i.saturating_sub(1)..(i + 2).min(n) {
                pairs.extend([(i, j), (n + i, n + j)]);
            }
            pairs.extend([(i, n + i), (n + i, i)]);
        }
        let (pattern, _) = Pattern::from_pairs(2 * n, 2 * n, &pairs);
        let order = reverse_cuthill_mckee(&pattern);
        let mut place = vec![0; 2 * n];
        order.iter().enumerate().for_each(|(k, i)| place[*i] = k);
        let width = pairs.iter().map(|(i, j)| place[*i].abs_diff(place[*j])).max();
        assert!(width <= Some(3), "{width:?}");
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..2 * n).collect::<Vec<_>>());
    }
}
