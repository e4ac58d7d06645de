//! How far a long file is read: a bar on standard error, where that is a terminal, and nothing elsewhere.

use std::io::{self, BufRead, Read};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// Lines between two looks at the clock.
const LINES: u64 = 1024;

/// A bar on the terminal; it is gone when this is.
#[derive(Debug)]
pub struct Progress(ProgressBar);

/// Lines being read.
struct Lines<R> {
    inner: R,
    bar: ProgressBar,
    count: u64,
    since: Instant,
}

// === impl Progress ===

impl Progress {
    /// Of so many bytes; of a pipe nobody knows how many.
    pub fn of(bytes: Option<u64>) -> Self {
        let (bar, template) = match bytes {
            Some(bytes) => {
                (ProgressBar::new(bytes), "[{bar:30}] {percent:>3} % of {binary_total_bytes}, {msg}, {eta} left")
            }
            None => (ProgressBar::no_length(), "{binary_bytes}, {msg}"),
        };
        let style = ProgressStyle::with_template(template).expect("a template of ours").progress_chars("=> ");
        Self(bar.with_style(style).with_message(rate(0, 1.0)))
    }

    /// Counts the bytes that are read.
    pub fn bytes<R: Read + 'static>(&self, raw: R) -> impl Read + 'static {
        self.0.wrap_read(raw)
    }

    /// Counts the lines that are read.
    pub fn lines(&self, inner: impl BufRead) -> impl BufRead {
        Lines { inner, bar: self.0.clone(), count: 0, since: Instant::now() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn rate(lines: u64, seconds: f64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a figure to look at")]
    let rate = lines as f64 / seconds;
    format!("{rate:.0} events/s")
}

// === impl Lines ===

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: BufRead> BufRead for Lines<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    /// A line is taken at once.
    fn consume(&mut self, bytes: usize) {
        self.inner.consume(bytes);
        self.count += 1;
        if self.count.is_multiple_of(LINES) {
            self.bar.set_message(rate(self.count, self.since.elapsed().as_secs_f64()));
        }
    }
}
