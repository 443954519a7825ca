//! Lines of stdin, read by a thread of its own: reading blocks, and nothing else may.

use std::io::{self, BufRead};
use std::thread;
use std::time::Duration;

use futures::SinkExt as _;
use futures::channel::mpsc;

/// The longest line that is kept, in bytes: sixteen times the longest text, for JSON may escape every character.
pub(crate) const MAX_LINE_BYTES: usize = 1 << 20;

/// How many lines may wait to be acted on; then reading waits. Each is at most [`MAX_LINE_BYTES`] long.
pub(crate) const MAX_LINES_WAITING: usize = 32;

/// How long to wait for a stdin that somebody made non-blocking.
const RETRY: Duration = Duration::from_millis(10);

/// Something came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// A line, without its end.
    Line(String),
    /// A line longer than [`MAX_LINE_BYTES`]; it was skipped.
    TooLong,
    /// A line that is not UTF-8; it was skipped.
    NotUtf8,
    /// Nothing follows.
    End,
    /// Ctrl-C, typed at a prompt.
    Interrupted,
}

/// Reads stdin until its end.
///
/// # Errors
///
/// No thread could be started.
pub(crate) fn stdin() -> io::Result<mpsc::Receiver<Input>> {
    let (lines, received) = mpsc::channel(MAX_LINES_WAITING);
    thread::Builder::new().name("stdin".into()).spawn(move || forward(io::stdin().lock(), lines))?;
    Ok(received)
}

/// Reads line by line until the end, or until nobody listens.
fn forward(mut reader: impl BufRead, mut lines: mpsc::Sender<Input>) {
    loop {
        let input = next(&mut reader);
        let last = input == Input::End;
        if transport::runtime::block_on(lines.send(input)).is_err() || last {
            return;
        }
    }
}

/// The next line. An error of the operating system ends the input like its end.
fn next(reader: &mut impl BufRead) -> Input {
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let chunk = match reader.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(RETRY);
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "stdin cannot be read: taken for its end");
                return Input::End;
            }
        };
        if chunk.is_empty() {
            return if length == 0 { Input::End } else { whole(line, length) };
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        length += part.len();
        if length <= MAX_LINE_BYTES {
            line.extend_from_slice(part);
        }
        let taken = part.len() + usize::from(end.is_some());
        reader.consume(taken);
        if end.is_some() {
            return whole(line, length);
        }
    }
}

/// What a line of `length` bytes counts as; a carriage return before its end belongs to the end.
fn whole(mut line: Vec<u8>, length: usize) -> Input {
    if length > MAX_LINE_BYTES {
        return Input::TooLong;
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_or(Input::NotUtf8, Input::Line)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Everything that comes of `bytes`, read `chunk` bytes at a time.
    fn read(bytes: &[u8], chunk: usize) -> Vec<Input> {
        let mut reader = BufReader::with_capacity(chunk, bytes);
        let mut inputs = Vec::new();
        while inputs.last() != Some(&Input::End) {
            inputs.push(next(&mut reader));
        }
        inputs
    }

    fn line(text: &str) -> Input {
        Input::Line(text.into())
    }

    #[test]
    fn lines_end_with_a_newline_a_carriage_return_before_it_or_the_end_of_input() {
        for chunk in [1, 3, 100] {
            assert_eq!(read(b"a\r\n\nb\rc\nd", chunk), [line("a"), line(""), line("b\rc"), line("d"), Input::End]);
        }
        assert_eq!(read(b"", 8), [Input::End]);
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_skipped_alone() {
        assert_eq!(read(b"\xff\xfe\nok\n", 2), [Input::NotUtf8, line("ok"), Input::End]);
    }

    #[test]
    fn a_line_beyond_the_bound_is_skipped_alone_and_not_kept() {
        let long = vec![b'x'; MAX_LINE_BYTES];
        let mut bytes = long.clone();
        bytes.extend_from_slice(b"\n");
        bytes.extend_from_slice(&long);
        bytes.extend_from_slice(b"y\nok\n");
        let inputs = read(&bytes, 8192);
        assert!(matches!(&inputs[0], Input::Line(text) if text.len() == MAX_LINE_BYTES));
        assert_eq!(inputs[1..], [Input::TooLong, line("ok"), Input::End]);
    }
}
