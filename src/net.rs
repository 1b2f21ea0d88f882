//! Links, addresses, routes and namespaces, by netlink.
