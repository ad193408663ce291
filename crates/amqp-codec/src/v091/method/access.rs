//! Class `access` (30): what clients of older versions ask for before anything else. Means nothing any more.

class_table! {
    /// Methods of class `access`.
    Access<'a> = 30;

    10 "access.request" Request<'a> Client => 11 {
        realm: &'a str,
        exclusive: bool,
        passive: bool,
        active: bool,
        write: bool,
        read: bool,
    }
    11 "access.request-ok" RequestOk Server {
        ticket: u16,
    }
}
