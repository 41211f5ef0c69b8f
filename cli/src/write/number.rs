//! Numbers as text: the fewest digits that read back as the same number, in plain or exponent form, whichever is shorter
//! (plain between 1e-4 and 1e7, where people expect it).

use std::fmt::Write;

/// Appends the shortest text that reads back as `value`; `NaN`, `inf` and `-inf` for what is not finite.
pub fn push_number(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let text: &[u8] = if value.is_nan() {
            b"NaN"
        } else if value > 0.0 {
            b"inf"
        } else {
            b"-inf"
        };
        out.extend_from_slice(text);
        return;
    }
    // `{:e}` gives the shortest digits: `d.ddde-x`, at most 17 digits, so 32 bytes suffice.
    let mut buffer = Fixed { bytes: [0; 32], len: 0 };
    if write!(buffer, "{value:e}").is_err() {
        return;
    }
    let text = &buffer.bytes[..buffer.len];
    let Some(split) = text.iter().position(|b| *b == b'e') else { return };
    let (mantissa, tail) = (&text[..split], &text[split + 1..]);
    let (sign, mantissa) = if mantissa[0] == b'-' { (true, &mantissa[1..]) } else { (false, mantissa) };
    let exponent = tail.iter().filter(|b| **b != b'-').fold(0i32, |e, b| e * 10 + i32::from(b - b'0'));
    let exponent = if tail[0] == b'-' { -exponent } else { exponent };
    let digits = mantissa.len() as i32 - i32::from(mantissa.len() > 1);
    let plain_len = match exponent {
        e if e < 0 => 1 - e + digits,
        e if e >= digits - 1 => e + 1,
        _ => digits + 1,
    };
    if !(-4..=6).contains(&exponent) && (text.len() as i32 - i32::from(sign)) < plain_len {
        out.extend_from_slice(text);
        return;
    }
    if sign {
        out.push(b'-');
    }
    let mut digits = mantissa.iter().copied().filter(|b| *b != b'.');
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend(digits);
        return;
    }
    for _ in 0..=exponent {
        out.push(digits.next().unwrap_or(b'0'));
    }
    let mut rest = digits.peekable();
    if rest.peek().is_some() {
        out.push(b'.');
        out.extend(rest);
    }
}

/// A text buffer on the stack.
struct Fixed {
    bytes: [u8; 32],
    len: usize,
}

impl Write for Fixed {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        push_number(&mut out, value);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn shortest_form() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1000.0, "1000"),
            (0.04, "0.04"),
            (0.001, "0.001"),
            (1e-14, "1e-14"),
            (1e11, "1e11"),
            (-2.5e-9, "-2.5e-9"),
            (123456.75, "123456.75"),
            (1234567890.5, "1234567890.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::MAX, "1.7976931348623157e308"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn reads_back_exactly() {
        let mut bits = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(bits);
            if value.is_finite() {
                assert_eq!(text(value).parse::<f64>().map(f64::to_bits), Ok(bits));
                let modest = (bits >> 11) as f64 * 2f64.powi(-30);
                assert_eq!(text(modest).parse::<f64>(), Ok(modest));
            }
        }
    }
}
