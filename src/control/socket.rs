//! The control socket: reads requests, hands them to the daemon, writes its replies.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use zeroize::{Zeroize as _, Zeroizing};

use super::protocol::{LINE_MAX, Reply, Request};

/// Most clients served at once; more wait in the kernel's queue.
const CLIENTS_MAX: usize = 64;
/// A client that does not read its reply is not waited for longer.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// A request, and where its reply goes. The client is gone when `reply` is closed.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// Where to answer.
    pub reply: oneshot::Sender<Reply>,
}

/// Listens at `path`, which only the owner may use.
///
/// # Errors
/// As the system gives them.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // The run directory is the owner's alone, so there is no moment in which others may connect.
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves clients until the daemon ends.
pub async fn serve(listener: UnixListener, daemon: mpsc::Sender<Asked>) {
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(CLIENTS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let daemon = daemon.clone();
                tokio::task::spawn_local(async move {
                    if let Err(error) = client(stream, daemon).await {
                        tracing::debug!(%error, "control client");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "control socket");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn client(stream: UnixStream, daemon: mpsc::Sender<Asked>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = (&mut read).take(LINE_MAX as u64 + 1).read_until(b'\n', &mut line).await?;
        if length == 0 {
            return Ok(());
        }
        let reply = if length > LINE_MAX {
            Reply::failed(format!("a request has at most {LINE_MAX} bytes"))
        } else {
            // The client may hang up while it waits; then the daemon need not go on.
            tokio::select! {
                reply = answer(&line, &daemon) => reply,
                () = hung_up(&mut read) => return Ok(()),
            }
        };
        // A line may hold a pre-shared key, and so may the answer to one that asks for it.
        line.zeroize();
        let mut text = Zeroizing::new(serde_json::to_vec(&reply).map_err(io::Error::other)?);
        text.push(b'\n');
        tokio::time::timeout(WRITE_TIME, write.write_all(&text)).await??;
        if length > LINE_MAX {
            return Ok(());
        }
    }
}

async fn answer(line: &[u8], daemon: &mpsc::Sender<Asked>) -> Reply {
    let request = match Request::parse(line) {
        Ok(request) => request,
        Err(error) => return Reply::failed(error),
    };
    let (reply, answered) = oneshot::channel();
    if daemon.send(Asked { request, reply }).await.is_err() {
        return Reply::failed("adit is going down");
    }
    answered.await.unwrap_or_else(|_| Reply::failed("adit is going down"))
}

/// Completes when the client has closed its side; what it writes meanwhile stays unread.
async fn hung_up(read: &mut BufReader<tokio::net::unix::OwnedReadHalf>) {
    match read.fill_buf().await {
        Ok([]) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A daemon that answers `show` and holds everything else.
    async fn ask(lines: &[u8]) -> String {
        let local = tokio::task::LocalSet::new();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        local
            .run_until(async {
                let listener = bind(&path).unwrap();
                let (sender, mut receiver) = mpsc::channel::<Asked>(4);
                tokio::task::spawn_local(serve(listener, sender));
                tokio::task::spawn_local(async move {
                    while let Some(asked) = receiver.recv().await {
                        assert_eq!(asked.request, Request::Show {});
                        let _ = asked.reply.send(Reply::value(&7));
                    }
                });
                let mut stream = UnixStream::connect(&path).await.unwrap();
                stream.write_all(lines).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).await.unwrap();
                text
            })
            .await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn one_reply_a_line_and_nonsense_is_refused() {
        let text =
            ask(b"{\"method\":\"show\"}\n{\"method\":\"nope\"}\nrubbish\n{\"method\":\"show\"}\n").await;
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], r#"{"ok":7}"#);
        assert!(lines[1].starts_with(r#"{"error":"#) && lines[2].starts_with(r#"{"error":"#), "{text}");
        assert_eq!(lines[3], r#"{"ok":7}"#);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_endless_line_is_refused() {
        let text = ask(&vec![b'x'; LINE_MAX + 2]).await;
        assert!(text.contains("at most"), "{text}");
    }

    #[test]
    fn requests_and_replies_have_the_shape_of_the_contract() {
        let vsctl: Request = serde_json::from_str(r#"{"method":"vsctl","args":["show"]}"#).unwrap();
        assert_eq!(vsctl, Request::Vsctl { args: vec!["show".to_owned()] });
        serde_json::from_str::<Request>(r#"{"method":"show","x":1}"#).unwrap_err();
        let reply: Reply = serde_json::from_str(r#"{"stdout":"","stderr":"","exit":2}"#).unwrap();
        assert!(matches!(reply, Reply::Printed { exit: 2, .. }));
    }
}
