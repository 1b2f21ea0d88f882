//! The tables of the stock Open_vSwitch schema, version 8.3.1.

use super::{Base, Column, Table, Type, UNLIMITED};

const INTEGER: Base = Base::Integer { min: i64::MIN, max: i64::MAX };
const BOOLEAN: Base = Base::Boolean;
const TEXT: Base = Base::Text { allowed: &[] };

const fn range(min: i64, max: i64) -> Base {
    Base::Integer { min, max }
}

const fn at_least(min: i64) -> Base {
    Base::Integer { min, max: i64::MAX }
}

const fn one_of(allowed: &'static [&'static str]) -> Base {
    Base::Text { allowed }
}

const fn strong(table: &'static str) -> Base {
    Base::Reference { table, weak: false }
}

const fn weak(table: &'static str) -> Base {
    Base::Reference { table, weak: true }
}

const fn column(name: &'static str, kind: Type) -> Column {
    Column { name, kind, mutable: true, ephemeral: false, runtime: false }
}

/// Exactly one value.
const fn one(name: &'static str, key: Base) -> Column {
    column(name, Type { key, value: None, min: 1, max: 1 })
}

/// One value or none.
const fn optional(name: &'static str, key: Base) -> Column {
    column(name, Type { key, value: None, min: 0, max: 1 })
}

const fn set(name: &'static str, key: Base, min: usize, max: usize) -> Column {
    column(name, Type { key, value: None, min, max })
}

const fn map(name: &'static str, key: Base, value: Base) -> Column {
    column(name, Type { key, value: Some(value), min: 0, max: UNLIMITED })
}

impl Column {
    const fn immutable(self) -> Self {
        Self { mutable: false, ..self }
    }

    /// Written by the daemon, and gone with it.
    const fn ephemeral(self) -> Self {
        Self { ephemeral: true, runtime: true, ..self }
    }

    /// Written by the daemon (too), and kept.
    const fn runtime(self) -> Self {
        Self { runtime: true, ..self }
    }
}

pub(super) fn all() -> Vec<Table> {
    vec![
        autoattach(),
        bridge(),
        ct_timeout_policy(),
        ct_zone(),
        controller(),
        datapath(),
        flow_sample_collector_set(),
        flow_table(),
        ipfix(),
        interface(),
        manager(),
        mirror(),
        netflow(),
        open_vswitch(),
        port(),
        qos(),
        queue(),
        ssl(),
        sflow(),
    ]
}

fn autoattach() -> Table {
    let columns = vec![
        map("mappings", range(0, 16777215), range(0, 4095)),
        one("system_description", TEXT),
        one("system_name", TEXT),
    ];
    Table { name: "AutoAttach", root: false, max_rows: UNLIMITED, index: &[], columns }
}

fn bridge() -> Table {
    let columns = vec![
        optional("auto_attach", strong("AutoAttach")),
        set("controller", strong("Controller"), 0, UNLIMITED),
        optional("datapath_id", TEXT).ephemeral(),
        one("datapath_type", TEXT),
        one("datapath_version", TEXT).runtime(),
        map("external_ids", TEXT, TEXT),
        optional("fail_mode", one_of(&["secure", "standalone"])),
        set("flood_vlans", range(0, 4095), 0, 4096),
        map("flow_tables", range(0, 254), strong("Flow_Table")),
        optional("ipfix", strong("IPFIX")),
        one("mcast_snooping_enable", BOOLEAN),
        set("mirrors", strong("Mirror"), 0, UNLIMITED),
        one("name", TEXT).immutable(),
        optional("netflow", strong("NetFlow")),
        map("other_config", TEXT, TEXT),
        set("ports", strong("Port"), 0, UNLIMITED),
        set(
            "protocols",
            one_of(&["OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14", "OpenFlow15"]),
            0,
            UNLIMITED,
        ),
        one("rstp_enable", BOOLEAN),
        map("rstp_status", TEXT, TEXT).ephemeral(),
        optional("sflow", strong("sFlow")),
        map("status", TEXT, TEXT).ephemeral(),
        one("stp_enable", BOOLEAN),
    ];
    Table { name: "Bridge", root: false, max_rows: UNLIMITED, index: &["name"], columns }
}

fn ct_timeout_policy() -> Table {
    let columns = vec![
        map("external_ids", TEXT, TEXT),
        map(
            "timeouts",
            one_of(&[
                "icmp_first",
                "icmp_reply",
                "tcp_close",
                "tcp_close_wait",
                "tcp_established",
                "tcp_fin_wait",
                "tcp_last_ack",
                "tcp_retransmit",
                "tcp_syn_recv",
                "tcp_syn_sent",
                "tcp_syn_sent2",
                "tcp_time_wait",
                "tcp_unack",
                "udp_first",
                "udp_multiple",
                "udp_single",
            ]),
            range(0, 4294967295),
        ),
    ];
    Table { name: "CT_Timeout_Policy", root: false, max_rows: UNLIMITED, index: &[], columns }
}

fn ct_zone() -> Table {
    let columns =
        vec![map("external_ids", TEXT, TEXT), optional("timeout_policy", strong("CT_Timeout_Policy"))];
    Table { name: "CT_Zone", root: false, max_rows: UNLIMITED, index: &[], columns }
}

fn controller() -> Table {
    let columns = vec![
        optional("connection_mode", one_of(&["in-band", "out-of-band"])),
        optional("controller_burst_limit", at_least(25)),
        optional("controller_queue_size", range(1, 512)),
        optional("controller_rate_limit", at_least(100)),
        optional("enable_async_messages", BOOLEAN),
        map("external_ids", TEXT, TEXT),
        optional("inactivity_probe", INTEGER),
        one("is_connected", BOOLEAN).ephemeral(),
        optional("local_gateway", TEXT),
        optional("local_ip", TEXT),
        optional("local_netmask", TEXT),
        optional("max_backoff", at_least(1000)),
        map("other_config", TEXT, TEXT),
        optional("role", one_of(&["master", "other", "slave"])).ephemeral(),
        map("status", TEXT, TEXT).ephemeral(),
        one("target", TEXT),
        optional("type", one_of(&["primary", "service"])),
    ];
    Table { name: "Controller", root: false, max_rows: UNLIMITED, index: &[], columns }
}

fn datapath() -> Table {
    let columns = vec![
        map("capabilities", TEXT, TEXT),
        map("ct_zones", range(0, 65535), strong("CT_Zone")),
        one("datapath_version", TEXT),
        map("external_ids", TEXT, TEXT),
    ];
    Table { name: "Datapath", root: false, max_rows: UNLIMITED, index: &[], columns }
}

fn flow_sample_collector_set() -> Table {
    let columns = vec![
        one("bridge", strong("Bridge")),
        map("external_ids", TEXT, TEXT),
        one("id", range(0, 4294967295)),
        optional("ipfix", strong("IPFIX")),
    ];
    Table {
        name: "Flow_Sample_Collector_Set",
        root: true,
        max_rows: UNLIMITED,
        index: &["id", "bridge"],
        columns,
    }
}

fn flow_table() -> Table {
    let columns = vec![
        map("external_ids", TEXT, TEXT),
        optional("flow_limit", at_least(0)),
        set("groups", TEXT, 0, UNLIMITED),
        optional("name", TEXT),
        optional("overflow_policy", one_of(&["evict", "refuse"])),
        set("prefixes", TEXT, 0, 3),
    ];
    Table { name: "Flow_Table", root: false, max_rows: UNLIMITED, index: &[], columns }
}

fn ipfix() -> Table {
    let columns = vec![
        optional("cache_active_timeout", range(0, 4200)),
        optional("cache_max_flows", range(0, 4294967295)),
        map("external_ids", TEXT, TEXT),
        optional("obs_domain_id", range(0, 4294967295)),
        optional("obs_point_id", range(0, 4294967295)),
        map("other_config", TEXT, TEXT),
        optional("sampling", range(1, 4294967295)),
        set("targets", TEXT, 0, UNLIMITED),
    ];
    Table { name: "IPFIX", root: false, max_rows: UNLIMITED, index: &[], columns }
}

fn interface() -> Table {
    let columns = vec![
        optional("admin_state", one_of(&["down", "up"])).ephemeral(),
        map("bfd", TEXT, TEXT),
        map("bfd_status", TEXT, TEXT).ephemeral(),
        optional("cfm_fault", BOOLEAN).ephemeral(),
        set("cfm_fault_status", TEXT, 0, UNLIMITED).ephemeral(),
        optional("cfm_flap_count", INTEGER).runtime(),
        optional("cfm_health", range(0, 100)).ephemeral(),
        optional("cfm_mpid", INTEGER),
        set("cfm_remote_mpids", INTEGER, 0, UNLIMITED).ephemeral(),
        optional("cfm_remote_opstate", one_of(&["down", "up"])).ephemeral(),
        optional("duplex", one_of(&["full", "half"])).ephemeral(),
        optional("error", TEXT).runtime(),
        map("external_ids", TEXT, TEXT),
        optional("ifindex", range(0, 4294967295)).ephemeral(),
        one("ingress_policing_burst", at_least(0)),
        one("ingress_policing_kpkts_burst", at_least(0)),
        one("ingress_policing_kpkts_rate", at_least(0)),
        one("ingress_policing_rate", at_least(0)),
        optional("lacp_current", BOOLEAN).ephemeral(),
        optional("link_resets", INTEGER).ephemeral(),
        optional("link_speed", INTEGER).ephemeral(),
        optional("link_state", one_of(&["down", "up"])).ephemeral(),
        map("lldp", TEXT, TEXT),
        optional("mac", TEXT),
        optional("mac_in_use", TEXT).ephemeral(),
        optional("mtu", INTEGER).ephemeral(),
        optional("mtu_request", at_least(1)),
        one("name", TEXT).immutable(),
        optional("ofport", INTEGER).runtime(),
        optional("ofport_request", range(1, 65279)),
        map("options", TEXT, TEXT),
        map("other_config", TEXT, TEXT),
        map("statistics", TEXT, INTEGER).ephemeral(),
        map("status", TEXT, TEXT).ephemeral(),
        one("type", TEXT),
    ];
    Table { name: "Interface", root: false, max_rows: UNLIMITED, index: &["name"], columns }
}

fn manager() -> Table {
    let columns = vec![
        optional("connection_mode", one_of(&["in-band", "out-of-band"])),
        map("external_ids", TEXT, TEXT),
        optional("inactivity_probe", INTEGER),
        one("is_connected", BOOLEAN).ephemeral(),
        optional("max_backoff", at_least(1000)),
        map("other_config", TEXT, TEXT),
        map("status", TEXT, TEXT).ephemeral(),
        one("target", TEXT),
    ];
    Table { name: "Manager", root: false, max_rows: UNLIMITED, index: &["target"], columns }
}

fn mirror() -> Table {
    let columns = vec![
        map("external_ids", TEXT, TEXT),
        one("name", TEXT),
        optional("output_port", weak("Port")),
        optional("output_vlan", range(1, 4095)),
        one("select_all", BOOLEAN),
        set("select_dst_port", weak("Port"), 0, UNLIMITED),
        set("select_src_port", weak("Port"), 0, UNLIMITED),
        set("select_vlan", range(0, 4095), 0, 4096),
        optional("snaplen", range(14, 65535)),
        map("statistics", TEXT, INTEGER).ephemeral(),
    ];
    Table { name: "Mirror", root: false, max_rows: UNLIMITED, index: &[], columns }
}

fn netflow() -> Table {
    let columns = vec![
        one("active_timeout", at_least(-1)),
        one("add_id_to_interface", BOOLEAN),
        optional("engine_id", range(0, 255)),
        optional("engine_type", range(0, 255)),
        map("external_ids", TEXT, TEXT),
        set("targets", TEXT, 1, UNLIMITED),
    ];
    Table { name: "NetFlow", root: false, max_rows: UNLIMITED, index: &[], columns }
}

fn open_vswitch() -> Table {
    let columns = vec![
        set("bridges", strong("Bridge"), 0, UNLIMITED),
        one("cur_cfg", INTEGER).runtime(),
        set("datapath_types", TEXT, 0, UNLIMITED).runtime(),
        map("datapaths", TEXT, strong("Datapath")),
        optional("db_version", TEXT).runtime(),
        one("dpdk_initialized", BOOLEAN).runtime(),
        optional("dpdk_version", TEXT).runtime(),
        map("external_ids", TEXT, TEXT),
        set("iface_types", TEXT, 0, UNLIMITED).runtime(),
        set("manager_options", strong("Manager"), 0, UNLIMITED),
        one("next_cfg", INTEGER),
        map("other_config", TEXT, TEXT),
        optional("ovs_version", TEXT).runtime(),
        optional("ssl", strong("SSL")),
        map("statistics", TEXT, TEXT).ephemeral(),
        optional("system_type", TEXT).runtime(),
        optional("system_version", TEXT).runtime(),
    ];
    Table { name: "Open_vSwitch", root: true, max_rows: 1, index: &[], columns }
}

fn port() -> Table {
    let columns = vec![
        optional("bond_active_slave", TEXT),
        one("bond_downdelay", INTEGER),
        one("bond_fake_iface", BOOLEAN),
        optional("bond_mode", one_of(&["active-backup", "balance-slb", "balance-tcp"])),
        one("bond_updelay", INTEGER),
        set("cvlans", range(0, 4095), 0, 4096),
        map("external_ids", TEXT, TEXT),
        one("fake_bridge", BOOLEAN),
        set("interfaces", strong("Interface"), 1, UNLIMITED),
        optional("lacp", one_of(&["active", "off", "passive"])),
        optional("mac", TEXT),
        one("name", TEXT).immutable(),
        map("other_config", TEXT, TEXT),
        one("protected", BOOLEAN),
        optional("qos", strong("QoS")),
        map("rstp_statistics", TEXT, INTEGER).ephemeral(),
        map("rstp_status", TEXT, TEXT).ephemeral(),
        map("statistics", TEXT, INTEGER).ephemeral(),
        map("status", TEXT, TEXT).ephemeral(),
        optional("tag", range(0, 4095)),
        set("trunks", range(0, 4095), 0, 4096),
        optional(
            "vlan_mode",
            one_of(&["access", "dot1q-tunnel", "native-tagged", "native-untagged", "trunk"]),
        ),
    ];
    Table { name: "Port", root: false, max_rows: UNLIMITED, index: &["name"], columns }
}

fn qos() -> Table {
    let columns = vec![
        map("external_ids", TEXT, TEXT),
        map("other_config", TEXT, TEXT),
        map("queues", range(0, 4294967295), strong("Queue")),
        one("type", TEXT),
    ];
    Table { name: "QoS", root: true, max_rows: UNLIMITED, index: &[], columns }
}

fn queue() -> Table {
    let columns = vec![
        optional("dscp", range(0, 63)),
        map("external_ids", TEXT, TEXT),
        map("other_config", TEXT, TEXT),
    ];
    Table { name: "Queue", root: true, max_rows: UNLIMITED, index: &[], columns }
}

fn ssl() -> Table {
    let columns = vec![
        one("bootstrap_ca_cert", BOOLEAN),
        one("ca_cert", TEXT),
        one("certificate", TEXT),
        map("external_ids", TEXT, TEXT),
        one("private_key", TEXT),
    ];
    Table { name: "SSL", root: false, max_rows: 1, index: &[], columns }
}

fn sflow() -> Table {
    let columns = vec![
        optional("agent", TEXT),
        map("external_ids", TEXT, TEXT),
        optional("header", INTEGER),
        optional("polling", INTEGER),
        optional("sampling", INTEGER),
        set("targets", TEXT, 1, UNLIMITED),
    ];
    Table { name: "sFlow", root: false, max_rows: UNLIMITED, index: &[], columns }
}
