//! What happened so far.

/// What happened so far, for metrics. All count up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Of those, not IKE messages.
    pub malformed: u64,
    /// Of those, for no IKE SA known here.
    pub stray: u64,
    /// Of those, failing their integrity check.
    pub bad_icv: u64,
    /// Of those, with a message id that was not expected.
    pub out_of_window: u64,
    /// Requests seen again and answered from the cache.
    pub repeated_requests: u64,
    /// IKE_SA_INIT requests answered by a cookie.
    pub cookies_demanded: u64,
    /// IKE_SA_INIT requests ignored because too many were half-open.
    pub half_open_refused: u64,
    /// Replies to strays and refusals not sent because of the rate limit.
    pub replies_suppressed: u64,
    /// Peers whose proof was wrong.
    pub authentication_failures: u64,
    /// IKE SAs that came to stand.
    pub ike_sas_established: u64,
    /// Child SAs that came to stand.
    pub children_established: u64,
    /// Requests sent again.
    pub retransmissions: u64,
    /// Child rekeyings that crossed one of the peer's.
    pub crossing_child_rekeys: u64,
    /// IKE SA rekeyings that crossed one of the peer's.
    pub crossing_ike_rekeys: u64,
    /// Deletions of a child that crossed one of the peer's.
    pub crossing_deletes: u64,
    /// Child SAs found to be one too many.
    pub duplicate_children: u64,
    /// IKE SAs found to be one too many.
    pub duplicate_ike_sas: u64,
    /// TEMPORARY_FAILURE answered.
    pub temporary_failures: u64,
    /// CHILD_SA_NOT_FOUND answered.
    pub children_not_found: u64,
    /// Peers that had lost our IKE SAs, by INITIAL_CONTACT.
    pub initial_contacts: u64,
}
