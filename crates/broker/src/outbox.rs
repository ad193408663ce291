//! Bytes on their way to one socket, and the pool their buffers come from.
//!
//! An outbox owns a buffer only while it holds bytes, so an idle connection owns none.

/// Buffers above this are given back to the allocator rather than to the pool: what one turn sends on of a
/// full read fits, with the doubling of a buffer that grows.
const KEEP_BYTES: usize = 512 << 10;
/// Bytes of all buffers that one shard keeps for its next turns.
const KEEP_IN_ALL: usize = 2 << 20;

/// Empty buffers of one shard, ready for use.
#[derive(Default)]
pub(crate) struct BufferPool {
    free: Vec<Vec<u8>>,
    bytes: usize,
}

impl BufferPool {
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let buffer = self.free.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        let size = buffer.capacity();
        if size > 0 && size <= KEEP_BYTES && self.bytes + size <= KEEP_IN_ALL {
            buffer.clear();
            self.bytes += size;
            self.free.push(buffer);
        }
    }
}

#[derive(Default)]
pub(crate) struct Outbox {
    buffer: Vec<u8>,
    /// Bytes at the front that are written already.
    written: usize,
}

impl Outbox {
    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.written
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.written..]
    }

    /// Where to append.
    pub(crate) fn tail(&mut self, pool: &mut BufferPool) -> &mut Vec<u8> {
        if self.buffer.capacity() == 0 {
            self.buffer = pool.take();
        }
        &mut self.buffer
    }

    /// The first `n` bytes are with the kernel.
    pub(crate) fn wrote(&mut self, n: usize, pool: &mut BufferPool) {
        self.written += n;
        debug_assert!(
            self.written <= self.buffer.len(),
            "the driver wrote more than there was"
        );
        if self.written >= self.buffer.len() {
            self.written = 0;
            pool.give(std::mem::take(&mut self.buffer));
        } else if self.written > KEEP_BYTES && self.written > self.buffer.len() / 2 {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owns_a_buffer_only_while_it_holds_bytes() {
        let mut pool = BufferPool::default();
        let mut outbox = Outbox::default();
        outbox.tail(&mut pool).extend_from_slice(b"abcdef");
        outbox.wrote(2, &mut pool);
        assert_eq!(outbox.bytes(), b"cdef");
        outbox.tail(&mut pool).extend_from_slice(b"g");
        outbox.wrote(5, &mut pool);
        assert_eq!((outbox.len(), outbox.buffer.capacity()), (0, 0));
        assert_eq!(pool.free.len(), 1);
    }
}
