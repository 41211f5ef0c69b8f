//! An order of evaluation among things that depend on each other.

/// An order in which everything comes after what it depends on, earliest indices first where there is a choice.
///
/// # Errors
/// The members of one cycle, in order: each depends on the next, the last on the first.
#[cfg(feature = "compiler")]
pub fn topological(dependencies: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; dependencies.len()];
    let mut order = Vec::with_capacity(dependencies.len());
    // The path from a start to the current thing: (thing, how many of its dependencies are done with).
    let mut path: Vec<(usize, usize)> = Vec::new();
    for start in 0..dependencies.len() {
        if marks[start] == Mark::New {
            marks[start] = Mark::Open;
            path.push((start, 0));
        }
        while let Some((thing, next)) = path.last_mut() {
            let Some(&dependency) = dependencies[*thing].get(*next) else {
                marks[*thing] = Mark::Done;
                order.push(*thing);
                path.pop();
                continue;
            };
            *next += 1;
            match marks[dependency] {
                Mark::Done => {}
                Mark::Open => {
                    let first = path.iter().position(|(thing, _)| *thing == dependency).unwrap_or(0);
                    return Err(path[first..].iter().map(|(thing, _)| *thing).collect());
                }
                Mark::New => {
                    marks[dependency] = Mark::Open;
                    path.push((dependency, 0));
                }
            }
        }
    }
    Ok(order)
}

/// Groups of things that depend on each other in a circle, each after those it depends on; members ascend.
///
/// Source: R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1 (1972) 146, without recursion.
pub fn strong_components(reads: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let n = reads.len();
    let (mut index, mut low, mut on_stack) = (vec![usize::MAX; n], vec![0; n], vec![false; n]);
    let (mut stack, mut components, mut next) = (Vec::new(), Vec::new(), 0);
    for root in 0..n {
        if index[root] != usize::MAX {
            continue;
        }
        // (unknown, how many of those it reads have been looked at)
        let mut path = vec![(root, 0)];
        while let Some((v, seen)) = path.last_mut() {
            let v = *v;
            if index[v] == usize::MAX {
                (index[v], low[v]) = (next, next);
                next += 1;
                stack.push(v);
                on_stack[v] = true;
            }
            if let Some(&w) = reads[v].get(*seen) {
                *seen += 1;
                if index[w] == usize::MAX {
                    path.push((w, 0));
                } else if on_stack[w] {
                    low[v] = low[v].min(index[w]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                low[*parent] = low[*parent].min(low[v]);
            }
            if low[v] == index[v] {
                let at = stack.iter().rposition(|w| *w == v).unwrap_or(0);
                let mut members = stack.split_off(at);
                members.iter().for_each(|w| on_stack[*w] = false);
                members.sort_unstable();
                components.push(members);
            }
        }
    }
    components
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first() {
        assert_eq!(topological(&[vec![2], vec![0], vec![]]), Ok(vec![2, 0, 1]));
    }

    #[test]
    fn a_cycle_is_named() {
        assert_eq!(topological(&[vec![], vec![2], vec![3], vec![1]]), Err(vec![1, 2, 3]));
        assert_eq!(topological(&[vec![0]]), Err(vec![0]));
    }
}
