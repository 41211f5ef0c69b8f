//! Boxes of subscripts: which equation holds where when a more specific one is given.

/// A box of subscripts: inclusive bounds per dimension.
pub type Bounds = Vec<(i64, i64)>;

/// The common part, if there is one.
pub fn intersection(a: &Bounds, b: &Bounds) -> Option<Bounds> {
    let common: Bounds = a.iter().zip(b).map(|(x, y)| (x.0.max(y.0), x.1.min(y.1))).collect();
    common.iter().all(|(lo, hi)| lo <= hi).then_some(common)
}

/// Whether `a` lies inside `b`.
pub fn inside(a: &Bounds, b: &Bounds) -> bool {
    a.iter().zip(b).all(|(x, y)| y.0 <= x.0 && x.1 <= y.1)
}

/// The number of elements.
#[cfg(test)]
pub fn volume(a: &Bounds) -> u128 {
    a.iter().map(|(lo, hi)| (hi - lo + 1).max(0) as u128).product()
}

/// `a` without `b`, as disjoint boxes (at most two per dimension).
pub fn difference(a: &Bounds, b: &Bounds) -> Vec<Bounds> {
    let Some(common) = intersection(a, b) else { return vec![a.clone()] };
    let mut rest = a.clone();
    let mut result = Vec::new();
    for dim in 0..a.len() {
        let ((lo, hi), (inner_lo, inner_hi)) = (rest[dim], common[dim]);
        if lo < inner_lo {
            let mut part = rest.clone();
            part[dim] = (lo, inner_lo - 1);
            result.push(part);
        }
        if inner_hi < hi {
            let mut part = rest.clone();
            part[dim] = (inner_hi + 1, hi);
            result.push(part);
        }
        rest[dim] = (inner_lo, inner_hi);
    }
    result
}

/// Why boxes do not say for every element which of them holds.
#[derive(Debug, PartialEq)]
pub enum Conflict {
    /// Two boxes of which neither lies inside the other share this element.
    Overlap(usize, usize, Vec<i64>),
    /// No box has this element.
    Gap(Vec<i64>),
}

/// For each box, the disjoint parts where it holds: everything but what boxes of higher rank, and of the same rank those
/// strictly inside it, claim. All of `whole` must be covered.
///
/// # Errors
/// The first [`Conflict`].
pub fn most_specific(boxes: &[Bounds], ranks: &[u32], whole: &Bounds) -> Result<Vec<Vec<Bounds>>, Conflict> {
    if let [only] = boxes
        && only == whole
    {
        return Ok(vec![vec![only.clone()]]);
    }
    let mut parts: Vec<Vec<Bounds>> = Vec::with_capacity(boxes.len());
    for (k, own) in boxes.iter().enumerate() {
        let mut left = vec![own.clone()];
        for (other_k, other) in boxes.iter().enumerate() {
            if other_k == k || intersection(own, other).is_none() {
                continue;
            }
            let smaller = inside(other, own) && other != own;
            if ranks[other_k] > ranks[k] || (ranks[other_k] == ranks[k] && smaller) {
                left = left.iter().flat_map(|part| difference(part, other)).collect();
            }
        }
        parts.push(left);
    }
    for a in 0..boxes.len() {
        for b in a + 1..boxes.len() {
            for (x, y) in parts[a].iter().flat_map(|x| parts[b].iter().map(move |y| (x, y))) {
                if let Some(common) = intersection(x, y) {
                    return Err(Conflict::Overlap(a, b, common.iter().map(|d| d.0).collect()));
                }
            }
        }
    }
    let mut gaps = vec![whole.clone()];
    for own in boxes {
        gaps = gaps.iter().flat_map(|gap| difference(gap, own)).collect();
    }
    match gaps.first() {
        Some(gap) => Err(Conflict::Gap(gap.iter().map(|d| d.0).collect())),
        None => Ok(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundary_equations_win() {
        let parts = most_specific(&[vec![(1, 9)], vec![(1, 1)], vec![(9, 9)]], &[0; 3], &vec![(1, 9)]);
        assert_eq!(parts, Ok(vec![vec![vec![(2, 8)]], vec![vec![(1, 1)]], vec![vec![(9, 9)]]]));
    }

    #[test]
    fn crossing_edges_need_a_corner() {
        let edges = [vec![(1, 4), (1, 4)], vec![(1, 1), (1, 4)], vec![(1, 4), (1, 1)]];
        let whole = vec![(1, 4), (1, 4)];
        assert_eq!(most_specific(&edges, &[0; 3], &whole), Err(Conflict::Overlap(1, 2, vec![1, 1])));
        let mut with_corner = edges.to_vec();
        with_corner.push(vec![(1, 1), (1, 1)]);
        let parts = most_specific(&with_corner, &[0; 4], &whole).map(|p| p.iter().flatten().map(volume).sum::<u128>());
        assert_eq!(parts, Ok(16));
    }

    #[test]
    fn a_higher_rank_wins_whatever_its_size() {
        let parts = most_specific(&[vec![(1, 3)], vec![(2, 2)], vec![(2, 9)]], &[0, 0, 1], &vec![(1, 9)]);
        assert_eq!(parts, Ok(vec![vec![vec![(1, 1)]], vec![], vec![vec![(2, 9)]]]));
    }

    #[test]
    fn gaps_are_found() {
        assert_eq!(most_specific(&[vec![(2, 8)], vec![(9, 9)]], &[0; 2], &vec![(1, 9)]), Err(Conflict::Gap(vec![1])));
    }

    #[test]
    fn differences_partition() {
        let a = vec![(0, 5), (0, 5), (0, 5)];
        let b = vec![(1, 2), (3, 9), (-4, 4)];
        let parts = difference(&a, &b);
        let common = intersection(&a, &b).map_or(0, |c| volume(&c));
        assert_eq!(parts.iter().map(volume).sum::<u128>() + common, volume(&a));
    }
}
