//! Unmasking in place (RFC 6455 5.3), eight bytes at a time.
//!
//! Pure; the caller carries the mask from piece to piece.

/// Unmasks `payload` and returns the mask as it applies to the byte that follows.
#[inline]
pub(super) fn unmask(payload: &mut [u8], mask: [u8; 4]) -> [u8; 4] {
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = payload.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, m) in tail.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= m;
    }
    let mut next = mask;
    next.rotate_left(tail.len() & 3);
    next
}

#[cfg(test)]
mod tests {
    use super::unmask;

    #[test]
    fn every_length_and_split_agrees_with_the_definition() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..70_usize {
            let plain: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
            let masked: Vec<u8> = plain
                .iter()
                .enumerate()
                .map(|(i, b)| b ^ mask[i % 4])
                .collect();
            for cut in 0..=len {
                let mut bytes = masked.clone();
                let (a, b) = bytes.split_at_mut(cut);
                let next = unmask(a, mask);
                unmask(b, next);
                assert_eq!(bytes, plain, "length {len} cut at {cut}");
            }
        }
    }
}
