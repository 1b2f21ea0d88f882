use std::time::Duration;

use super::*;
use crate::net::netns::Namespace;
use crate::net::netns::testing::where_namespaces_can_be_made;

/// Two namespaces with a veth between them, 192.0.2.1 and .2, 2001:db8::1 and ::2.
fn pair() -> (Namespace, Namespace) {
    let (left, right) = (Namespace::create("left").unwrap(), Namespace::create("right").unwrap());
    let other = right.clone();
    left.run(move || {
        blocking(async |net| {
            net.add_veth("eth0", "eth1").await?;
            let peer = net.link("eth1").await?;
            net.move_link(peer.index, &other).await
        })
    })
    .unwrap()
    .unwrap();
    for (namespace, name, host) in [(&left, "eth0", 1), (&right, "eth1", 2)] {
        namespace
            .run(|| {
                blocking(async |net| {
                    let link = net.link(name).await?;
                    net.add_address(link.index, format!("192.0.2.{host}/24").parse().unwrap()).await?;
                    net.add_address_nodad(link.index, format!("2001:db8::{host}/64").parse().unwrap())
                        .await?;
                    net.set_up(link.index, true).await
                })
            })
            .unwrap()
            .unwrap();
    }
    (left, right)
}

#[test]
fn links_addresses_and_paths() {
    where_namespaces_can_be_made("net::netlink::tests::links_addresses_and_paths", || {
        let (left, _right) = pair();
        left.run(|| {
            blocking(async |net| {
                let link = net.link("eth0").await?;
                assert_eq!((link.mtu, link.kind.as_deref(), link.up), (1500, Some("veth"), true));
                assert!(link.mac.is_some());
                net.set_mtu(link.index, 1400).await?;
                assert_eq!(net.find_link_index(link.index).await?.unwrap().mtu, 1400);
                net.set_mac(link.index, [2, 0, 0, 0, 0, 7]).await?;
                assert_eq!(net.link("eth0").await?.mac, Some([2, 0, 0, 0, 0, 7]));
                assert_eq!(net.find_link("nothing").await?, None);
                assert!(
                    matches!(net.link("nothing").await, Err(Error::NoSuchLink(name)) if name == "nothing")
                );

                let addresses = net.addresses_of(link.index).await?;
                assert!(addresses.contains(&"192.0.2.1/24".parse().unwrap()));
                assert!(addresses.contains(&"2001:db8::1/64".parse().unwrap()));

                let path = net.path_to("192.0.2.2".parse().unwrap(), None).await?;
                let expected = Path {
                    index: link.index,
                    source: "192.0.2.1".parse().unwrap(),
                    gateway: None,
                    mtu: 1400,
                };
                assert_eq!(path, expected);
                let path = net.path_to("2001:db8::2".parse().unwrap(), None).await?;
                assert_eq!((path.source, path.mtu), ("2001:db8::1".parse().unwrap(), 1400));
                let none = net.path_to("203.0.113.1".parse().unwrap(), None).await.unwrap_err();
                assert_eq!(none.errno(), Some(libc::ENETUNREACH));

                net.delete_address(link.index, "192.0.2.1/24".parse().unwrap()).await?;
                let gone = net.delete_address(link.index, "192.0.2.1/24".parse().unwrap()).await.unwrap_err();
                assert!(gone.to_string().contains("192.0.2.1/24"), "{gone}");
                assert_eq!(gone.errno(), Some(libc::EADDRNOTAVAIL));
                Ok(())
            })
        })
        .unwrap()
        .unwrap();
    });
}

#[test]
fn routes_rules_and_neighbours() {
    where_namespaces_can_be_made("net::netlink::tests::routes_rules_and_neighbours", || {
        let (left, _right) = pair();
        left.run(|| {
            blocking(async |net| {
                let index = net.link("eth0").await?.index;
                for (net_, gateway, inside) in [
                    ("10.20.0.0/16", "192.0.2.2", "10.20.3.4"),
                    ("2001:db8:1::/48", "2001:db8::2", "2001:db8:1::9"),
                ] {
                    let gateway = Some(gateway.parse().unwrap());
                    let destination = net_.parse().unwrap();
                    let source = None;
                    let route =
                        Route { table: MAIN_TABLE, destination, index, gateway, source, protocol: 97 };
                    net.add_route(&route).await?;
                    assert_eq!(net.path_to(inside.parse().unwrap(), None).await?.gateway, gateway);
                    assert_eq!(net.routes_of(97).await?, [route]);
                    assert_eq!(net.routes_to(destination, MAIN_TABLE).await?, [route]);
                    assert!(net.routes_to(destination, 77).await?.is_empty());
                    // Another's route to the same place is neither replaced nor deleted.
                    let other = Route { gateway: None, protocol: 98, ..route };
                    assert_eq!(net.add_route(&other).await.unwrap_err().errno(), Some(libc::EEXIST));
                    assert_eq!(net.delete_route(&other).await.unwrap_err().errno(), Some(libc::ESRCH));
                    assert_eq!(net.routes_of(97).await?, [route]);
                    net.delete_route(&route).await?;
                    assert!(net.path_to(inside.parse().unwrap(), None).await.is_err());
                }
                for (to, table, ignored_prefix) in [
                    ("198.51.100.1/32", Some(MAIN_TABLE), None),
                    ("2001:db8:2::1/128", None, None),
                    ("0.0.0.0/0", Some(MAIN_TABLE), Some(0)),
                    ("::/0", Some(97), None),
                ] {
                    let to = to.parse().unwrap();
                    let rule = Rule { preference: 777, to, table, ignored_prefix, protocol: 97 };
                    net.add_rule(&rule).await?;
                    assert_eq!(net.add_rule(&rule).await.unwrap_err().errno(), Some(libc::EEXIST));
                    assert_eq!(net.rules_of(97).await?, [rule]);
                    net.delete_rule(&rule).await?;
                    assert!(net.rules_of(97).await?.is_empty());
                }
                let neighbour = "192.0.2.2".parse().unwrap();
                net.set_neighbour(index, neighbour, [2, 0, 0, 0, 0, 9]).await?;
                net.delete_neighbour(index, neighbour).await?;
                Ok(())
            })
        })
        .unwrap()
        .unwrap();
    });
}

#[test]
fn bridges_take_ports_and_let_them_go() {
    where_namespaces_can_be_made("net::netlink::tests::bridges_take_ports_and_let_them_go", || {
        let namespace = Namespace::create("bridge").unwrap();
        namespace
            .run(|| {
                blocking(async |net| {
                    net.add_bridge("br0").await?;
                    net.add_veth("a", "b").await?;
                    let (bridge, port) = (net.link("br0").await?, net.link("a").await?);
                    assert_eq!(bridge.kind.as_deref(), Some("bridge"));
                    net.set_master(port.index, Some(bridge.index)).await?;
                    assert_eq!(net.link("a").await?.master, Some(bridge.index));
                    net.set_master(port.index, None).await?;
                    assert_eq!(net.link("a").await?.master, None);
                    let names: Vec<_> = net.links().await?.into_iter().map(|l| l.name).collect();
                    assert!(
                        ["lo", "br0", "a", "b"].iter().all(|n| names.iter().any(|m| m == n)),
                        "{names:?}"
                    );
                    net.delete_link(port.index).await?;
                    assert_eq!(net.find_link("b").await?, None);
                    Ok(())
                })
            })
            .unwrap()
            .unwrap();
    });
}

#[test]
fn changes_are_reported() {
    where_namespaces_can_be_made("net::netlink::tests::changes_are_reported", || {
        let namespace = Namespace::create("watch").unwrap();
        namespace
            .run(|| {
                blocking(async |net| {
                    let mut watch = Watch::open()?;
                    net.add_veth("a", "b").await?;
                    let index = net.link("a").await?.index;
                    net.set_mtu(index, 1234).await?;
                    let address = "192.0.2.9/24".parse().unwrap();
                    net.add_address(index, address).await?;
                    net.delete_link(index).await?;
                    let (mut mtu, mut added, mut gone) = (false, false, false);
                    while !(mtu && added && gone) {
                        let change = tokio::time::timeout(Duration::from_secs(5), watch.next()).await;
                        match change.expect("a report in time").expect("the watch is open") {
                            Change::Link(link) => mtu |= link.index == index && link.mtu == 1234,
                            Change::Address(found) => added |= found == Address { index, net: address },
                            Change::LinkGone(link) => gone |= link.index == index,
                            _ => {}
                        }
                    }
                    Ok(())
                })
            })
            .unwrap()
            .unwrap();
    });
}
