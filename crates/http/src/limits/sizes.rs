//! Sizes that hold for one connection: its own, else the server's.

use rollcall_domain::{Limits, Rate};

use crate::Settings;

/// How many resources are on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pages {
    /// Where the client names no number.
    pub(crate) default: u32,
    /// At most.
    pub(crate) max: u32,
}

/// The least that a connection is ever limited to, in requests per second: what IdPs count on
/// (E-ENTRA-24, R-IPSIE-03).
const SLOWEST: u32 = 25;

impl Settings {
    /// The largest body of a request, but for `/Bulk`.
    pub(crate) fn body_limit_of(&self, limits: &Limits) -> usize {
        limits.max_request_size.map_or(self.body_limit, wide)
    }

    /// The largest body of a bulk request (R-BULK-08).
    pub(crate) fn bulk_payload_of(&self, limits: &Limits) -> usize {
        limits.bulk_payload.map_or(self.bulk_payload, wide)
    }

    /// The most operations of a bulk request (R-BULK-08).
    pub(crate) fn bulk_operations_of(&self, limits: &Limits) -> usize {
        limits.bulk_operations.unwrap_or(self.bulk_operations) as usize
    }

    /// The sizes of pages (R-PAGE-03).
    pub(crate) fn pages_of(&self, limits: &Limits) -> Pages {
        let max = limits.page_max.unwrap_or(self.page_max).max(1);
        let default = limits.page_default.unwrap_or(self.page_default);
        Pages { default: default.clamp(1, max), max }
    }

    /// How many requests a second; `None` where nobody limits them.
    pub(crate) fn rate_of(&self, limits: &Limits) -> Option<Rate> {
        let Rate { per_second, burst } = limits.rate.or(self.rate)?;
        Some(Rate { per_second: per_second.max(SLOWEST), burst: burst.max(1) })
    }
}

fn wide(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_s_own_limits_count_first() {
        let settings = Settings::default();
        let own = Limits {
            max_request_size: Some(2),
            bulk_operations: Some(3),
            bulk_payload: Some(4),
            page_default: Some(500),
            page_max: Some(50),
            rate: Some(Rate { per_second: 1, burst: 0 }),
        };
        let none = Limits::default();
        let sizes = |limits| {
            let (body, payload) =
                (settings.body_limit_of(limits), settings.bulk_payload_of(limits));
            (body, payload, settings.bulk_operations_of(limits))
        };
        assert_eq!(sizes(&none), (1 << 20, 10 << 20, 5000));
        assert_eq!(sizes(&own), (2, 4, 3));
        assert_eq!(settings.pages_of(&none), Pages { default: 100, max: 1000 });
        assert_eq!(settings.pages_of(&own), Pages { default: 50, max: 50 });
        assert_eq!(settings.rate_of(&none), None);
        // R-IPSIE-03
        assert_eq!(settings.rate_of(&own), Some(Rate { per_second: 25, burst: 1 }));
    }
}
