//! The one line that a run prints.

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::gauge::Measured;
use super::process::{Cpu, Processes, Rss};
use super::stage::Stage;
use super::tally::Faults;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// One line of JSON.
    pub(super) report: String,
    /// Whether no message was lost, duplicated, reordered or left without a receipt.
    pub(super) sound: bool,
}

/// Collects the line's fields.
#[derive(Debug)]
pub(super) struct Report {
    fields: Map<String, Value>,
    sound: bool,
}

impl Report {
    pub(super) fn new(scenario: &str, parameters: Value) -> Self {
        let mut fields = Map::new();
        fields.insert("scenario".to_owned(), scenario.into());
        let mut report = Self { fields, sound: true };
        report.extend(parameters);
        report
    }

    /// Which server, and how it was spoken to.
    pub(super) fn stage(&mut self, stage: &Stage) {
        self.set("server", json!(stage.common.server));
        self.set("serverPid", json!(stage.processes.server_pid()));
        self.set("postgres", json!(stage.processes.watches_postgres()));
        self.set("protocol", json!(stage.protocol.name()));
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.fields.insert(name.to_owned(), value);
    }

    fn extend(&mut self, values: Value) {
        if let Value::Object(values) = values {
            self.fields.extend(values);
        }
    }

    /// What a stretch came to, under `name` if it is one of several. `unit` is what was counted, such as `messages`.
    pub(super) fn measured(&mut self, name: Option<&str>, unit: &str, measured: &Measured) {
        let seconds = measured.elapsed.as_secs_f64();
        let mut fields = Map::new();
        fields.insert("seconds".to_owned(), rounded(seconds, 3));
        fields.insert(unit.to_owned(), json!(measured.count));
        let rate = if seconds > 0.0 { measured.count as f64 / seconds } else { 0.0 };
        fields.insert(format!("{unit}PerSecond"), rounded(rate, 1));
        fields.insert("latencyMs".to_owned(), latency(&measured.latency));
        fields.insert("cpu".to_owned(), cpu(measured.cpu, measured.count));
        match name {
            Some(name) => self.set(name, fields.into()),
            None => self.fields.extend(fields),
        }
    }

    /// Resident memory before and after.
    pub(super) fn rss(&mut self, before: Rss, after: Rss, processes: &Processes) {
        let mut fields = json!({ "serverBefore": before.server, "serverAfter": after.server });
        if processes.watches_postgres() {
            fields["postgresBefore"] = before.postgres.into();
            fields["postgresAfter"] = after.postgres.into();
        }
        self.set("rssBytes", fields);
    }

    /// What went wrong with messages: everything else than 0 fails the run.
    pub(super) fn faults(&mut self, faults: Faults) {
        let Faults { lost, duplicated, reordered } = faults;
        self.sound &= faults == Faults::default();
        self.extend(json!({ "lost": lost, "duplicated": duplicated, "reordered": reordered }));
    }

    /// Messages whose sender was not told that they were delivered; any fails the run.
    pub(super) fn unacknowledged(&mut self, count: u64) {
        self.sound &= count == 0;
        self.set("unacknowledged", count.into());
    }

    pub(super) fn finish(self) -> Outcome {
        Outcome { report: Value::Object(self.fields).to_string(), sound: self.sound }
    }
}

fn latency(histogram: &Histogram<u64>) -> Value {
    if histogram.is_empty() {
        return Value::Null;
    }
    let milliseconds = |nanoseconds: u64| rounded(nanoseconds as f64 / 1e6, 3);
    let quantile = |quantile: f64| milliseconds(histogram.value_at_quantile(quantile));
    json!({ "p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99), "max": milliseconds(histogram.max()) })
}

/// Seconds of the whole stretch, and for what was counted in it.
fn cpu(cpu: Cpu, count: u64) -> Value {
    let Cpu { server_s, postgres_s, client_s } = cpu;
    let sum = server_s + postgres_s;
    let each = |seconds: f64, of: f64| {
        if count == 0 { Value::Null } else { rounded(seconds * of / count as f64, 4) }
    };
    json!({
        "serverSeconds": rounded(server_s, 2),
        "postgresSeconds": rounded(postgres_s, 2),
        "clientSeconds": rounded(client_s, 2),
        "serverSecondsPer1000": each(server_s, 1e3),
        "postgresSecondsPer1000": each(postgres_s, 1e3),
        "sumSecondsPer1000": each(sum, 1e3),
        "serverMicrosecondsEach": each(server_s, 1e6),
        "sumMicrosecondsEach": each(sum, 1e6),
        "clientMicrosecondsEach": each(client_s, 1e6),
    })
}

fn rounded(number: f64, digits: i32) -> Value {
    let factor = 10_f64.powi(digits);
    json!((number * factor).round() / factor)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::gauge::histogram;
    use super::*;

    #[test]
    fn a_report_is_one_line_that_fails_on_any_fault() {
        let mut latency = histogram().unwrap();
        (1..=100_u64).for_each(|ms| latency.record(ms * 1_000_000).unwrap());
        let cpu = Cpu { server_s: 3.0, postgres_s: 1.0, client_s: 2.0 };
        let measured = Measured { count: 20_000, elapsed: Duration::from_secs(4), cpu, latency };
        let mut report = Report::new("direct", json!({ "pairs": 2 }));
        report.measured(None, "messages", &measured);
        report.faults(Faults::default());
        report.unacknowledged(0);
        let outcome = report.finish();
        assert!(outcome.sound && !outcome.report.contains('\n'));
        let value: Value = serde_json::from_str(&outcome.report).unwrap();
        assert_eq!(value["messagesPerSecond"], 5000.0);
        assert_eq!(value["cpu"]["serverSecondsPer1000"], 0.15);
        assert_eq!(value["cpu"]["sumMicrosecondsEach"], 200.0);
        assert!((value["latencyMs"]["p95"].as_f64().unwrap() - 95.0).abs() < 0.2);

        let mut report = Report::new("direct", Value::Null);
        report.faults(Faults { lost: 1, ..Faults::default() });
        assert!(!report.finish().sound);
        let mut report = Report::new("direct", Value::Null);
        report.unacknowledged(2);
        assert!(!report.finish().sound);
    }
}
