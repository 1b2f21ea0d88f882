use super::*;
use crate::status::StpBridge;

fn view(id: &str, ports: &[(&str, &str, &str)]) -> Stp {
    let port = |(name, role, state): &(&str, &str, &str)| StpPort {
        name: (*name).into(),
        role: (*role).into(),
        state: (*state).into(),
        path_cost: 2000,
        port_id: "8001".into(),
    };
    Stp {
        bridges: vec![StpBridge {
            name: "testbr".into(),
            protocol: "stp".into(),
            bridge_id: id.into(),
            root_id: "a".into(),
            root_path_cost: 0,
            root_port: None,
            ports: ports.iter().map(port).collect(),
        }],
    }
}

fn settled() -> [Stp; 3] {
    [
        view("a", &[("gre0", "designated", "forwarding"), ("vxlan0", "designated", "forwarding")]),
        view("b", &[("gre0", "root", "forwarding"), ("ipsec0", "designated", "forwarding")]),
        view("c", &[("vxlan0", "root", "forwarding"), ("ipsec0", "alternate", "blocking")]),
    ]
}

#[test]
fn a_settled_tree_is_recognised_and_drawn() {
    let tree = Tree::settled("testbr", &settled()).unwrap();
    assert_eq!((tree.root, tree.blocked()), (0, (Link::Ipsec, 2)));
    let drawing = tree.drawing();
    assert_eq!(drawing.matches('✗').count(), 1, "{drawing}");
    assert_eq!(drawing.matches("forwarding").count(), 5, "{drawing}");
    assert!(
        drawing.contains("ipsec0 alternate, blocking") && drawing.contains("host 1  10.0.0.1, root"),
        "{drawing}"
    );
    // The blocked port is marked at its own end of the line.
    assert!(drawing.lines().any(|line| line.contains("✗┤") && line.contains("GRE in ESP")), "{drawing}");
}

#[test]
fn what_is_not_settled_is_told() {
    let because = |change: fn(&mut [Stp; 3])| {
        let mut views = settled();
        change(&mut views);
        Tree::settled("testbr", &views).unwrap_err()
    };
    assert!(because(|v| v[2].bridges[0].protocol = "none".into()).contains("host 3 runs no spanning tree"));
    assert!(because(|v| v[1].bridges[0].root_id = "b".into()).contains("do not agree"));
    assert!(because(|v| v[2].bridges[0].ports[1].state = "forwarding".into()).contains("not settled"));
    assert!(because(|v| v[0].bridges[0].ports[0].state = "blocking".into()).contains("not settled"));
    assert!(because(|v| v[0].bridges[0].ports.clear()).contains("no port gre0"));
    assert!(because(|v| v[1].bridges.clear()).contains("host 2 runs no spanning tree"));
}
