use std::f64::consts::LOG2_E;

/// Below, results would no longer be normal numbers.
const LEAST: f64 = -708.0;
/// `1.5 * 2^52`: a number added to it is rounded to a whole one, which its last bits then hold.
const SHIFT: f64 = 6_755_399_441_055_744.0;
/// The logarithm of 2 in two parts, of which multiples of the first are exact.
const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
/// `1 / k!` from k = 13 down to 0.
const TAYLOR: [f64; 14] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// `exp(x)` for x up to 0, within four eps of it; below -708 what it is there, 3e-308.
///
/// With no branch and no table, a loop over it is compiled for registers of many numbers, which the system's `exp` is not;
/// with nothing but products and sums, it has the same bits in registers of any width.
/// (`exp(x) = 2^n exp(r)` for `x = n ln 2 + r`, and a Taylor series for `|r| <= ln 2 / 2`, whose rest is 4e-18; Cody and Waite
/// 1980, "Software Manual for the Elementary Functions", chapter 6.)
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let x = x.max(LEAST);
    let shifted = x * LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    let mut sum = 0.0;
    for term in TAYLOR {
        sum = sum * r + term;
    }
    let power = (shifted.to_bits() << 52).wrapping_add(1.0_f64.to_bits());
    sum * f64::from_bits(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_function() {
        assert_eq!(exp(0.0), 1.0);
        for k in 0..200_000 {
            let x = -f64::from(k) * 0.0035 - f64::from(k).sqrt() * 1e-3;
            let expected = x.max(LEAST).exp();
            let difference = (exp(x) - expected).abs() / expected;
            assert!(difference <= 4.0 * f64::EPSILON, "{x}: {difference}");
        }
        assert!(exp(-1e300) < 1e-300);
        assert!(exp(f64::NEG_INFINITY) < 1e-300);
    }
}
