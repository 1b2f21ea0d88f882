//! The ring: which tunnel joins which hosts, and the state of its six ports.

use crate::status::{Show, Stp, StpPort};

/// One of the three tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// GRE between hosts 1 and 2.
    Gre,
    /// VXLAN between hosts 1 and 3.
    Vxlan,
    /// GRE in ESP between hosts 2 and 3.
    Ipsec,
}

impl Link {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Gre, Self::Vxlan, Self::Ipsec];

    /// The hosts at its ends (0 to 2).
    pub fn ends(self) -> (usize, usize) {
        match self {
            Self::Gre => (0, 1),
            Self::Vxlan => (0, 2),
            Self::Ipsec => (1, 2),
        }
    }

    /// The port's name, the same at both ends.
    pub fn port(self) -> &'static str {
        match self {
            Self::Gre => "gre0",
            Self::Vxlan => "vxlan0",
            Self::Ipsec => "ipsec0",
        }
    }

    /// What the user calls it.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Gre => "gre",
            Self::Vxlan => "vxlan",
            Self::Ipsec => "ipsec_gre",
        }
    }

    /// "gre0 (1 ↔ 2)".
    pub fn label(self) -> String {
        let (a, b) = self.ends();
        format!("{} ({} ↔ {})", self.port(), a + 1, b + 1)
    }
}

/// The spanning tree over the ring, as the three daemons tell it.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The root's host (0 to 2).
    pub root: usize,
    /// Its bridge identifier.
    pub root_id: String,
    /// The six ports: link, host, role and state.
    pub ports: Vec<(Link, usize, StpPort)>,
}

impl Tree {
    /// The tree, if the three agree on a root, every port of the ring is
    /// forwarding or blocking, and exactly one is blocking; else what is
    /// amiss.
    pub fn settled(bridge: &str, views: &[Stp]) -> Result<Self, String> {
        let mut bridges = Vec::new();
        for (host, view) in views.iter().enumerate() {
            let found = view.bridges.iter().find(|b| b.name == bridge);
            // Bridges without a spanning tree may be left out.
            let found = found.filter(|bridge| bridge.protocol == "stp");
            bridges.push(found.ok_or_else(|| format!("host {} runs no spanning tree", host + 1))?);
        }
        let root_id = bridges[0].root_id.clone();
        if let Some(other) = bridges.iter().position(|b| b.root_id != root_id) {
            return Err(format!("hosts 1 and {} do not agree on the root", other + 1));
        }
        let root = bridges.iter().position(|b| b.bridge_id == root_id);
        let root = root.ok_or("the root is none of the three")?;
        let mut ports = Vec::new();
        for link in Link::ALL {
            for host in [link.ends().0, link.ends().1] {
                let port = bridges[host].ports.iter().find(|p| p.name == link.port());
                let port = port.ok_or_else(|| format!("host {} has no port {}", host + 1, link.port()))?;
                ports.push((link, host, port.clone()));
            }
        }
        let tree = Self { root, root_id, ports };
        let in_state = |state: &str| tree.ports.iter().filter(|(_, _, p)| p.state == state).count();
        if in_state("forwarding") != 5 || in_state("blocking") != 1 {
            let states = tree.ports.iter().map(|(_, host, p)| format!("{}@{} {}", p.name, host + 1, p.state));
            return Err(format!("not settled: {}", states.collect::<Vec<_>>().join(", ")));
        }
        Ok(tree)
    }

    /// The blocked port: link and host.
    pub fn blocked(&self) -> (Link, usize) {
        let found = self.ports.iter().find(|(_, _, port)| port.state == "blocking");
        // `settled` has seen exactly one.
        found.map_or((Link::Gre, 0), |(link, host, _)| (*link, *host))
    }

    fn port(&self, link: Link, host: usize) -> (&str, &str) {
        let found = self.ports.iter().find(|(l, h, _)| *l == link && *h == host);
        found.map_or(("?", "?"), |(_, _, port)| (port.role.as_str(), port.state.as_str()))
    }

    /// The ring with every port's role and state; the blocked one is marked.
    pub fn drawing(&self) -> String {
        let mark = |link, host| if self.blocked() == (link, host) { "✗" } else { "─" };
        let text = |link: Link, host| {
            let (role, state) = self.port(link, host);
            format!("{} {role}, {state}", link.port())
        };
        let name = |host: usize| {
            let root = if self.root == host { ", root" } else { "" };
            format!("host {}  10.0.0.{}{root}", host + 1, host + 1)
        };
        let (g1, g2) = (text(Link::Gre, 0), text(Link::Gre, 1));
        let (v1, v3) = (text(Link::Vxlan, 0), text(Link::Vxlan, 2));
        let (i2, i3) = (text(Link::Ipsec, 1), text(Link::Ipsec, 2));
        let side = |link, host| if self.blocked() == (link, host) { "✗" } else { " " };
        let (mg1, mg2) = (side(Link::Gre, 0), side(Link::Gre, 1));
        let (mv1, mv3) = (side(Link::Vxlan, 0), side(Link::Vxlan, 2));
        let (mi2, mi3) = (mark(Link::Ipsec, 1), mark(Link::Ipsec, 2));
        let line = |text: &str| format!("{}\n", text.trim_end());
        let mut out = String::new();
        out += &line(&format!("{:31}┌{}┐", "", "─".repeat(28)));
        out += &line(&format!("{:31}│{:^28}│", "", name(0)));
        out += &line(&format!("{:31}└──┬{}┬──┘", "", "─".repeat(22)));
        out += &line(&format!("{g1:>31} {mg1} │{:22}│ {mv1} {v1}", ""));
        out += &line(&format!("{:>31}   │{:22}│", "", ""));
        out += &line(&format!("{:>31}   │ GRE{:12}VXLAN │", "", ""));
        out += &line(&format!("{:>31}   │{:22}│", "", ""));
        out += &line(&format!("{g2:>31} {mg2} │{:22}│ {mv3} {v3}", ""));
        out += &line(&format!("{:5}┌{}┴┐{:20}┌┴{}┐", "", "─".repeat(28), "", "─".repeat(28)));
        out += &line(&format!("{:5}│{:^29}├{mi2}{}{mi3}┤{:^29}│", "", name(1), "── GRE in ESP ───", name(2)));
        out += &line(&format!("{:5}└{}┘{:20}└{}┘", "", "─".repeat(29), "", "─".repeat(29)));
        out += &line(&format!("{i2:>35}{:22}{i3}", ""));
        out
    }
}

/// The ports of the ring that are held without a spanning tree, with reason.
pub fn held(views: &[Show]) -> Vec<(Link, usize, String)> {
    let mut found = Vec::new();
    for link in Link::ALL {
        for host in [link.ends().0, link.ends().1] {
            if let Some(reason) = views[host].port(link.port()).and_then(|port| port.held.clone()) {
                found.push((link, host, reason));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
