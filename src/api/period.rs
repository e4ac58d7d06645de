//! How a user says which time a limit is for. What that means on the calendar is [`crate::engine::period`]'s business.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// The time that the limit is for: one that repeats (`every`), or one fixed window (`start` and `end`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.every) != (has(self.start) || has(self.end))",
    "set either every (Day, Week, Month, Quarter or Year), or start and end of a fixed window, not both",
))]
#[x_kube(validation = ("has(self.start) == has(self.end)", "a fixed window needs both start and end"))]
#[x_kube(validation = Rule::new("!has(self.start) || !has(self.end) || self.start < self.end")
    .message("end must be later than start").field_path(".end"))]
#[x_kube(validation = Rule::new("!has(self.end) || self.end < timestamp('9999-01-01T00:00:00Z')")
    .message("end must be before the year 9999: name an earlier instant, or a period that repeats with every")
    .field_path(".end"))]
#[x_kube(validation = Rule::new("!has(self.startDay) || (has(self.every) && self.every in ['Month', 'Quarter', 'Year'])")
    .message("startDay goes with every: Month, Quarter or Year; a week begins on its startWeekday").field_path(".startDay"))]
#[x_kube(validation = Rule::new("!has(self.startMonth) || (has(self.every) && self.every in ['Quarter', 'Year'])")
    .message("startMonth goes with every: Quarter or Year").field_path(".startMonth"))]
#[x_kube(validation = Rule::new("!has(self.startWeekday) || (has(self.every) && self.every == 'Week')")
    .message("startWeekday goes with every: Week").field_path(".startWeekday"))]
pub struct PeriodSpec {
    /// How often the budget begins anew: Day, Week, Month, Quarter or Year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
    /// The day of the month on which a Month, Quarter or Year begins. In a shorter month it is the last day: 31 means
    /// 28 or 29 February. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 31))]
    pub start_day: Option<i32>,
    /// The month in which a Year, or one of the Quarters, begins: 1 is January. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 12))]
    pub start_month: Option<i32>,
    /// The day on which a Week begins. Default: Monday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_weekday: Option<Weekday>,
    /// The IANA time zone in which days begin, such as Europe/Paris. Periods follow its daylight saving time.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"))]
    #[x_kube(validation = (
        "self != 'Local' && timestamp('2000-01-01T00:00:00Z').getFullYear(self) > 0",
        "timeZone must be an IANA time zone such as Europe/Paris, America/New_York or UTC",
    ))]
    pub time_zone: String,
    /// When a fixed window begins, such as 2026-11-26T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = schema::INSTANT))]
    pub start: Option<Time>,
    /// When a fixed window ends: the first instant that no longer belongs to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = schema::INSTANT))]
    pub end: Option<Time>,
}

/// How often a budget begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Every {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Weekday {
    #[default]
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

// === impl PeriodSpec ===

impl PeriodSpec {
    /// A period that repeats, with the usual anchors, in UTC.
    pub fn every(every: Every) -> Self {
        Self {
            every: Some(every),
            start_day: None,
            start_month: None,
            start_weekday: None,
            time_zone: utc(),
            start: None,
            end: None,
        }
    }
}

impl Default for PeriodSpec {
    fn default() -> Self {
        Self::every(Every::Month)
    }
}

fn utc() -> String {
    "UTC".to_owned()
}
