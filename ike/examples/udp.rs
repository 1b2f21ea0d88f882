//! An endpoint on real sockets, for looking at what other implementations say.
//!
//! `udp LOCAL REMOTE LOCAL_NET REMOTE_NET PSK initiate|respond`; then, on standard
//! input, `up`, `down`, `child` (rekey), `ike` (rekey), `show`, `quit`. It keeps no
//! data path: SAs are shown, not installed.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a driver has clocks and sockets")]

use adit_crypto::Secret;
use adit_ike::config::{
    ChildConfigId, ChildLifetime, EspProposal, IkeLifetime, IkeProposal, Mode, Retransmission,
    TrafficSelector,
};
use adit_ike::{
    ChildConfig, Command, Connection, ConnectionId, Credentials, Endpoint, EndpointConfig, Event, Identity,
    Path,
};
use std::io::BufRead;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const PEER: ConnectionId = ConnectionId(1);

struct Psk(Vec<u8>);

impl Credentials for Psk {
    fn psk(&self, _: &Identity, _: &Identity) -> Option<Secret> {
        Some(Secret::from_slice(&self.0))
    }
}

type Failed = Box<dyn std::error::Error>;

fn net(text: &str) -> Result<TrafficSelector, Failed> {
    let (address, length) = text.split_once('/').ok_or("a net is ADDRESS/LENGTH")?;
    Ok(TrafficSelector::prefix(address.parse()?, length.parse()?))
}

fn connection(args: &[String]) -> Result<Connection, Failed> {
    let [local, remote, local_net, remote_net, _, role] = args else { return Err("six arguments".into()) };
    let (local, remote): (IpAddr, IpAddr) = (local.parse()?, remote.parse()?);
    let child = ChildConfig {
        id: ChildConfigId(1),
        name: "child".into(),
        mode: Mode::Tunnel,
        local: vec![net(local_net)?],
        remote: vec![net(remote_net)?],
        proposals: vec![EspProposal::modern(), EspProposal::cbc()],
        lifetime: ChildLifetime::default(),
    };
    Ok(Connection {
        name: "udp".into(),
        local,
        remote: Some(remote),
        local_id: Identity::address(local),
        remote_id: Identity::address(remote),
        credential_revision: 0,
        proposals: vec![IkeProposal::modern(), IkeProposal::cbc()],
        lifetime: IkeLifetime::default(),
        initiate: role == "initiate",
        force_udp: true,
        liveness: Duration::from_secs(30),
        keepalive: Duration::from_secs(20),
        retransmission: Retransmission::default(),
        children: vec![child],
    })
}

/// Everything that can wake us.
enum Input {
    Datagram(Path, Vec<u8>),
    Line(String),
}

fn listen(socket: &UdpSocket, local: SocketAddr, inputs: mpsc::Sender<Input>) -> Result<(), Failed> {
    let socket = socket.try_clone()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 65_535];
        while let Ok((length, remote)) = socket.recv_from(&mut buffer) {
            let input = Input::Datagram(Path { local, remote }, buffer[..length].to_vec());
            if inputs.send(input).is_err() {
                break;
            }
        }
    });
    Ok(())
}

fn drain(endpoint: &mut Endpoint, sockets: &[UdpSocket]) -> Result<(), Failed> {
    while let Some(event) = endpoint.poll_event() {
        match event {
            Event::Job(id, job) => {
                endpoint.handle_command(Instant::now(), Command::JobDone(id, job.run()))?
            }
            Event::Down(_, failure) | Event::Hint(_, failure) | Event::ChildFailed(_, _, failure) => {
                println!("! {failure}")
            }
            event => println!("{event:?}"),
        }
    }
    let mut datagram = Vec::new();
    while let Some(transmit) = endpoint.poll_transmit(&mut datagram) {
        let Path { local, remote } = transmit.path;
        let socket = &sockets[usize::from(local.port() != 500)];
        socket.send_to(&datagram, remote)?;
    }
    Ok(())
}

fn obey(endpoint: &mut Endpoint, line: &str) -> Result<bool, Failed> {
    let now = Instant::now();
    let command = match line.trim() {
        "up" => Command::Initiate(PEER),
        "down" => Command::Terminate(PEER),
        "child" => Command::RekeyChildren(PEER),
        "ike" => Command::RekeyIke(PEER),
        "quit" => Command::Shutdown,
        _ => {
            endpoint.ike_sas(now).iter().for_each(|sa| println!("{sa:?}"));
            endpoint.children(now).iter().for_each(|child| println!("{child:?}"));
            println!("{:?}", endpoint.counters());
            return Ok(true);
        }
    };
    let quits = matches!(command, Command::Shutdown);
    if let Err(error) = endpoint.handle_command(now, command) {
        println!("! {error}");
    }
    Ok(!quits)
}

fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let connection = connection(&args)?;
    let psk = Psk(args[4].clone().into_bytes());
    let seed = std::fs::read("/proc/sys/kernel/random/uuid")?;
    let seed = adit_crypto::digest::sha256(&[&seed]);
    let mut endpoint = Endpoint::new(EndpointConfig::default(), Box::new(psk), seed);
    let (sender, inputs) = mpsc::channel();
    let mut sockets = Vec::new();
    for port in [500, 4500] {
        let local = SocketAddr::from((connection.local, port));
        let socket = UdpSocket::bind(local)?;
        listen(&socket, local, sender.clone())?;
        sockets.push(socket);
    }
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(Input::Line(line)).is_err() {
                break;
            }
        }
    });
    endpoint.set_connection(Instant::now(), PEER, Some(Arc::new(connection)));
    let mut running = true;
    while running || !endpoint.is_idle() {
        drain(&mut endpoint, &sockets)?;
        let wait =
            endpoint.poll_timeout().map(|deadline| deadline.at.saturating_duration_since(Instant::now()));
        match inputs.recv_timeout(wait.unwrap_or(Duration::from_secs(60))) {
            Ok(Input::Datagram(path, mut datagram)) => {
                endpoint.handle_datagram(Instant::now(), path, &mut datagram)
            }
            Ok(Input::Line(line)) => running &= obey(&mut endpoint, &line)?,
            Err(_) => endpoint.handle_timeout(Instant::now()),
        }
    }
    drain(&mut endpoint, &sockets)
}
