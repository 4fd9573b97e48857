//! Days of the calendar.

use platform::Timestamp;

use crate::AccountError;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Nobody alive was born before.
const FIRST_YEAR: i64 = 1880;

/// Checks that `text` is a day, `YYYY-MM-DD`, that has begun somewhere on earth.
pub(crate) fn past(text: &str, now: Timestamp) -> Result<(), AccountError> {
    let (year, month, day) =
        parse(text).ok_or(AccountError::invalid("dateOfBirth: expected a day, YYYY-MM-DD"))?;
    if year < FIRST_YEAR {
        return Err(AccountError::Invalid(format!("dateOfBirth: not before {FIRST_YEAR}")));
    }
    // Where the day begins first, it does so 14 hours before UTC.
    if days_since_epoch(year, month, day) > (now + 14 * 60 * 60 * 1_000).div_euclid(DAY_MS) {
        return Err(AccountError::invalid("dateOfBirth: is in the future"));
    }
    Ok(())
}

fn parse(text: &str) -> Option<(i64, i64, i64)> {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        let part = text.get(range)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok())?
    };
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    (1..=days).contains(&day).then_some((year, month, day))
}

/// Howard Hinnant's `days_from_civil`: years begin in March, so that the leap day is their last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_there_were() {
        // 2023-11-14 22:13 UTC
        let now = 1_700_000_000_000;
        for good in ["1980-02-29", "2000-02-29", "1999-12-31", "2023-11-15", "1880-01-01"] {
            assert_eq!(past(good, now), Ok(()), "{good}");
        }
        for bad in [
            "2023-11-16",
            "2024-01-01",
            "1981-02-29",
            "1900-02-29",
            "1980-13-01",
            "1980-00-10",
            "1980-01-00",
            "1980-04-31",
            "1879-12-31",
            "80-01-01",
            "1980-1-1",
            "1980/01/01",
            "+980-01-01",
            "",
            "1980-01-01 ",
            "１980-01-0",
        ] {
            assert!(past(bad, now).is_err(), "{bad:?}");
        }
        assert_eq!(days_since_epoch(1970, 1, 1), 0);
        assert_eq!(days_since_epoch(2023, 11, 14), 1_700_000_000_000 / DAY_MS);
        assert_eq!(days_since_epoch(2000, 3, 1) - days_since_epoch(2000, 2, 28), 2);
    }
}
