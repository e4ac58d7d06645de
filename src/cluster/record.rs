//! Writes the trace: what was observed, one JSON object a line, each with its time.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use flate2::write::GzEncoder;
use jiff::Timestamp;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// How long a line waits to be on disk.
const FLUSH: Duration = Duration::from_secs(1);

/// Lines on their way to the disk.
const QUEUED: usize = 4096;

/// A trace being written.
#[derive(Debug)]
pub struct Recorder {
    lines: mpsc::Sender<String>,
    /// The time of its first line, by which its lines are known as those of one recording.
    begun: OnceLock<Timestamp>,
    writer: JoinHandle<std::io::Result<()>>,
}

/// Lines on their way through compression, which gathers what it has ready.
enum Pack {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

// === impl Recorder ===

impl Recorder {
    /// Writes to a file, anew: compressed where its name ends in .gz or .zst.
    pub async fn create(path: &Path) -> std::io::Result<Self> {
        let pack = Pack::of(path)?;
        Ok(Self::begin(tokio::fs::File::create(path).await?, pack))
    }

    pub fn new(to: impl AsyncWrite + Unpin + Send + 'static) -> Self {
        Self::begin(to, Pack::Plain(Vec::new()))
    }

    fn begin(to: impl AsyncWrite + Unpin + Send + 'static, pack: Pack) -> Self {
        let (lines, queue) = mpsc::channel(QUEUED);
        Self {
            lines,
            begun: OnceLock::new(),
            writer: tokio::spawn(write(BufWriter::with_capacity(1 << 20, to), pack, queue)),
        }
    }

    /// Writes an event down. `line` is as [`super::follow::Report`] has it. False where nothing can be written any
    /// more; [`Recorder::finish`] says why.
    pub async fn record(&self, at: Timestamp, line: &str) -> bool {
        let begun = self.begun.get_or_init(|| at);
        self.lines.send(format!("{{\"at\":\"{at:.3}\",\"recording\":\"{begun:.3}\",{line}\n")).await.is_ok()
    }

    /// Waits until everything is written.
    pub async fn finish(self) -> std::io::Result<()> {
        drop(self.lines);
        self.writer.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }
}

async fn write(
    mut to: BufWriter<impl AsyncWrite + Unpin>,
    mut pack: Pack,
    mut queue: mpsc::Receiver<String>,
) -> std::io::Result<()> {
    let mut lines = Vec::new();
    let (mut due, mut waiting) = (Instant::now() + FLUSH, false);
    loop {
        match timeout_at(due, queue.recv_many(&mut lines, QUEUED)).await {
            Ok(0) => break,
            Ok(_) => {
                for line in lines.drain(..) {
                    pack.writer().write_all(line.as_bytes())?;
                }
                to.write_all(&pack.ready()).await?;
                waiting = true;
            }
            Err(_) => {}
        }
        if Instant::now() >= due {
            if std::mem::take(&mut waiting) {
                pack.writer().flush()?;
                to.write_all(&pack.ready()).await?;
                to.flush().await?;
            }
            due = Instant::now() + FLUSH;
        }
    }
    to.write_all(&pack.finish()?).await?;
    to.shutdown().await
}

// === impl Pack ===

impl Pack {
    /// By the file's name, as compressing programs give them.
    fn of(path: &Path) -> std::io::Result<Self> {
        Ok(match path.extension().and_then(OsStr::to_str) {
            Some("gz") => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::fast())),
            Some("zst") => Self::Zstd(zstd::Encoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?),
            _ => Self::Plain(Vec::new()),
        })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(to) => to,
            Self::Gzip(to) => to,
            Self::Zstd(to) => to,
        }
    }

    /// What is ready to be written.
    fn ready(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Plain(ready) => ready,
            Self::Gzip(packer) => packer.get_mut(),
            Self::Zstd(packer) => packer.get_mut(),
        })
    }

    /// The rest, and the end.
    fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Plain(rest) => Ok(rest),
            Self::Gzip(packer) => packer.finish(),
            Self::Zstd(packer) => packer.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::replay::trace::Trace;
    use crate::replay::unpack;

    #[tokio::test]
    async fn what_is_recorded_is_read_by_replay() {
        for name in ["plain.jsonl", "packed.jsonl.gz", "packed.jsonl.zst"] {
            let path = std::env::temp_dir().join(format!("opex-record-{}-{name}", std::process::id()));
            let recorder = Recorder::create(&path).await.unwrap();
            let pod =
                r#""type":"ADDED","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"a"}}}"#;
            for nanos in [0, 1_000_000, 999_999_999] {
                let at = Timestamp::new(1_795_255_380, nanos).unwrap();
                assert!(recorder.record(at, pod).await);
            }
            recorder.finish().await.unwrap();
            let bytes = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            assert_eq!(bytes.starts_with(b"{\"at\":"), name.starts_with("plain"));
            let mut trace = Trace::new(unpack::text(std::io::Cursor::new(bytes)).unwrap());
            for millis in [0, 1, 999] {
                let event = trace.next_event().unwrap().unwrap();
                assert_eq!((event.at.as_second(), event.at.subsec_millisecond()), (1_795_255_380, millis));
            }
            assert!(trace.next_event().unwrap().is_none());
        }
    }

    /// A trace that is being written can be looked at.
    #[tokio::test]
    async fn a_line_waits_no_longer_than_a_second() {
        futures::future::join_all(["a.jsonl", "a.gz", "a.zst"].map(async |name| {
            let (near, mut far) = tokio::io::duplex(1 << 16);
            let recorder = Recorder::begin(near, Pack::of(Path::new(name)).unwrap());
            assert!(recorder.record(Timestamp::UNIX_EPOCH, r#""type":"ADDED"}"#).await);
            let (mut bytes, mut line) = (Vec::new(), String::new());
            while !line.ends_with('\n') {
                timeout_at(Instant::now() + 3 * FLUSH, far.read_buf(&mut bytes)).await.unwrap().unwrap();
                line.clear();
                // Fails where it ends within what is packed.
                let text = unpack::text(std::io::Cursor::new(bytes.clone()));
                let _ = text.and_then(|mut text| text.read_line(&mut line));
            }
            assert_eq!(
                line,
                "{\"at\":\"1970-01-01T00:00:00.000Z\",\"recording\":\"1970-01-01T00:00:00.000Z\",\"type\":\"ADDED\"}\n",
                "{name}"
            );
        }))
        .await;
    }
}
