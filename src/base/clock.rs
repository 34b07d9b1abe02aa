//! Wall-clock time in UTC, for run records and events. Nothing here enters a key or an artifact.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// The present moment.
#[must_use]
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl Moment {
    /// `2026-11-24T22:59:34.120Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let (year, month, day) = civil(self.0 / 86_400_000);
        let [hour, minute, second, milli] = self.time();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }

    /// `20261124T225934.120Z`: sorts by time and suits a folder's name.
    #[must_use]
    pub fn compact(self) -> String {
        self.rfc3339().replace(['-', ':'], "")
    }

    fn time(self) -> [u64; 4] {
        [self.0 / 3_600_000 % 24, self.0 / 60_000 % 60, self.0 / 1000 % 60, self.0 % 1000]
    }
}

/// Year, month and day of a number of days since 1970 (Hinnant's `civil_from_days`, for days not before 1970).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days since 0000-03-01
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        assert_eq!(Moment(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Moment(951_782_400_000).rfc3339(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Moment(1_795_561_174_120).compact(), "20261124T225934.120Z");
    }
}
