//! One request to the daemon, one reply.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use serde::de::DeserializeOwned;

use super::{fail, print};
use crate::control::protocol::{Reply, Request};
use crate::control::state::socket_in;

/// Asks the daemon of `run_dir`, and waits as long as it takes.
///
/// # Errors
/// One clear line.
pub(super) fn ask(run_dir: &Path, request: &Request) -> Result<Reply, String> {
    let path = socket_in(run_dir);
    let mut stream = UnixStream::connect(&path).map_err(|error| {
        let path = path.display();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => format!(
                "no adit runs here ({path}: {error}); start one with 'adit run', or name its --run-dir"
            ),
            _ => format!("cannot reach adit at {path}: {error}"),
        }
    })?;
    let mut line = serde_json::to_vec(request).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut text = String::new();
    let exchange = stream.write_all(&line).and_then(|()| BufReader::new(stream).read_line(&mut text));
    match exchange {
        Ok(0) => Err("adit went down before it answered; its log says why".to_owned()),
        Ok(_) => serde_json::from_str(&text).map_err(misunderstood),
        Err(error) => Err(format!("adit went down before it answered: {error}")),
    }
}

fn misunderstood(what: impl std::fmt::Display) -> String {
    format!("the daemon's answer is not understood ({what}); is it of another version? Then restart it")
}

/// Shows something, as JSON or for people.
pub(super) fn show<T: DeserializeOwned>(
    run_dir: &Path,
    request: &Request,
    json: bool,
    text: impl Fn(&T) -> String,
) -> ExitCode {
    let value = match ask(run_dir, request) {
        Ok(Reply::Done { ok }) => ok,
        Ok(Reply::Failed { error }) | Err(error) => return fail(error),
        Ok(Reply::Printed { .. }) => return fail(misunderstood("another kind of answer")),
    };
    if json {
        print(&format!("{value}\n"));
        return ExitCode::SUCCESS;
    }
    match serde_json::from_value(value) {
        Ok(value) => print(&text(&value)),
        Err(error) => return fail(misunderstood(error)),
    }
    ExitCode::SUCCESS
}

/// Has something done.
pub(super) fn order(run_dir: &Path, request: &Request) -> ExitCode {
    match ask(run_dir, request) {
        Ok(Reply::Done { ok }) => {
            if let Some(text) = ok.as_str() {
                print(&format!("{text}\n"));
            }
            ExitCode::SUCCESS
        }
        Ok(Reply::Failed { error }) | Err(error) => fail(error),
        Ok(Reply::Printed { .. }) => fail(misunderstood("another kind of answer")),
    }
}
