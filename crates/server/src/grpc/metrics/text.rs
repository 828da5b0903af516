use std::{fmt::Write, sync::atomic::Ordering::Relaxed};

use super::{BUCKETS, Histogram};

/// A page in Prometheus' text format, version 0.0.4.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// Names and values of what tells the samples of a family apart.
type Labels<'a> = &'a [(&'a str, &'a str)];

impl Text {
    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Begins a family of samples; those that follow have its name.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// A family of a single sample.
    pub(super) fn single(&mut self, name: &str, (kind, help): (&str, &str), value: f64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    pub(super) fn sample(&mut self, name: &str, labels: Labels<'_>, value: f64) {
        self.put(format_args!("{name}"));
        for (place, (label, value)) in labels.iter().enumerate() {
            let sign = if place == 0 { '{' } else { ',' };
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            self.put(format_args!("{sign}{label}=\"{value}\""));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        self.put(format_args!("{end} {value}\n"));
    }

    /// The samples of a histogram.
    pub(super) fn histogram(&mut self, name: &str, labels: Labels<'_>, histogram: &Histogram) {
        let ends = BUCKETS
            .iter()
            .map(f64::to_string)
            .chain(["+Inf".to_owned()]);
        let mut count = 0;
        for (end, bucket) in ends.zip(&histogram.counts) {
            count += bucket.load(Relaxed);
            let labels = [labels, &[("le", &end)]].concat();
            self.sample(&format!("{name}_bucket"), &labels, count as f64);
        }
        let seconds = histogram.nanoseconds.load(Relaxed) as f64 / 1e9;
        self.sample(&format!("{name}_sum"), labels, seconds);
        self.sample(&format!("{name}_count"), labels, count as f64);
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(text)
            .expect("invariant: memory can be written to");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn samples_and_histograms_are_written_as_prometheus_reads_them() {
        let mut text = Text::default();
        text.single("up", ("gauge", "Whether it is."), 1.0);
        text.sample("named", &[("a", "b\"\\\n"), ("c", "")], 0.5);
        let histogram = Histogram::default();
        for micros in [1, 1_000, 1_001, 9_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        text.histogram("took", &[("x", "y")], &histogram);
        let text = text.into_string();
        assert!(text.starts_with("# HELP up Whether it is.\n# TYPE up gauge\nup 1\nnamed{a=\"b\\\"\\\\\\n\",c=\"\"} 0.5\n"));
        for line in [
            "took_bucket{x=\"y\",le=\"0.00025\"} 1\n",
            "took_bucket{x=\"y\",le=\"0.001\"} 2\n",
            "took_bucket{x=\"y\",le=\"0.002\"} 3\n",
            "took_bucket{x=\"y\",le=\"5\"} 3\n",
            "took_bucket{x=\"y\",le=\"+Inf\"} 4\n",
            "took_sum{x=\"y\"} 9.002002\n",
            "took_count{x=\"y\"} 4\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
