// Receivers with sessions that wait for them: a shared group, each reading to one of its members, or
// with `--group ''` plain subscribers that get everything. Each reading is a line of JSON on standard
// output; progress goes to standard error. The first `--flaky` members lose their connection now and then.
import mqtt from 'mqtt'
import { parseArgs } from 'node:util'
import { line } from './line.mjs'
import { seeded } from './readings.mjs'

const text = { type: 'string' }
const { values: asked } = parseArgs({
  options: {
    url: { ...text, default: 'mqtt://127.0.0.1:1883' },
    root: { ...text, default: 'sensors' },
    group: { ...text, default: 'workers' },
    filter: text, // default: ROOT/+/reading
    name: { ...text, default: 'worker' },
    members: { ...text, default: '3' },
    flaky: { ...text, default: '1' },
    version: { ...text, default: '5' },
    seed: { ...text, default: '1' },
    expect: text // end when this many different readings are here
  }
})
const filter = asked.filter ?? `${asked.root}/+/reading`
const random = seeded(Number(asked.seed))
const [seen, expect] = [new Set(), Number(asked.expect ?? Infinity)]
const count = { subscribed: 0, got: 0, cuts: 0, unresumed: 0 }
const protocolVersion = Number(asked.version)

function member (number) {
  const name = `${asked.name}-${number + 1}`
  const chance = number < Number(asked.flaky) ? 0.8 : 0
  const open = line(new URL(asked.url), {
    random, chance, out: [500, 4000], in: [4000, 120000], onCut: () => count.cuts++
  })
  const client = new mqtt.MqttClient(open, {
    clientId: `${asked.root}/${name}`,
    clean: false,
    protocolVersion,
    properties: protocolVersion === 5 ? { sessionExpiryInterval: 3600 } : undefined,
    reconnectPeriod: 100,
    resubscribe: false // done below, where the session is new
  })
  client.on('error', () => {}) // the client connects again by itself
  client.on('message', (topic, payload, { dup }) => {
    const { device, sequence, temperature } = JSON.parse(payload)
    console.log(JSON.stringify({ member: name, device, sequence, temperature, repeat: dup }))
    count.got++
    seen.add(`${device} ${sequence}`)
    if (seen.size >= expect) finish()
  })
  const whole = asked.group ? `$share/${asked.group}/${filter}` : filter
  let subscribed = false
  client.on('connect', ({ sessionPresent }) => {
    if (subscribed && !sessionPresent) count.unresumed++
    if (subscribed && sessionPresent) return
    client.subscribe(whole, { qos: 1 }, error => {
      if (error?.packet) throw new Error(`the subscription to ${whole} was refused: ${error.message}`)
      if (error) return // cut before the answer
      if (!subscribed && ++count.subscribed === Number(asked.members)) console.error(`${asked.name}: subscribed`)
      subscribed = true
    })
  })
  return client
}

const progress = () => console.error(`${asked.name}: ${seen.size} readings, ${count.got - seen.size} repeats, ${count.cuts} connections cut`)

let finishing = false
async function finish () {
  if (finishing) return
  finishing = true
  clearInterval(ticker)
  await Promise.all(clients.map(client => client.endAsync()))
  progress()
  if (count.unresumed) console.error(`${asked.name}: ${count.unresumed} sessions were not resumed`)
  process.exitCode = count.unresumed ? 1 : 0
}

const clients = Array.from({ length: Number(asked.members) }, (_, number) => member(number))
const ticker = setInterval(progress, 1000)
process.on('SIGINT', finish)
process.on('SIGTERM', finish)
