//! What other currencies are worth in a plan's: a rate counts from its date on until a later one does, and the first one
//! for the time before as well.

use std::collections::BTreeMap;

use jiff::civil::Date;
use num_traits::Zero;

use super::money::{Exact, ParsePriceError, Price};
use super::period::Zone;
use crate::api::ExchangeRate;
use crate::facts::{Name, Seconds};

/// By currency what one unit of it is in the plan's, and from when on; oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange(BTreeMap<Name, Vec<(Seconds, Exact)>>);

/// What is wrong with a rate. The API server refuses most of it; replay reads files.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error("rate: {0}")]
    Rate(#[source] ParsePriceError),
    #[error("rate must be above 0: it says what one unit of the currency is worth in the plan's")]
    Nothing,
    #[error("asOf {0:?} is no date: write one such as 2026-11-01")]
    Date(String),
    #[error("currency is the plan's own, of which one unit is always 1: remove the rate")]
    Own,
}

// === impl Exchange ===

impl Exchange {
    /// Rates of a plan in `own`; dates are of `zone`.
    pub fn compile(rates: &[ExchangeRate], own: &str, zone: &Zone) -> Result<Self, (usize, ExchangeError)> {
        let mut by_currency: BTreeMap<Name, Vec<(Seconds, Exact)>> = BTreeMap::new();
        for (i, one) in rates.iter().enumerate() {
            let dated = dated(one, own, zone).map_err(|error| (i, error))?;
            by_currency.entry(one.currency.code().into()).or_default().push(dated);
        }
        for rates in by_currency.values_mut() {
            rates.sort();
        }
        Ok(Self(by_currency))
    }

    /// What one unit of a currency is worth at `t`.
    pub fn rate(&self, currency: &str, t: Seconds) -> Option<&Exact> {
        let rates = self.0.get(currency)?;
        let begun = rates.partition_point(|(from, _)| *from <= t);
        rates.get(begun.saturating_sub(1)).map(|(_, rate)| rate)
    }

    /// When the next rate of a currency begins to count.
    pub fn next(&self, currency: &str, t: Seconds) -> Option<Seconds> {
        self.0.get(currency)?.iter().skip(1).map(|(from, _)| *from).find(|from| *from > t)
    }
}

fn dated(rate: &ExchangeRate, own: &str, zone: &Zone) -> Result<(Seconds, Exact), ExchangeError> {
    if rate.currency.code() == own {
        return Err(ExchangeError::Own);
    }
    let worth = Price::parse(rate.rate.as_str()).map_err(ExchangeError::Rate)?.exact();
    if worth.is_zero() {
        return Err(ExchangeError::Nothing);
    }
    let date = rate.as_of.parse::<Date>().ok().and_then(|date| zone.first_instant(date));
    Ok((date.ok_or_else(|| ExchangeError::Date(rate.as_of.clone()))?, worth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_counts_from_its_date_on() {
        let rates = serde_json::json!([
            {"currency": "USD", "rate": "0.9", "asOf": "2026-11-02"},
            {"currency": "GBP", "rate": 2, "asOf": "2026-11-01"},
            {"currency": "USD", "rate": "0.5", "asOf": "2026-11-01"},
        ]);
        let rates: Vec<ExchangeRate> = serde_json::from_value(rates).unwrap();
        let exchange = Exchange::compile(&rates, "EUR", &Zone::named("Europe/Berlin").unwrap()).unwrap();
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
        let rate = |currency, t: &str| exchange.rate(currency, at(t)).map(ToString::to_string);
        assert_eq!(rate("USD", "2026-11-01T22:59:59Z"), Some("1/2".to_owned()));
        assert_eq!(rate("USD", "2026-11-01T23:00:00Z"), Some("9/10".to_owned()));
        assert_eq!(rate("USD", "2000-01-01T00:00:00Z"), Some("1/2".to_owned()), "the first holds before as well");
        assert_eq!(rate("GBP", "2027-01-01T00:00:00Z"), Some("2".to_owned()));
        assert_eq!(rate("CHF", "2027-01-01T00:00:00Z"), None);
        assert_eq!(exchange.next("USD", at("2000-01-01T00:00:00Z")), Some(at("2026-11-01T23:00:00Z")));
        assert_eq!(exchange.next("USD", at("2026-11-01T23:00:00Z")), None);
        let refused = Exchange::compile(&rates, "GBP", &Zone::named("UTC").unwrap()).unwrap_err();
        assert!(matches!(refused, (1, ExchangeError::Own)));
    }
}
