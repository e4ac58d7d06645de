//! Whole units shared out so that they add up: largest remainder.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{ToPrimitive, Zero};

use super::Exact;
use super::round::{decimal_text, round_half_even};

/// Shares `total` units (cents, ledger units) out in proportion to `weights`, which are not negative; evenly where
/// all are zero. The shares add up to `total`, and each is within one unit of its exact share. Of equal remainders
/// the first listed is served first: 100.00 in three is 33.34, 33.33, 33.33.
pub fn split(total: &BigInt, weights: &[Exact]) -> Vec<BigInt> {
    let sum = weights.iter().sum::<Exact>();
    let exact = if sum.is_zero() {
        let share = Exact::new(total.clone(), weights.len().max(1).into());
        vec![share; weights.len()]
    } else {
        weights.iter().map(|weight| weight * total / &sum).collect()
    };
    largest_remainder(total, &exact)
}

/// Shares a table out: to each row in each column whole units in proportion to what the row has left, so that rows and
/// columns add up. All are not negative, and their sums are the same.
pub fn apportion(columns: &[i128], rows: &[i128]) -> Vec<Vec<i128>> {
    let mut left = rows.to_vec();
    let mut shares = vec![Vec::with_capacity(columns.len()); rows.len()];
    for column in columns {
        let sum: i128 = left.iter().sum();
        let mut parts: Vec<_> = left.iter().map(|row| share(*row, *column, sum)).collect();
        let missing = column - parts.iter().map(|(part, _)| part).sum::<i128>();
        let mut order: Vec<_> = (0..parts.len()).collect();
        order.sort_by_key(|row| std::cmp::Reverse(parts[*row].1));
        for row in order.into_iter().take(usize::try_from(missing).unwrap_or_default()) {
            parts[row].0 += 1;
        }
        for (row, (part, _)) in parts.into_iter().enumerate() {
            left[row] -= part;
            shares[row].push(part);
        }
    }
    shares
}

/// `row × column ÷ sum`, rounded down, and what remains.
fn share(row: i128, column: i128, sum: i128) -> (i128, i128) {
    if sum == 0 {
        return (0, 0);
    }
    if let Some(product) = row.checked_mul(column) {
        return (product / sum, product % sum);
    }
    let (part, rest) = (BigInt::from(row) * column).div_rem(&BigInt::from(sum));
    (part.to_i128().unwrap_or(row), rest.to_i128().unwrap_or_default())
}

/// The parts with `digits` decimals each, so that the printed parts add up to the printed sum of the exact parts.
/// Each is within one unit of its exact value; parts may be negative.
pub fn amounts_adding_up(parts: &[Exact], digits: u32) -> Vec<String> {
    let unit = BigInt::from(10).pow(digits);
    let scaled = parts.iter().map(|part| part * &unit).collect::<Vec<_>>();
    let sum = scaled.iter().sum::<Exact>();
    let total = round_half_even(sum.numer(), sum.denom());
    largest_remainder(&total, &scaled).iter().map(|part| decimal_text(part, digits)).collect()
}

/// Integers that add up to `total`: each exact part rounded down, and the units left over to the largest remainders.
/// `total` is the sum of the parts, or that rounded.
fn largest_remainder(total: &BigInt, parts: &[Exact]) -> Vec<BigInt> {
    let mut shares = parts.iter().map(|part| part.floor().to_integer()).collect::<Vec<_>>();
    let left = (total - shares.iter().sum::<BigInt>()).to_usize().unwrap_or(0);
    let mut order = (0..parts.len()).collect::<Vec<_>>();
    order.sort_by_cached_key(|&part| std::cmp::Reverse(parts[part].clone() - &shares[part]));
    for part in order.into_iter().take(left) {
        shares[part] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_traits::Signed;
    use proptest::prelude::*;

    fn exact(numerator: i64, denominator: i64) -> Exact {
        Exact::new(numerator.into(), denominator.into())
    }

    fn shares(total: i64, weights: &[i64]) -> Vec<i64> {
        let weights = weights.iter().map(|&weight| exact(weight, 1)).collect::<Vec<_>>();
        split(&total.into(), &weights).iter().map(|share| share.to_i64().unwrap()).collect()
    }

    #[test]
    fn shares_by_largest_remainder() {
        for (total, weights, expected) in [
            (10_000, &[1, 1, 1][..], &[3334, 3333, 3333][..]),
            (9000, &[300, 100, 50], &[6000, 2000, 1000]),
            (90, &[5, 3, 2], &[45, 27, 18]),
            (5, &[0, 0], &[3, 2]),
            (7, &[0, 1], &[0, 7]),
            (1, &[1, 0, 2], &[0, 0, 1]),
            (-100, &[1, 1, 1], &[-33, -33, -34]),
            (0, &[3, 4], &[0, 0]),
            (4, &[], &[]),
        ] {
            assert_eq!(shares(total, weights), expected, "{total} by {weights:?}");
        }
    }

    #[test]
    fn printed_parts_add_up() {
        let third = exact(1, 3);
        assert_eq!(amounts_adding_up(&[third.clone(), third.clone(), third], 2), ["0.34", "0.33", "0.33"]);
        assert_eq!(amounts_adding_up(&[exact(1, 8), exact(-1, 1000)], 2), ["0.12", "0.00"]);
        assert_eq!(amounts_adding_up(&[], 2), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn shares_add_up_and_are_near(total in any::<i64>(), weights in prop::collection::vec(0..10_000_i64, 1..20)) {
            let shares = shares(total, &weights);
            prop_assert_eq!(shares.iter().map(|&share| i128::from(share)).sum::<i128>(), i128::from(total));
            let sum = weights.iter().sum::<i64>();
            for (&share, &weight) in shares.iter().zip(&weights) {
                let (weight, of) = if sum == 0 { (1, i64::try_from(weights.len()).unwrap()) } else { (weight, sum) };
                let ideal = exact(weight, of) * BigInt::from(total);
                prop_assert!((exact(share, 1) - ideal).abs() < exact(1, 1));
            }
        }

        #[test]
        fn tables_add_up_both_ways(
            rows in prop::collection::vec(prop_oneof![0..9_i128, 0..10_i128.pow(24)], 1..8),
            cuts in prop::collection::vec(0..1000_i128, 0..4),
        ) {
            let sum: i128 = rows.iter().sum();
            let mut ends: Vec<_> = cuts.iter().map(|cut| sum / 1000 * cut).chain([sum]).collect();
            ends.sort_unstable();
            let columns: Vec<_> = ends.iter().scan(0, |from, end| Some(end - std::mem::replace(from, *end))).collect();
            let shares = apportion(&columns, &rows);
            for (row, shares) in rows.iter().zip(&shares) {
                prop_assert_eq!(shares.iter().sum::<i128>(), *row);
            }
            for (i, column) in columns.iter().enumerate() {
                prop_assert_eq!(shares.iter().map(|row| row[i]).sum::<i128>(), *column);
                for (row, shares) in rows.iter().zip(&shares) {
                    prop_assert!(shares[i] >= 0);
                    let ideal = Exact::new((BigInt::from(*row) * column).clone(), sum.max(1).into());
                    prop_assert!((Exact::from_integer(shares[i].into()) - ideal).abs() < exact(3, 1));
                }
            }
        }

        #[test]
        fn printed_parts_are_near_and_add_up(
            parts in prop::collection::vec((any::<i32>(), 1..1_000_000_i64), 1..12),
            digits in 0..4_u32,
        ) {
            let parts = parts.into_iter().map(|(numerator, denominator)| exact(numerator.into(), denominator)).collect::<Vec<_>>();
            let printed = amounts_adding_up(&parts, digits);
            let read = printed.iter().map(|text| crate::engine::money::parse_exact(text).unwrap()).collect::<Vec<_>>();
            let unit = Exact::new(1.into(), BigInt::from(10).pow(digits));
            for (exact, read) in parts.iter().zip(&read) {
                prop_assert!((exact - read).abs() <= unit);
            }
            let total = crate::engine::money::to_decimals(&parts.iter().sum(), digits);
            prop_assert_eq!(crate::engine::money::to_decimals(&read.iter().sum(), digits), total);
        }
    }
}
