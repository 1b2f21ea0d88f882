//! The control socket: reads requests, hands them to the daemon, writes its replies.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use zeroize::{Zeroize as _, Zeroizing};

use super::protocol::{LINE_MAX, Reply, Request};

/// Most clients served at once; more wait in the kernel's queue. Twice as many as may wait for
/// something to become so: who makes it so finds a place.
const CLIENTS_MAX: usize = 128;
/// A client that does not read its reply is not waited for longer.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// How often it is looked whether a client still waits for its reply.
const LOOK_EVERY: Duration = Duration::from_millis(250);

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
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    let wanted = Rc::new(Notify::new());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Some(place) = make_room(&places, &wanted).await else { return };
                let (daemon, wanted) = (daemon.clone(), wanted.clone());
                tokio::task::spawn_local(async move {
                    if let Err(error) = client(stream, daemon, &wanted).await {
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

/// A place for one more client. If there is none, the client that has asked nothing for longest
/// gives up its own.
async fn make_room(places: &Arc<Semaphore>, wanted: &Notify) -> Option<OwnedSemaphorePermit> {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Some(place);
    }
    wanted.notify_one();
    let place = places.clone().acquire_owned().await.ok();
    // If all were busy and one has gone, nobody need go any more.
    let _ = wanted.notified().now_or_never();
    place
}

async fn client(stream: UnixStream, daemon: mpsc::Sender<Asked>, wanted: &Notify) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = Zeroizing::new(Vec::new());
    loop {
        line.zeroize();
        let mut limited = (&mut read).take(LINE_MAX as u64 + 1);
        let length = tokio::select! {
            biased;
            length = limited.read_until(b'\n', &mut line) => length?,
            // Another client needs the place.
            () = wanted.notified() => return Ok(()),
        };
        if length == 0 {
            return Ok(());
        }
        let reply = if length > LINE_MAX {
            Reply::failed(format!("a request has at most {LINE_MAX} bytes"))
        } else {
            // The client may hang up while it waits; then the daemon need not go on.
            tokio::select! {
                reply = answer(&line, &daemon) => reply,
                () = hung_up(read.get_ref().as_ref()) => return Ok(()),
            }
        };
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

/// Completes when the client is gone. One that has ended its own side only (`shutdown(SHUT_WR)`)
/// waits for its reply: that is end of file here, but no hang-up.
async fn hung_up(stream: &UnixStream) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // A hang-up is told without being asked for.
        let asked = &mut [PollFd::new(stream.as_fd(), PollFlags::empty())];
        if poll(asked, PollTimeout::ZERO) != Ok(0) {
            return;
        }
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

    /// A daemon that takes its time; a client that ends its side at once, as `nc -N` does.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_only_ends_its_own_side_is_answered() {
        served(async |path, mut asked| {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(b"{\"method\":\"show\"}").await.unwrap();
            stream.shutdown().await.unwrap();
            let asked = asked.recv().await.unwrap();
            tokio::time::sleep(LOOK_EVERY * 3).await;
            let _ = asked.reply.send(Reply::value(&7));
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "{\"ok\":7}\n");
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_is_gone_is_not_worked_for() {
        served(async |path, mut asked| {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(b"{\"method\":\"show\"}\n").await.unwrap();
            let mut asked = asked.recv().await.unwrap();
            drop(stream);
            let closed = tokio::time::timeout(Duration::from_secs(5), asked.reply.closed());
            closed.await.expect("the daemon hears that nobody waits");
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn clients_that_say_nothing_make_room() {
        served(async |path, mut asked| {
            let mut silent = Vec::new();
            for _ in 0..CLIENTS_MAX + 3 {
                silent.push(UnixStream::connect(&path).await.unwrap());
            }
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(b"{\"method\":\"show\"}\n").await.unwrap();
            let asked = tokio::time::timeout(Duration::from_secs(5), asked.recv()).await;
            let _ = asked.expect("a place").unwrap().reply.send(Reply::value(&7));
            let mut line = String::new();
            BufReader::new(&mut stream).read_line(&mut line).await.unwrap();
            assert_eq!(line, "{\"ok\":7}\n");
            // Those that have waited longest went, the others stay.
            let mut byte = [0];
            assert_eq!(silent[0].read(&mut byte).await.unwrap(), 0);
            assert!(silent.pop().unwrap().try_read(&mut byte).is_err());
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_endless_line_is_refused() {
        let text = ask(&vec![b'x'; LINE_MAX + 2]).await;
        assert!(text.contains("at most"), "{text}");
    }

    /// Runs `test` beside a listening socket, with what is asked of the daemon.
    async fn served(test: impl AsyncFnOnce(std::path::PathBuf, mpsc::Receiver<Asked>)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let local = tokio::task::LocalSet::new();
        let listener = local.run_until(async { bind(&path).unwrap() }).await;
        let (sender, receiver) = mpsc::channel(4);
        local.spawn_local(serve(listener, sender));
        local.run_until(test(path, receiver)).await;
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
