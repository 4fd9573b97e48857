//! The log's lines on standard error. What others wrote may be part of one, but never begins another.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// Writes each event as one line.
pub(crate) struct Lines {
    /// Colours are escape sequences: those of values are made harmless before they come here.
    pub(crate) colours: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<io::Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { to: io::stderr(), colours: self.colours }
    }
}

/// Takes one event in one piece, as `tracing_subscriber` hands it over.
pub(crate) struct Line<W> {
    to: W,
    colours: bool,
}

const ESCAPE: u8 = 0x1b;
/// Begins the control characters from U+0080 to U+009F in UTF-8, among others.
const C1: u8 = 0xc2;

impl<W> Line<W> {
    fn is_control(&self, byte: u8) -> bool {
        byte.is_ascii_control() && !(self.colours && byte == ESCAPE)
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (line, end) = match event.strip_suffix(b"\n") {
            Some(line) => (line, &b"\n"[..]),
            None => (event, &b""[..]),
        };
        if line.iter().any(|byte| self.is_control(*byte)) || line.contains(&C1) {
            let mut safe = Vec::with_capacity(line.len() + 16);
            let mut bytes = line.iter().copied().peekable();
            while let Some(byte) = bytes.next() {
                let is_c1 = byte == C1 && bytes.peek().is_some_and(|next| (0x80..0xa0).contains(next));
                if is_c1 || self.is_control(byte) {
                    let code = if is_c1 { bytes.next().unwrap_or_default() } else { byte };
                    match code {
                        b'\n' => safe.extend(b"\\n"),
                        b'\r' => safe.extend(b"\\r"),
                        b'\t' => safe.extend(b"\\t"),
                        // As JSON has it, for lines that are JSON.
                        code => safe.extend(format!("\\u{code:04x}").bytes()),
                    }
                } else {
                    safe.push(byte);
                }
            }
            safe.extend_from_slice(end);
            self.to.write_all(&safe)?;
        } else {
            self.to.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str, colours: bool) -> String {
        let mut line = Line { to: Vec::new(), colours };
        line.write_all(event.as_bytes()).expect("written");
        String::from_utf8(line.to).expect("text")
    }

    #[test]
    fn an_event_is_a_line() {
        assert_eq!(written("a line: ä\n", false), "a line: ä\n");
        assert_eq!(written("one\ntwo\r\x1b[2J\tthree\n", false), "one\\ntwo\\r\\u001b[2J\\tthree\n");
        assert_eq!(written("\x1b[32mone\x1b[0m\ntwo\n", true), "\x1b[32mone\x1b[0m\\ntwo\n");
        assert_eq!(written("a\u{9b}31mb §\u{a0}\n", false), "a\\u009b31mb §\u{a0}\n");
        assert_eq!(written("", false), "");
    }
}
