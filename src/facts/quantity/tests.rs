use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Pow;
use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Quantity {
    Quantity::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn reads_what_kubernetes_reads() {
    let bytes: &[(&str, i128)] = &[
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("007", 7),
        ("5.", 5),
        (".5k", 500),
        ("1e3", 1_000),
        ("1E3", 1_000),
        ("1E+3", 1_000),
        ("1500e-1", 150),
        ("1E", 1_000_000_000_000_000_000),
        ("12E", 12_000_000_000_000_000_000),
        ("1k", 1_000),
        ("1M", 1_000_000),
        ("1G", 1_000_000_000),
        ("1T", 1_000_000_000_000),
        ("1P", 1_000_000_000_000_000),
        ("1Ki", 1 << 10),
        ("1Mi", 1 << 20),
        ("1Gi", 1 << 30),
        ("1.5Gi", 3 << 29),
        ("1Ti", 1 << 40),
        ("1Pi", 1 << 50),
        ("2Ei", 1 << 61),
        ("8Ei", 1 << 63),
        ("16Ei", 1 << 64),
        ("0.1Ki", 103),
        ("1m", 1),
        ("1e24", 10_i128.pow(24)),
        ("0.000000000000000000000000000000000001e36", 1),
        ("1e-1000", 1),
    ];
    for (text, expected) in bytes {
        assert_eq!(parse(text).round_up(1), *expected, "{text}");
    }
}

#[test]
fn rounds_up_to_a_millicore() {
    for (text, expected) in [("0.1", 100), ("0.1m", 1), ("1u", 1), ("1n", 1), ("1.0001", 1001), ("2", 2000), ("0", 0)] {
        assert_eq!(parse(text).round_up(1000), expected, "{text}");
    }
}

#[test]
fn fractions_add_up_before_they_are_rounded() {
    let mut sum = Quantity::ZERO;
    for _ in 0..10 {
        sum += &parse("0.1m");
    }
    assert_eq!(sum.round_up(1000), 1);
    let mut fine = parse("1e-30");
    fine += &parse("0.999999999999999999999999999999");
    assert_eq!(fine, parse("1"));
}

#[test]
fn refusals_say_what_is_wrong_and_what_is_allowed() {
    let cases = [
        ("", "`` is not a quantity; expected a number such as 500m, 1.5Gi or 1e3"),
        ("Gi", "`Gi` is not a quantity; expected a number such as 500m, 1.5Gi or 1e3"),
        (".", "`.` is not a quantity; expected a number such as 500m, 1.5Gi or 1e3"),
        ("-1", "`-1` is negative; a quantity is 0 or more"),
        ("-0.1m", "`-0.1m` is negative; a quantity is 0 or more"),
        ("1e25", "`1e25` is more than 10^24, the largest quantity that is metered"),
        ("1e1001", "the exponent of `1e1001` is out of range; it may be -1000 to 1000"),
    ];
    for (text, message) in cases {
        assert_eq!(Quantity::parse(text).unwrap_err().to_string(), message);
    }
    for text in
        ["1 ", " 1", "1e", "1K", "1gi", "1.5.2", "1e1.5", "1e+", "1mi", "0x10", "1,5", "١", "NaN", "--1", "1KiB"]
    {
        assert!(Quantity::parse(text).is_err(), "{text}");
    }
}

#[test]
fn absurd_texts_cost_no_memory() {
    let long = "1".repeat(1_001);
    assert!(matches!(Quantity::parse(&long), Err(QuantityError::TooLong(shown)) if shown.len() == SHOWN));
    for text in ["1e9223372036854775807", "1e-9223372036854775808", "1e99999999999999999999999", "1E-1000000000"] {
        assert!(matches!(Quantity::parse(text), Err(QuantityError::Exponent(_))), "{text}");
    }
    assert_eq!(parse(&format!("0.{}1", "0".repeat(900))).round_up(1), 1);
}

/// The same grammar by another road: everything as a rational number.
fn rational(whole: &str, fraction: &str, suffix: &str) -> BigRational {
    let ten = |power: i32| BigRational::from_integer(10.into()).pow(power);
    let digits: BigInt = format!("{whole}{fraction}").parse().unwrap();
    let multiplier = match suffix {
        "" => ten(0),
        "n" => ten(-9),
        "u" => ten(-6),
        "m" => ten(-3),
        "k" => ten(3),
        "M" => ten(6),
        "G" => ten(9),
        "T" => ten(12),
        "P" => ten(15),
        "E" => ten(18),
        _ if suffix.ends_with('i') => {
            let step = "KMGTPE".find(&suffix[..1]).unwrap() + 1;
            BigRational::from_integer(BigInt::from(1024).pow(step))
        }
        _ => ten(suffix[1..].parse().unwrap()),
    };
    BigRational::from_integer(digits) * multiplier * ten(-i32::try_from(fraction.len()).unwrap())
}

const SUFFIXES: &[&str] = &["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

fn suffixes() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(SUFFIXES).prop_map(String::from),
        ("[eE]", -40_i32..12).prop_map(|(e, power)| format!("{e}{power}")),
    ]
}

prop_compose! {
    /// A text and its value, small enough to be accepted.
    fn quantities()(whole in "[0-9]{1,12}", fraction in "[0-9]{0,40}", suffix in suffixes()) -> (String, BigRational) {
        let point = if fraction.is_empty() { "" } else { "." };
        let value = rational(&whole, &fraction, &suffix);
        (format!("{whole}{point}{fraction}{suffix}"), value)
    }
}

fn accepted() -> impl Strategy<Value = (Quantity, BigRational)> {
    quantities().prop_filter_map("more than the largest", |(text, value)| Some((Quantity::parse(&text).ok()?, value)))
}

fn ceil(value: &BigRational, per_one: u32) -> i128 {
    (value * BigInt::from(per_one)).ceil().to_integer().to_i128().unwrap()
}

proptest! {
    #[test]
    fn only_the_largest_are_refused((text, value) in quantities()) {
        let largest = BigRational::from_integer(BigInt::from(10).pow(24_u32));
        prop_assert_eq!(Quantity::parse(&text).is_ok(), value <= largest);
    }

    #[test]
    fn agrees_with_rational_arithmetic((a, x) in accepted(), (b, y) in accepted(), per_one in prop::sample::select(vec![1_u32, 1000])) {
        prop_assert_eq!(a.round_up(per_one), ceil(&x, per_one));
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        prop_assert_eq!(a == b, x == y);
        let mut sum = a.clone();
        sum += &b;
        prop_assert_eq!(sum.round_up(per_one), ceil(&(x + y), per_one));
        let mut other = b;
        other += &a;
        prop_assert_eq!(sum, other);
    }

    #[test]
    fn what_is_printed_is_read_back((quantity, _) in accepted()) {
        let printed = quantity.to_string();
        let again = parse(&printed);
        prop_assert_eq!(again.to_string(), printed);
        prop_assert_eq!(again, quantity);
    }

    #[test]
    fn rounding_up_keeps_the_order((a, _) in accepted(), (b, _) in accepted()) {
        let (small, large) = if a <= b { (a, b) } else { (b, a) };
        prop_assert!(small.round_up(1) <= large.round_up(1));
        prop_assert!(small.round_up(1000) <= large.round_up(1000));
        prop_assert!(small.round_up(1000) <= small.round_up(1) * 1000);
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = Quantity::parse(&text);
    }

    #[test]
    fn no_near_quantity_panics(text in "[+-]?[0-9]{0,60}\\.?[0-9]{0,60}[eEinumkKMGTP]{0,3}[+-]?[0-9]{0,5}") {
        let _ = Quantity::parse(&text);
    }
}
