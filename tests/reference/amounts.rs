//! Numbers as Kubernetes and our kinds write them, exactly.

use num_bigint::BigInt;
use num_rational::BigRational;
use serde_json::Value;

/// A decimal number such as `0.031611`, or a whole number.
pub fn price(value: &Value) -> Option<BigRational> {
    match value {
        Value::String(text) => Some(decimal(text)),
        Value::Number(number) => Some(decimal(&number.to_string())),
        _ => None,
    }
}

/// A quantity such as `100m`, `1.5Gi`, `8Ei` or `1e3`.
pub fn quantity(value: &Value) -> BigRational {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-' || c == '+')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    decimal(number) * scale(suffix)
}

fn decimal(text: &str) -> BigRational {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().expect("a decimal number");
    BigRational::new(digits, BigInt::from(10).pow(u32::try_from(fraction.len()).expect("few digits")))
}

fn scale(suffix: &str) -> BigRational {
    let of = |base: i64, power: i32| BigRational::from_integer(base.into()).pow(power);
    match suffix {
        "n" => of(10, -9),
        "u" => of(10, -6),
        "m" => of(10, -3),
        "" => of(10, 0),
        "k" => of(10, 3),
        "M" => of(10, 6),
        "G" => of(10, 9),
        "T" => of(10, 12),
        "P" => of(10, 15),
        "E" => of(10, 18),
        "Ki" => of(2, 10),
        "Mi" => of(2, 20),
        "Gi" => of(2, 30),
        "Ti" => of(2, 40),
        "Pi" => of(2, 50),
        "Ei" => of(2, 60),
        exponent => of(10, exponent[1..].parse().expect("an exponent")),
    }
}
