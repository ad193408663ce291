//! What each payload begins with: the run, who sent it, its number, and when it was meant to be sent.
//!
//! Knows neither topics nor connections. The rest of a payload is filling.

/// The bytes of a stamp, and so the smallest payload.
pub const MIN_PAYLOAD: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Tells this run's messages from anybody else's.
    pub(crate) run: u32,
    pub(crate) publisher: u32,
    /// Counts the publisher's messages, over all its topics.
    pub(crate) number: u64,
    /// Nanoseconds of the run's clock.
    pub(crate) intended: u64,
}

impl Stamp {
    pub(crate) fn to_bytes(self) -> [u8; MIN_PAYLOAD] {
        let mut bytes = [0; MIN_PAYLOAD];
        bytes[..4].copy_from_slice(&self.run.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.publisher.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_be_bytes());
        bytes[16..].copy_from_slice(&self.intended.to_be_bytes());
        bytes
    }

    /// The stamp of a payload; none where the payload is too short for one.
    pub(crate) fn read(payload: &[u8]) -> Option<Stamp> {
        let (run, rest) = payload.split_first_chunk::<4>()?;
        let (publisher, rest) = rest.split_first_chunk::<4>()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let (intended, _) = rest.split_first_chunk::<8>()?;
        Some(Stamp {
            run: u32::from_be_bytes(*run),
            publisher: u32::from_be_bytes(*publisher),
            number: u64::from_be_bytes(*number),
            intended: u64::from_be_bytes(*intended),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_and_a_short_payload_has_none() {
        let stamp = Stamp {
            run: 7,
            publisher: u32::MAX,
            number: u64::MAX - 1,
            intended: 3,
        };
        let mut payload = stamp.to_bytes().to_vec();
        payload.extend([b'x'; 40]);
        assert_eq!(Stamp::read(&payload), Some(stamp));
        assert_eq!(Stamp::read(&payload[..MIN_PAYLOAD - 1]), None);
    }
}
