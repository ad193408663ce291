// A fleet of sensors: each publishes its readings at QoS 1 over a connection that keeps breaking, and
// its client sends again what was not acknowledged. Progress goes to standard error; at the end each
// reading is a line of JSON on standard output: how often it was sent, and that it was acknowledged.
import mqtt from 'mqtt'
import { parseArgs } from 'node:util'
import { line } from './line.mjs'
import { fromCsv, readings, seeded } from './readings.mjs'

const text = { type: 'string' }
const { values: asked } = parseArgs({
  options: {
    url: { ...text, default: 'mqtt://127.0.0.1:1883' },
    csv: text, // the readings to send; without it they are made up:
    devices: { ...text, default: '1000' },
    each: { ...text, default: '30' },
    seed: { ...text, default: '1' },
    every: { ...text, default: '2' }, // seconds between two readings of a device; 0: when the last is acknowledged
    cuts: { ...text, default: '0.5' }, // how likely a connection is to be cut
    root: { ...text, default: 'sensors' }
  }
})
const [each, seed, every, cuts] = [asked.each, asked.seed, asked.every, asked.cuts].map(Number)
const target = new URL(asked.url)
const rows = asked.csv ? fromCsv(asked.csv) : readings({ devices: Number(asked.devices), each, seed })

/** Readings of one device on their way at once. */
const WINDOW = 4
const count = { connected: 0, sent: 0, acknowledged: 0, cuts: 0, unresumed: 0 }

/** Runs one device until all its readings are acknowledged. */
function device (name, own, number) {
  const random = seeded(seed * 7919 + number)
  const open = line(target, { random, chance: cuts, out: [20, 1200], in: [1, 40], onCut: () => count.cuts++ })
  const version = number % 2 ? 5 : 4
  const client = new mqtt.MqttClient(open, {
    clientId: `${asked.root}/${name}`,
    clean: false,
    protocolVersion: version,
    properties: version === 5 ? { sessionExpiryInterval: 3600 } : undefined,
    reconnectPeriod: 50 + Math.floor(random() * 250)
  })
  let [up, greeted, next, due, waiting] = [false, false, 0, every ? 0 : own.length, 0]
  return new Promise((resolve, reject) => {
    let timer
    const done = () => {
      clearInterval(timer)
      client.end(false, version === 5 ? { properties: { sessionExpiryInterval: 0 } } : {}, resolve)
    }
    // Nothing is handed to the client before it has sent again what is left of the last connection.
    const publish = () => {
      while (up && next < due && waiting < WINDOW) {
        const entry = own[next++]
        waiting++
        client.publish(`${asked.root}/${name}/reading`, JSON.stringify(entry.reading), { qos: 1 }, error => {
          if (error) return reject(error)
          waiting--
          entry.acknowledged = true
          count.acknowledged++
          if (next === own.length && waiting === 0) done()
          else publish()
        })
      }
    }
    client.on('packetsend', packet => {
      if (packet.cmd !== 'publish') return
      own[JSON.parse(packet.payload).sequence - own[0].reading.sequence].sends++
      count.sent++
    })
    client.on('connect', connack => {
      if (greeted && !connack.sessionPresent) count.unresumed++
      greeted = up = true
      count.connected++
      publish()
    })
    client.on('close', () => {
      if (up) count.connected--
      up = false
    })
    client.on('error', () => {}) // the client connects again by itself
    if (every) {
      const measure = () => { due = Math.min(due + 1, own.length); publish() }
      timer = setTimeout(() => { measure(); timer = setInterval(measure, every * 1000) }, random() * every * 1000)
    }
  })
}

function progress () {
  console.error(`fleet: ${count.acknowledged} of ${rows.length} readings acknowledged, ${count.sent} sent, ` +
    `${count.cuts} connections cut; ${count.connected} of ${devices.size} devices connected`)
}

// What becomes of each reading, device by device.
const devices = new Map()
for (const reading of rows) {
  if (!devices.has(reading.device)) devices.set(reading.device, [])
  devices.get(reading.device).push({ reading, sends: 0, acknowledged: false })
}
const ticker = setInterval(progress, 1000)
await Promise.all([...devices].map(([name, own], number) => device(name, own, number)))
clearInterval(ticker)
progress()
for (const own of devices.values()) {
  for (const { reading, sends, acknowledged } of own) {
    console.log(JSON.stringify({ device: reading.device, sequence: reading.sequence, sends, acknowledged }))
  }
}
if (count.unresumed) {
  console.error(`fleet: ${count.unresumed} sessions were not resumed`)
  process.exitCode = 1
}
