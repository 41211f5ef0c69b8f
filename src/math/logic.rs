//! Conditions as logic on the signs of functions, in postfix order.

/// An operation of a condition, on a stack of truth values; functions by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// Always or never.
    Constant(bool),
    /// g < 0, of the function at this place.
    Negative(usize),
    /// g ≤ 0
    NotPositive(usize),
    /// g = 0
    Zero(usize),
    /// Both of the last two.
    And,
    /// Either of the last two.
    Or,
    /// Not the last.
    Not,
}

impl Logic {
    /// The value of a condition, given the sign (−1, 0, 1; NaN counts as no sign) of each watched function.
    pub fn holds(condition: &[Logic], sign: impl Fn(usize) -> f64) -> bool {
        let mut stack = [false; 64];
        let mut top = 0;
        for step in condition {
            let value = match *step {
                Logic::Constant(value) => value,
                Logic::Negative(at) => sign(at) < 0.0,
                Logic::NotPositive(at) => sign(at) <= 0.0,
                Logic::Zero(at) => sign(at) == 0.0,
                Logic::Not => {
                    top -= 1;
                    !stack[top]
                }
                Logic::And | Logic::Or => {
                    top -= 2;
                    match step {
                        Logic::And => stack[top] && stack[top + 1],
                        _ => stack[top] || stack[top + 1],
                    }
                }
            };
            stack[top] = value;
            top += 1;
        }
        top > 0 && stack[top - 1]
    }

    /// How deep the stack of a condition grows; at most 64 can be evaluated.
    pub fn depth(condition: &[Logic]) -> usize {
        let (mut now, mut most) = (0usize, 0);
        for step in condition {
            now = match step {
                Logic::Not => now,
                Logic::And | Logic::Or => now.saturating_sub(1),
                _ => now + 1,
            };
            most = most.max(now);
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_evaluated_in_postfix_order() {
        // not (a < 0) and (b <= 0 or c = 0)
        let condition = [Logic::Negative(0), Logic::Not, Logic::NotPositive(1), Logic::Zero(2), Logic::Or, Logic::And];
        let holds = |signs: [f64; 3]| Logic::holds(&condition, |k| signs[k]);
        assert!(holds([1.0, 0.0, 1.0]) && holds([0.0, 1.0, 0.0]));
        assert!(!holds([-1.0, 0.0, 0.0]) && !holds([1.0, 1.0, 1.0]));
        assert!(!Logic::holds(&[Logic::NotPositive(0)], |_| f64::NAN));
        assert_eq!(Logic::depth(&condition), 3);
    }
}
