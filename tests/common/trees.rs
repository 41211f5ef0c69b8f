//! Rooted trees and the order conditions they stand for (H&N&W II.2, H&W IV.7), all generated, none listed by hand.
#![allow(dead_code)]

/// A rooted tree: its subtrees, in canonical order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tree(pub Vec<Tree>);

impl Tree {
    /// Number of nodes.
    pub fn order(&self) -> u32 {
        1 + self.0.iter().map(Tree::order).sum::<u32>()
    }

    /// γ(t): the product of the orders of all subtrees (H&N&W II.2.10).
    pub fn density(&self) -> f64 {
        f64::from(self.order()) * self.0.iter().map(Tree::density).product::<f64>()
    }
}

/// All rooted trees of at most `most` nodes.
pub fn trees(most: u32) -> Vec<Tree> {
    let mut all = vec![Tree(Vec::new())];
    for order in 2..=most {
        let mut found = Vec::new();
        forests(&all, order - 1, 0, &mut Vec::new(), &mut found);
        all.extend(found);
    }
    all
}

/// Every multiset of trees from `known[from..]` with `left` nodes together, as the children of a root.
fn forests(known: &[Tree], left: u32, from: usize, chosen: &mut Vec<Tree>, found: &mut Vec<Tree>) {
    if left == 0 {
        return found.push(Tree(chosen.clone()));
    }
    for (k, tree) in known.iter().enumerate().skip(from) {
        if tree.order() <= left {
            chosen.push(tree.clone());
            forests(known, left - tree.order(), k, chosen, found);
            chosen.pop();
        }
    }
}

/// A method's coefficients as the theory has them: `alone` meets a single subtree, `among` one of several. For
/// Runge–Kutta methods both are A; for Rosenbrock methods they are β = α + γ and α (H&W IV.7, theorem 7.4).
pub struct Coefficients {
    pub alone: Vec<Vec<f64>>,
    pub among: Vec<Vec<f64>>,
}

impl Coefficients {
    /// Φ_i(t) of every stage.
    pub fn weight(&self, tree: &Tree) -> Vec<f64> {
        let stages = self.alone.len();
        let matrix = if tree.0.len() == 1 { &self.alone } else { &self.among };
        let mut product = vec![1.0; stages];
        for child in &tree.0 {
            let inner = self.weight(child);
            for (i, value) in product.iter_mut().enumerate() {
                *value *= matrix[i].iter().zip(&inner).map(|(a, x)| a * x).sum::<f64>();
            }
        }
        product
    }

    /// The largest defect |Σ b_i Φ_i(t) − target·θ^|t|/γ(t)| over all trees of exactly this order.
    pub fn defect(&self, b: &[f64], order: u32, theta: f64, target: f64) -> f64 {
        let exact = trees(order).into_iter().filter(|tree| tree.order() == order);
        exact
            .map(|tree| {
                let sum: f64 = b.iter().zip(self.weight(&tree)).map(|(b, phi)| b * phi).sum();
                (sum - target * theta.powi(order as i32) / tree.density()).abs()
            })
            .fold(0.0, f64::max)
    }
}
