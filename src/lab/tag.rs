//! Tagged frames: broadcasts that can be told apart, and a socket for them.

use std::io;
use std::time::Duration;

use crate::net::packet::{Direction, Filter, PacketSocket};

/// EtherType of the tagged frames: IEEE 802 local experimental 2.
pub const ETHERTYPE: u16 = 0x88b6;
/// What follows the EtherType, before origin and sequence number.
const MAGIC: [u8; 8] = *b"adit-lab";
/// Shortest Ethernet frame without its check sequence.
const FRAME: usize = 60;

/// Who sent a tagged frame, and the how-manieth it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// 0 to 2 for the hosts; other numbers for frames made to deceive.
    pub origin: u8,
    /// Counts up per origin.
    pub sequence: u32,
}

impl Tag {
    /// The broadcast frame with this tag.
    pub fn frame(self) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        frame.extend([0x02, 0xad, 0x17, 0, 0, self.origin]);
        frame.extend(ETHERTYPE.to_be_bytes());
        frame.extend(MAGIC);
        frame.push(self.origin);
        frame.extend(self.sequence.to_be_bytes());
        frame.resize(FRAME, 0);
        frame
    }

    /// The tag of a frame, if it is a tagged one.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let rest = frame.get(12..)?.strip_prefix(&ETHERTYPE.to_be_bytes())?.strip_prefix(&MAGIC)?;
        let (origin, rest) = rest.split_first()?;
        let sequence = rest.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
        Some(Self { origin: *origin, sequence })
    }
}

/// Sends and hears tagged frames on the device of a bridge.
#[derive(Debug)]
pub struct TagSocket {
    socket: PacketSocket,
}

impl TagSocket {
    /// Hears nothing.
    pub fn mute(device: u32) -> io::Result<Self> {
        Ok(Self { socket: PacketSocket::open(device, Filter::Nothing, Duration::from_millis(1))? })
    }

    /// Hears tagged frames, and waits for one at most `timeout`.
    pub fn listening(device: u32, timeout: Duration) -> io::Result<Self> {
        Ok(Self { socket: PacketSocket::open(device, Filter::EtherType(ETHERTYPE), timeout)? })
    }

    /// Sends one. False while the device has no carrier, because its daemon is away.
    pub fn send(&self, tag: Tag) -> io::Result<bool> {
        match self.socket.send(&tag.frame()) {
            Ok(()) => Ok(true),
            Err(error) if away(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The next one that came in, or `None` if none did in time.
    pub fn receive(&self) -> io::Result<Option<Tag>> {
        let mut buffer = [0; 128];
        loop {
            match self.socket.receive(&mut buffer) {
                Ok(Some((length, direction))) => {
                    if direction != Direction::Out
                        && let Some(tag) = Tag::of(&buffer[..length])
                    {
                        return Ok(Some(tag));
                    }
                }
                Ok(None) => return Ok(None),
                Err(error) if away(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

fn away(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENETDOWN | libc::ENOBUFS | libc::EIO))
}

#[cfg(test)]
mod tests;
