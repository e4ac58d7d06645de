//! The same of limits: seasons, peaks, what is left over, and how much overrides may add.

use crate::cases::{Case, budget, cluster_budget, plan};

pub const ACCEPTED: &[Case] = &[
    budget(
        "{limit: {amount: 1, currency: EUR}, plannedLimits: [{period: 2027-01, amount: 700}, {months: [11, 12], amount: '1500.5'}]}",
        "",
    ),
    budget(
        "{limit: {amount: 1, currency: EUR}, plannedLimits: [{period: '2027', amount: 0}, {period: 2027-q4, amount: 1}, {period: 2027-w01, amount: 1}, {period: 2027-12-31, amount: 1}]}",
        "",
    ),
    budget(
        "{limit: {amount: 1, currency: EUR}, peaks: [{from: 2026-11-26, to: 2026-12-01, extraAmount: 500}, {from: 2026-12-31, to: 2027-01-01, extraAmount: '0.5'}]}",
        "",
    ),
    budget("{limit: {amount: 1, currency: EUR}, rollover: {unspentPercent: 20}, overrides: {maxPerPeriod: 0}}", ""),
    cluster_budget(
        "{limit: {amount: 1, currency: EUR}, rollover: {unspentPercent: 100}, overrides: {maxPercent: 10, maxPerPeriod: 1}}",
        "",
    ),
    plan(
        "{currency: EUR, exchangeRates: [{currency: USD, rate: '0.92', asOf: 2026-11-01}, {currency: USD, rate: 1, asOf: 2026-12-01}, {currency: VND, rate: '0.000034500001', asOf: 2026-11-01}]}",
        "",
    ),
];

const SET_LIMIT: &str =
    "plannedLimits, peaks, rollover and overrides change the limit: set limit as well, or leave them out";
const PERIOD_OR_MONTHS: &str = "set exactly one of period (one period, by its label) and months (each year)";
const A_LABEL: &str =
    "write a period's label: 2026-11 for a month, 2026-q4, 2026, 2026-w47, or a date such as 2026-11-21";
const AMOUNT: &str = "in body should match '^([1-9][0-9]{0,27}";

const NEVER_USED_UP: &str =
    "without a limit nothing is ever used up, and no growth is stopped: set limit, or use Notify or Warn";

pub const REFUSED: &[Case] = &[
    budget("{thresholds: [{percent: 80, action: Warn}, {percent: 100, action: Block}]}", NEVER_USED_UP),
    cluster_budget("{thresholds: [{percent: 100, action: BlockScaleUp}]}", NEVER_USED_UP),
    budget("{plannedLimits: [{months: [1], amount: 1}]}", SET_LIMIT),
    budget("{peaks: [{from: 2026-11-26, to: 2026-12-01, extraAmount: 500}]}", SET_LIMIT),
    budget("{rollover: {unspentPercent: 20}}", SET_LIMIT),
    cluster_budget("{overrides: {maxPercent: 20}}", SET_LIMIT),
    budget("{limit: {amount: 1, currency: EUR}, plannedLimits: [{amount: 1}]}", PERIOD_OR_MONTHS),
    budget(
        "{limit: {amount: 1, currency: EUR}, plannedLimits: [{period: 2027-01, months: [1], amount: 1}]}",
        PERIOD_OR_MONTHS,
    ),
    budget("{limit: {amount: 1, currency: EUR}, plannedLimits: [{period: January, amount: 1}]}", A_LABEL),
    budget("{limit: {amount: 1, currency: EUR}, plannedLimits: [{period: 2027-13, amount: 1}]}", A_LABEL),
    budget("{limit: {amount: 1, currency: EUR}, plannedLimits: [{period: 2027-q5, amount: 1}]}", A_LABEL),
    budget("{limit: {amount: 1, currency: EUR}, plannedLimits: [{period: 2027-01, amount: '-1'}]}", AMOUNT),
    budget(
        "{limit: {amount: 1, currency: EUR}, plannedLimits: [{months: [0], amount: 1}]}",
        "should be greater than or equal to 1",
    ),
    budget(
        "{limit: {amount: 1, currency: EUR}, plannedLimits: [{months: [13], amount: 1}]}",
        "should be less than or equal to 12",
    ),
    budget("{limit: {amount: 1, currency: EUR}, plannedLimits: [{months: [1, 1], amount: 1}]}", "Duplicate value: 1"),
    budget(
        "{limit: {amount: 1, currency: EUR}, peaks: [{from: 2026-12-01, to: 2026-12-01, extraAmount: 1}]}",
        "to must be later than from: it is the first date after the peak",
    ),
    budget(
        "{limit: {amount: 1, currency: EUR}, peaks: [{from: 2026-02-30, to: 2026-12-01, extraAmount: 1}]}",
        "spec.peaks[0].from in body must be of type date",
    ),
    budget(
        "{limit: {amount: 1, currency: EUR}, peaks: [{from: 2026-11-26, extraAmount: 1}]}",
        "spec.peaks[0].to: Required value",
    ),
    budget(
        "{limit: {amount: 1, currency: EUR}, peaks: [{from: 2026-11-26, to: 2026-12-01, extraAmount: '1e3'}]}",
        AMOUNT,
    ),
    budget(
        "{limit: {amount: 1, currency: EUR}, rollover: {unspentPercent: 101}}",
        "spec.rollover.unspentPercent in body should be less than or equal to 100",
    ),
    budget("{limit: {amount: 1, currency: EUR}, rollover: {}}", "spec.rollover.unspentPercent: Required value"),
    budget(
        "{limit: {amount: 1, currency: EUR}, overrides: {}}",
        "set maxPercent, maxPerPeriod or both; without overrides there is no cap",
    ),
    budget(
        "{limit: {amount: 1, currency: EUR}, overrides: {maxPerPeriod: -1}}",
        "spec.overrides.maxPerPeriod in body should be greater than or equal to 0",
    ),
    plan(
        "{currency: EUR, exchangeRates: [{currency: EUR, rate: 1, asOf: 2026-11-01}]}",
        "exchangeRates are of other currencies: one unit of the plan's own is always 1, so remove that rate",
    ),
    plan(
        "{currency: EUR, exchangeRates: [{currency: USD, rate: 0, asOf: 2026-11-01}]}",
        "spec.exchangeRates[0].rate in body should be greater than or equal to 1",
    ),
    plan(
        "{currency: EUR, exchangeRates: [{currency: USD, rate: '0.00', asOf: 2026-11-01}]}",
        "spec.exchangeRates[0].rate in body should match",
    ),
    plan(
        "{currency: EUR, exchangeRates: [{currency: USD, rate: '-1', asOf: 2026-11-01}]}",
        "rate in body should match",
    ),
    plan("{currency: EUR, exchangeRates: [{currency: USD, rate: '1'}]}", "spec.exchangeRates[0].asOf: Required value"),
    plan(
        "{currency: EUR, exchangeRates: [{currency: USD, rate: 1, asOf: 2026-11-01}, {currency: USD, rate: 2, asOf: 2026-11-01}]}",
        "Duplicate value",
    ),
    plan(
        "{currency: EUR, exchangeRates: [{currency: USD, rate: 1, asOf: 2026-11-31}]}",
        "spec.exchangeRates[0].asOf in body must be of type date",
    ),
];
