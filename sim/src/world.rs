//! Hosts joined by links, and time that jumps from one deadline to the next.

use crate::{Link, LinkConfig};
use std::time::{Duration, Instant};

/// Anything with the four verbs. `usize` is the host's own number of the wire's end.
pub trait Host {
    /// A packet arrived at `port`.
    fn handle_packet(&mut self, now: Instant, port: usize, packet: Vec<u8>);
    /// A deadline passed.
    fn handle_timeout(&mut self, now: Instant);
    /// The next packet to send and the port to send it from.
    fn poll_transmit(&mut self, now: Instant) -> Option<(usize, Vec<u8>)>;
    /// The next deadline.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// One end of a wire: host and its port.
pub type End = (usize, usize);

#[derive(Debug)]
struct Wire {
    ends: [End; 2],
    // links[i] leads away from ends[i]
    links: [Link<Vec<u8>>; 2],
}

/// Hosts, the wires between them, and the time.
#[derive(Debug)]
pub struct World<H> {
    /// The hosts; a test may reach in at any time.
    pub hosts: Vec<H>,
    wires: Vec<Wire>,
    now: Instant,
    delivered: u64,
}

impl<H: Host> World<H> {
    /// A world of unconnected hosts at time `now`.
    pub fn new(hosts: Vec<H>, now: Instant) -> Self {
        Self { hosts, wires: Vec::new(), now, delivered: 0 }
    }

    /// Joins two ends by a wire and returns its number.
    pub fn join(&mut self, a: End, b: End, config: &LinkConfig, seed: u64) -> usize {
        let links = [Link::new(config.clone(), seed), Link::new(config.clone(), seed ^ 0x5555)];
        self.wires.push(Wire { ends: [a, b], links });
        self.wires.len() - 1
    }

    /// Cuts or mends a wire in both directions.
    pub fn set_cut(&mut self, wire: usize, cut: bool) {
        self.wires[wire].links.iter_mut().for_each(|link| link.set_cut(cut));
    }

    /// Changes what a wire does.
    pub fn set_config(&mut self, wire: usize, config: &LinkConfig) {
        self.wires[wire].links.iter_mut().for_each(|link| link.set_config(config.clone()));
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Packets delivered so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Hands everything the hosts want to send to the links; `see` looks at each packet on its way out.
    pub fn flush(&mut self, see: &mut impl FnMut(usize, End, &[u8])) {
        for (index, host) in self.hosts.iter_mut().enumerate() {
            while let Some((port, packet)) = host.poll_transmit(self.now) {
                let end = (index, port);
                for (number, wire) in self.wires.iter_mut().enumerate() {
                    for side in 0..2 {
                        if wire.ends[side] == end {
                            see(number, end, &packet);
                            wire.links[side].send(self.now, packet.clone(), packet.len());
                        }
                    }
                }
            }
        }
    }

    /// One step: sends, jumps to the nearest deadline not after `until`, delivers what is due.
    /// False when nothing is left to do by then; the time is then `until`.
    pub fn step(&mut self, until: Instant, see: &mut impl FnMut(usize, End, &[u8])) -> bool {
        self.flush(see);
        let hosts = self.hosts.iter().filter_map(Host::poll_timeout);
        let links = self.wires.iter().flat_map(|w| w.links.iter().filter_map(Link::poll_timeout));
        let Some(next) = hosts.chain(links).min().filter(|at| *at <= until) else {
            self.now = until.max(self.now);
            return false;
        };
        self.now = next.max(self.now);
        for wire in &mut self.wires {
            for side in 0..2 {
                let (host, port) = wire.ends[1 - side];
                while let Some(packet) = wire.links[side].receive(self.now) {
                    self.delivered += 1;
                    self.hosts[host].handle_packet(self.now, port, packet);
                }
            }
        }
        for host in &mut self.hosts {
            if host.poll_timeout().is_some_and(|at| at <= self.now) {
                host.handle_timeout(self.now);
            }
        }
        true
    }

    /// Runs for `span` of simulated time.
    pub fn run(&mut self, span: Duration, see: &mut impl FnMut(usize, End, &[u8])) {
        let until = self.now + span;
        while self.step(until, see) {}
        self.flush(see);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every packet with one a byte shorter, a millisecond later.
    #[derive(Default)]
    struct Echo {
        due: Option<(Instant, Vec<u8>)>,
        out: Vec<Vec<u8>>,
    }

    impl Host for Echo {
        fn handle_packet(&mut self, now: Instant, _: usize, mut packet: Vec<u8>) {
            packet.pop();
            self.due = (!packet.is_empty()).then_some((now + Duration::from_millis(1), packet));
        }
        fn handle_timeout(&mut self, _: Instant) {
            self.out.extend(self.due.take().map(|(_, packet)| packet));
        }
        fn poll_transmit(&mut self, _: Instant) -> Option<(usize, Vec<u8>)> {
            self.out.pop().map(|packet| (0, packet))
        }
        fn poll_timeout(&self) -> Option<Instant> {
            self.due.as_ref().map(|(at, _)| *at)
        }
    }

    #[test]
    fn time_jumps_and_packets_bounce() {
        let start = Instant::now();
        let mut world = World::new(vec![Echo::default(), Echo::default()], start);
        let delay = Duration::from_millis(4);
        let wire = world.join((0, 0), (1, 0), &LinkConfig { delay, ..LinkConfig::default() }, 1);
        world.hosts[0].out.push(vec![0; 5]);
        let mut seen = vec![];
        world
            .run(Duration::from_secs(1), &mut |number, end, packet| seen.push((number, end.0, packet.len())));
        assert_eq!(seen, [(wire, 0, 5), (wire, 1, 4), (wire, 0, 3), (wire, 1, 2), (wire, 0, 1)]);
        assert_eq!((world.delivered(), world.now()), (5, start + Duration::from_secs(1)));
        world.set_cut(wire, true);
        world.hosts[0].out.push(vec![0; 5]);
        world.run(Duration::from_secs(1), &mut |_, _, _| ());
        assert_eq!(world.delivered(), 5);
    }
}
