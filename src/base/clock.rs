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

    /// Reads what [`Moment::rfc3339`] writes; `None` if it is something else.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let digits = |at: std::ops::Range<usize>| text.get(at)?.parse::<u64>().ok();
        let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
        let (hour, minute, second, milli) = (digits(11..13)?, digits(14..16)?, digits(17..19)?, digits(20..23)?);
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let clock = ((hour * 60 + minute) * 60 + second) * 1000 + milli;
        let moment = Self(days(year, month, day) * 86_400_000 + clock);
        (moment.rfc3339() == text).then_some(moment)
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

/// Days since 1970 of a date not before (Hinnant's `days_from_civil`).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_they_are_written() {
        for day in 0..40_000 {
            let moment = Moment(day * 86_400_000 + day * 977 % 86_400_000);
            assert_eq!(Moment::from_rfc3339(&moment.rfc3339()), Some(moment));
        }
        for text in
            ["", "2026-11-24", "2026-02-30T00:00:00.000Z", "2026-11-24T22:59:34.120+01:00", "1969-12-31T23:59:59.999Z"]
        {
            assert_eq!(Moment::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn moments_are_written_in_utc() {
        assert_eq!(Moment(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Moment(951_782_400_000).rfc3339(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Moment(1_795_561_174_120).compact(), "20261124T225934.120Z");
    }
}
