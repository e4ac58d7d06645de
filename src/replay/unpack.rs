//! A trace as it is kept, plain or compressed, to its text. Which it is its first bytes say, not its name, so that
//! standard input can be either.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// Bytes read at a time: what stays in a core's cache until it is parsed.
const BUFFER: usize = 1 << 17;

/// The text of what is read from `raw`: gzip and zstd are unpacked as they come, everything else is taken as it is.
pub fn text(mut raw: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
    let mut magic = Vec::with_capacity(4);
    raw.by_ref().take(4).read_to_end(&mut magic)?;
    let format = Format::of(&magic);
    let raw = Cursor::new(magic).chain(BufReader::with_capacity(BUFFER, raw));
    Ok(match format {
        Format::Plain => Box::new(raw),
        Format::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))),
        Format::Zstd => Box::new(BufReader::with_capacity(BUFFER, zstd::Decoder::with_buffer(raw)?)),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Plain,
    /// RFC 1952; several members after each other are one text.
    Gzip,
    /// RFC 8878; several frames after each other are one text.
    Zstd,
}

// === impl Format ===

impl Format {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or one to be skipped, as some write them first.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &str = "one\ntwo\nthree\n";

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &str) -> Vec<u8> {
        zstd::encode_all(text.as_bytes(), 1).unwrap()
    }

    /// Gives one byte at a time, as a slow pipe may.
    struct Slow(Cursor<Vec<u8>>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    fn read(bytes: Vec<u8>) -> io::Result<String> {
        let mut read = String::new();
        text(Slow(Cursor::new(bytes)))?.read_to_string(&mut read)?;
        Ok(read)
    }

    #[test]
    fn the_first_bytes_say_how_it_is_packed() {
        let skipped = [b"\x5e\x2a\x4d\x18\x02\0\0\0..".as_slice(), &zstd(TEXT)].concat();
        let joined = |pack: fn(&str) -> Vec<u8>| [pack("one\n"), pack("two\nth"), pack("ree\n")].concat();
        for bytes in [TEXT.into(), gzip(TEXT), zstd(TEXT), joined(gzip), joined(zstd), skipped] {
            assert_eq!(read(bytes).unwrap(), TEXT);
        }
        for short in ["", "a", "{}\n"] {
            assert_eq!(read(short.into()).unwrap(), short);
        }
    }

    #[test]
    fn what_is_broken_is_an_error() {
        for whole in [gzip(TEXT), zstd(TEXT)] {
            let cut = whole[..whole.len() - 5].to_vec();
            assert!(read(cut).is_err());
            let mut spoilt = whole;
            let middle = spoilt.len() / 2;
            spoilt[middle] ^= 0xff;
            assert!(read(spoilt).is_err());
        }
    }
}
