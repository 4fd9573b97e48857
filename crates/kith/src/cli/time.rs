//! Times, as people read them: local, to the minute or the second.

use jiff::Zoned;
use jiff::tz::TimeZone;

/// Milliseconds since the Unix epoch, in the local time zone (`TZ`, or the system's).
fn local(timestamp: protocol::Timestamp) -> Option<Zoned> {
    Some(jiff::Timestamp::from_millisecond(timestamp).ok()?.to_zoned(TimeZone::system()))
}

fn format(timestamp: protocol::Timestamp, format: &str) -> String {
    local(timestamp).map_or_else(|| timestamp.to_string(), |time| time.strftime(format).to_string())
}

/// `2026-10-03 14:05:09`
pub(super) fn full(timestamp: protocol::Timestamp) -> String {
    format(timestamp, "%Y-%m-%d %H:%M:%S")
}

/// `2026-10-03 14:05`
pub(super) fn minute(timestamp: protocol::Timestamp) -> String {
    format(timestamp, "%Y-%m-%d %H:%M")
}

/// `14:05`
pub(super) fn clock(timestamp: protocol::Timestamp) -> String {
    format(timestamp, "%H:%M")
}

/// `Saturday, 3 October 2026`
pub(super) fn day(timestamp: protocol::Timestamp) -> String {
    format(timestamp, "%A, %-d %B %Y")
}

/// The same, or a dash for never.
pub(super) fn full_or_dash(timestamp: Option<protocol::Timestamp>) -> String {
    timestamp.map_or_else(|| "-".to_owned(), full)
}

/// How long bodies are kept.
pub(super) fn retention(retention: protocol::Retention) -> String {
    use protocol::Retention;
    match retention {
        Retention::Default => "as the server is set".to_owned(),
        Retention::Forever => "forever".to_owned(),
        Retention::UntilDelivered => "until delivered".to_owned(),
        Retention::Days(1) => "1 day".to_owned(),
        Retention::Days(days) => format!("{days} days"),
        Retention::Seconds(seconds) => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well_in_any_zone() {
        // Zones differ by whole quarters of an hour, so seconds do not.
        let text = full(1_791_036_309_000);
        assert!(text.len() == 19 && text.ends_with(":09") && text.starts_with("2026-10-0"), "{text}");
        assert_eq!(minute(1_791_036_309_000).len(), 16);
        assert_eq!(clock(1_791_036_309_000), text[11..16]);
        assert!(day(1_791_036_309_000).ends_with(" October 2026"));
        assert_eq!(full_or_dash(None), "-");
    }
}
