//! Just enough of the PostgreSQL protocol to ask whether a server takes connections.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Whether the server behind `socket` lets `postgres` in.
pub(super) fn is_ready(socket: &Path) -> bool {
    greet(socket).is_ok_and(|answer| answer == b'R')
}

/// Sends a startup message; the first byte of the answer is `R` (come in) or `E` (not now).
fn greet(socket: &Path) -> io::Result<u8> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&startup())?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    let [kind] = answer;
    Ok(kind)
}

fn startup() -> Vec<u8> {
    let parameters = b"user\0postgres\0database\0postgres\0\0";
    let protocol = 196_608_u32.to_be_bytes();
    let length = u32::try_from(8 + parameters.len()).unwrap_or_default().to_be_bytes();
    [&length, &protocol, parameters.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_startup_message_carries_its_own_length() {
        let message = startup();
        let (length, rest) = message.split_first_chunk::<4>().unwrap();
        assert_eq!(u32::from_be_bytes(*length) as usize, message.len());
        assert_eq!(rest.first_chunk::<4>(), Some(&[0, 3, 0, 0]));
    }

    #[test]
    fn nothing_listening_is_not_ready() {
        assert!(!is_ready(Path::new("/nonexistent/.s.PGSQL.5432")));
    }
}
