//! Writes the trace: what was observed, one JSON object a line, each with its time.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long a line waits to be on disk.
const FLUSH: Duration = Duration::from_secs(1);

/// Lines on their way to the disk.
const QUEUED: usize = 4096;

/// A trace being written.
#[derive(Debug)]
pub struct Recorder {
    lines: mpsc::Sender<String>,
    writer: JoinHandle<std::io::Result<()>>,
}

// === impl Recorder ===

impl Recorder {
    /// Writes to a file, anew.
    pub async fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self::new(tokio::fs::File::create(path).await?))
    }

    pub fn new(to: impl AsyncWrite + Unpin + Send + 'static) -> Self {
        let (lines, queue) = mpsc::channel(QUEUED);
        Self { lines, writer: tokio::spawn(write(BufWriter::with_capacity(1 << 20, to), queue)) }
    }

    /// Writes an event down. `line` is as [`super::follow::Report`] has it. False where nothing can be written any
    /// more; [`Recorder::finish`] says why.
    pub async fn record(&self, at: Timestamp, line: &str) -> bool {
        self.lines.send(entry(at, line)).await.is_ok()
    }

    /// Waits until everything is written.
    pub async fn finish(self) -> std::io::Result<()> {
        drop(self.lines);
        self.writer.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }
}

fn entry(at: Timestamp, line: &str) -> String {
    format!("{{\"at\":\"{at:.3}\",{line}\n")
}

async fn write(mut to: BufWriter<impl AsyncWrite + Unpin>, mut queue: mpsc::Receiver<String>) -> std::io::Result<()> {
    let mut lines = Vec::new();
    loop {
        match tokio::time::timeout(FLUSH, queue.recv_many(&mut lines, QUEUED)).await {
            Ok(0) => return to.shutdown().await,
            Ok(_) => {
                for line in lines.drain(..) {
                    to.write_all(line.as_bytes()).await?;
                }
                if queue.is_empty() {
                    to.flush().await?;
                }
            }
            Err(_) => to.flush().await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::trace::Trace;

    #[tokio::test]
    async fn what_is_recorded_is_read_by_replay() {
        let path = std::env::temp_dir().join(format!("opex-record-{}.jsonl", std::process::id()));
        let recorder = Recorder::create(&path).await.unwrap();
        let pod =
            r#""type":"ADDED","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"a"}}}"#;
        for nanos in [0, 1_000_000, 999_999_999] {
            let at = Timestamp::new(1_795_255_380, nanos).unwrap();
            assert!(recorder.record(at, pod).await);
        }
        recorder.finish().await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut trace = Trace::new(text.as_bytes());
        for millis in [0, 1, 999] {
            let event = trace.next_event().unwrap().unwrap();
            assert_eq!((event.at.as_second(), event.at.subsec_millisecond()), (1_795_255_380, millis));
        }
        assert!(trace.next_event().unwrap().is_none());
    }
}
