// Lines that fail: a socket that dies after so many bytes, often in the middle of a packet.
import net from 'node:net'

const within = (random, low, high) => low + Math.floor(random() * (high - low))

/** Ends the socket once `bytes` have gone out (or come in); the bytes beyond never pass. */
function cut (socket, bytes, inward, reset, onCut) {
  const name = inward ? 'push' : 'write'
  const pass = socket[name].bind(socket)
  let left = bytes
  const end = () => {
    onCut()
    if (reset && !socket.connecting && !socket.writableEnded) socket.resetAndDestroy()
    else socket.destroy()
  }
  socket[name] = (chunk, ...rest) => {
    if (left <= 0 || chunk === null || chunk === undefined) return left > 0 ? pass(chunk, ...rest) : false
    const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    left -= data.length
    if (left > 0) return pass(data, ...rest)
    const passed = data.subarray(0, data.length + left)
    left = 0
    if (passed.length) pass(passed)
    setImmediate(end)
    return false
  }
}

/**
 * A function that opens connections to `target`. Each is cut with the probability `chance`, after a
 * random number of bytes: `out` and `in` are [lowest, highest].
 */
export function line (target, { random, chance, out, in: inward, onCut = () => {} }) {
  return () => {
    const socket = net.connect(Number(target.port), target.hostname)
    socket.setNoDelay(true)
    if (random() < chance) {
      const incoming = random() < 0.5
      const bytes = within(random, ...(incoming ? inward : out))
      cut(socket, bytes, incoming, random() < 0.5, onCut)
    }
    return socket
  }
}

/** A listener on a free port that passes each connection on through `open`; for clients that cannot cut their own. */
export async function proxy (open) {
  const server = net.createServer(near => {
    const far = open()
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}
